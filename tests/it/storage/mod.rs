//! The log, from outside.

mod append_and_read;
mod damage;
mod failing_disk;
mod opt_out_order;
mod power_cut;
pub(crate) mod support;
