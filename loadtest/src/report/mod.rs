//! What is written about a run.

pub(crate) mod html;
pub(crate) mod plot;
pub(crate) mod summary;
