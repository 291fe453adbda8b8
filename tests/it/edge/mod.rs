//! The server's edge over real sockets.

mod basics;
mod framing;
mod harness;
