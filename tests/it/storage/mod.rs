//! The log, from outside.

mod append_and_read;
mod damage;
mod document;
mod duplicates;
mod erasure;
mod erasure_cut;
mod erasure_kill;
mod failing_disk;
mod golden;
mod golden_erasure;
mod limits;
mod matches;
mod opt_out_order;
mod power_cut;
mod retention;
mod settings;
pub(crate) mod support;
mod tallies;
mod touches;
