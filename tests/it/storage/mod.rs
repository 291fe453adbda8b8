//! The log, from outside.

mod append_and_read;
mod power_cut;
pub(crate) mod support;
