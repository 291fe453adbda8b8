//! The integration tests: one binary, a module a subject.

mod simulated_disk;
mod storage;
