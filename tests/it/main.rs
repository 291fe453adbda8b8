<<<<<<< HEAD
//! The tests that look at the whole: one binary, one module a subject.

mod edge;
mod layers;
mod source;
mod ui;
=======
//! The integration tests: one binary, a module a subject.

mod simulated_disk;
mod storage;
>>>>>>> storage
