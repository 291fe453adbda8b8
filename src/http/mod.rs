//! Speak it: the only module that knows HTTP. Decides nothing and never touches the storage.
//!
//! The journeys (`pixel`, `touch`, `tag`, `matching`, `prebid`, `opt_out`, `daa`, `privacy`, `deletion`, `advertiser`, `admin`) come first, each from a [`request::Head`] to a [`response::Answer`]; `public`
//! and `admin` say which request is whose.
//!
//! Then the edge, from the socket inwards: `server` accepts and drains, `tls` shakes hands, `connection` owns an
//! HTTP/1.1 socket and waits on it without a buffer, `exchange` frames what comes (`framing`, `chunks`) and answers a
//! pixel's request from the buffer, `one_request` lends any other to hyper, `h2` is hyper's altogether. All of them ask
//! the same [`service::Service`]. Nothing waits without a deadline (`limits`), and hyper never sees a byte of HTTP/1.1
//! that could be read in two ways.

mod account_settings;
pub mod admin;
mod ads_registry;
pub mod advertiser;
pub mod api;
pub mod auth;
pub mod cookie;
pub mod cookie_registry;
pub mod csrf;
pub mod daa;
pub mod dash;
pub mod deletion;
pub mod explain;
pub mod match_frame;
pub mod matching;
pub mod opt_out;
mod opt_outs;
pub mod pages;
mod partner_registry;
pub mod pixel;
pub mod pixel_hit;
pub mod prebid;
pub mod privacy;
pub mod public;
pub mod receipt;
mod registration;
pub mod tag;
pub mod touch;
pub mod visitor;
pub mod well_known;

pub mod request;
pub mod response;
pub mod service;

pub mod census;
pub mod chunks;
pub mod fault;
pub mod framing;
pub mod limits;
pub mod outbound;
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
mod erasures;
mod exchange;
mod figures;
mod h2;
mod one_request;
mod privacy_page;
mod shared;
mod targeting;
mod test_code;
