//! Every limit and deadline of the edge, in one place.

use std::time::Duration;

/// What one request or connection may take up. The defaults are what a public server wants; tests shorten them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The request line, all headers and the empty line; more is answered 431.
    pub head_bytes_max: usize,
    /// The request target; a longer one is answered 414.
    pub uri_bytes_max: usize,
    /// More is answered 414.
    pub query_params_max: usize,
    /// All `Cookie` headers together; more is answered 431.
    pub cookie_bytes_max: usize,
    /// From accepting a connection, or from the end of its TLS handshake, to the first byte of its first request.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    pub tls_handshake: Duration,
    /// A whole body, however fast it comes.
    pub body: Duration,
    /// A body that comes slower than this, after `body_grace`, is given up.
    pub body_bytes_per_s_min: u32,
    pub body_grace: Duration,
    /// All bodies that are being received or answered at this moment, together; more is answered 503.
    pub bodies_bytes_max: usize,
    /// How long a client may take none of what is sent to it.
    pub write_stall: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// A connection this old is closed after the answer that it is waiting for.
    pub age: Duration,
    /// How long a refused client's further bytes are read and dropped, so that it gets to see the answer.
    pub linger: Duration,
    pub h2_streams_max: u32,
    pub h2_window_bytes: u32,
    pub h2_header_list_bytes_max: u32,
    pub connections_max: usize,
    /// Per IPv4 address or IPv6 /64; trusted proxies are exempt.
    pub connections_per_address_max: u32,
    /// From the shutdown signal to cutting off what is still open.
    pub drain: Duration,
}

/// Headers of one request; more is answered 431. Fixed, because it is the size of an array.
pub const HEADERS_MAX: usize = 64;

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 * KIB,
            uri_bytes_max: 8 * KIB,
            query_params_max: 64,
            cookie_bytes_max: 8 * KIB,
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            tls_handshake: Duration::from_secs(5),
            body: Duration::from_secs(30),
            body_bytes_per_s_min: 500,
            body_grace: Duration::from_secs(2),
            bodies_bytes_max: 256 * KIB * KIB,
            write_stall: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            age: Duration::from_secs(3600),
            linger: Duration::from_secs(1),
            h2_streams_max: 64,
            h2_window_bytes: 64 * KIB as u32,
            h2_header_list_bytes_max: 16 * KIB as u32,
            connections_max: 10_000,
            connections_per_address_max: 256,
            drain: Duration::from_secs(25),
        }
    }
}

const KIB: usize = 1024;
