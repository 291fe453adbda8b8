//! Keep it: the append-only log and what is derived from it.
//!
//! Nothing outside this module opens a file of the data directory, and nothing is written to one but an
//! [`entry::Entry`].

mod active;
mod chain;
mod dedup;
pub mod disk;
pub mod durable;
pub mod entry;
pub mod export;
mod file;
mod frame;
mod group;
mod housekeeper;
pub mod log;
pub mod metrics;
pub mod opt_outs;
pub mod options;
mod pool;
mod queue;
pub mod reader;
pub mod real_disk;
mod record;
pub mod recovery;
mod scan;
pub mod verify;
pub mod worker;
mod writer;
