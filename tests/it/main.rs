//! The tests that look at the whole: one binary, one module a subject.

mod layers;
mod source;
mod ui;
