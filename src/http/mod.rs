//! Speak it: the only module that knows HTTP. Decides nothing and never touches the storage.

pub mod admin;
pub mod cookie;
pub mod csrf;
pub mod opt_out;
pub mod pixel;
pub mod pixel_hit;
pub mod public;
pub mod request;
pub mod response;
pub mod service;
pub mod visitor;
