//! The decoders of consent strings against strings that others wrote, and against the rules written down anew.

mod gpp;
mod us_table;
