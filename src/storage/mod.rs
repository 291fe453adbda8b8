//! Keep it: the append-only log and what is derived from it.
//!
//! Nothing outside this module opens a file of the data directory, and nothing is written to one but an
//! [`entry::Entry`].

pub mod durable;
pub mod entry;
pub mod log;
