//! The tests that look at the whole: one binary, one module a subject.

mod admin;
mod command_line;
mod consent;
mod daa;
mod edge;
mod gated_disk;
mod layers;
mod opt_out;
mod opt_out_list;
mod pixel;
mod readme;
mod seed;
mod simulated_disk;
mod source;
mod storage;
mod ui;
mod well_known;
mod world;
