//! The log, from outside.

mod append_and_read;
mod damage;
mod duplicates;
mod failing_disk;
mod golden;
mod limits;
mod opt_out_order;
mod power_cut;
mod retention;
pub(crate) mod support;
