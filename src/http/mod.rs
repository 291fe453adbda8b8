//! Speak it: the only module that knows HTTP. Decides nothing and never touches the storage.
//!
//! The journeys and what they share come first, then what takes requests in and sends answers out.

pub mod admin;
pub mod auth;
pub mod cookie;
pub mod csrf;
pub mod opt_out;
pub mod pixel;
pub mod pixel_hit;
pub mod public;
pub mod visitor;

pub mod request;
pub mod response;
pub mod service;

pub mod census;
pub mod chunks;
pub mod fault;
pub mod framing;
pub mod limits;
pub mod proxy;
pub mod rate_limit;
pub mod server;
pub mod server_metrics;
pub mod tls;

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
