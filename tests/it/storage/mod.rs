//! The log, from outside.

mod append_and_read;
mod support;
