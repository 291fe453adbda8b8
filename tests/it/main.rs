//! The tests that look at the whole: one binary, one module a subject.

mod admin;
mod command_line;
mod consent;
mod daa;
mod deletion;
mod edge;
mod embed;
mod erasure;
mod explain;
mod gated_disk;
mod layers;
mod matching;
mod opt_out;
mod opt_out_list;
mod pixel;
mod prebid;
mod privacy;
mod readme;
mod seed;
mod simulated_disk;
mod source;
mod storage;
mod ui;
mod vendor_list;
mod well_known;
mod world;
