//! Speak it: the only module that knows HTTP. Decides nothing and never touches the storage.

pub mod request;
pub mod response;
pub mod service;
