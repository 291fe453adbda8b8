//! The server's edge over real sockets.

mod basics;
mod framing;
mod framing_model;
mod h2;
mod h2_raw;
mod harness;
mod limits;
mod secure;
mod slow;
mod tls;
