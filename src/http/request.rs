//! One request as the journeys see it, whatever protocol it came in.

use std::net::IpAddr;

/// A request's head, borrowed from the connection's buffer. The framing has been checked.
#[derive(Debug, Clone, Copy)]
pub struct Head<'b> {
    /// Upper case.
    pub method: &'b str,
    /// Starts with `/`, or is the `*` of an `OPTIONS`; not decoded.
    pub path: &'b str,
    /// What follows the first `?`, not decoded; empty without one.
    pub query: &'b str,
    /// In the order in which they came; names in the letter case in which they came.
    pub headers: &'b [(&'b str, &'b [u8])],
    /// The client's address, taken from a trusted proxy's header where there is one.
    pub client: IpAddr,
    /// Whether the peer is a trusted proxy, so that what it says about its client counts.
    pub via_trusted_proxy: bool,
}

impl<'b> Head<'b> {
    /// The values of all headers called `name` (any case), in order.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, value)| value)
    }

    /// The host and port that the request went to, as the client names them.
    pub fn host(&self) -> Option<&'b str> {
        self.header("host").or_else(|| self.header(":authority"))
    }

    /// The first header called `name`, if it is text.
    pub fn header(&self, name: &str) -> Option<&'b str> {
        self.headers_named(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }
}
