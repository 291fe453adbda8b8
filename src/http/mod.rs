//! Speak it: the only module that knows HTTP. Decides nothing and never touches the storage.

pub mod limits;
pub mod proxy;
pub mod rate_limit;
pub mod request;
pub mod response;
pub mod server;
pub mod server_metrics;
pub mod service;
pub mod tls;

pub mod chunks;
pub mod fault;
pub mod framing;

pub mod census;

mod address;
mod body;
mod buffer;
mod connection;
mod date;
mod deadline;
mod encode;
mod exchange;
mod h2;
mod one_request;
mod shared;
