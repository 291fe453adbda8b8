//! The tests that look at the whole: one binary, one module a subject.

mod edge;
mod layers;
mod source;
mod ui;
