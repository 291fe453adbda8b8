//! A minimal HTTP/1.1 client with keep-alive: one connection, one request at a time, nothing hidden.

pub(crate) mod connection;
pub(crate) mod hit;
pub(crate) mod opt_out;
pub(crate) mod reply;
