//! Whose address counts: the peer's, or the one that a trusted proxy tells.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// The networks whose word about their clients is taken.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
}

impl TrustedProxies {
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client's address, and whether the peer is a trusted proxy.
    ///
    /// From the right, because everything left of the first untrusted hop was written by that hop. With both
    /// `X-Forwarded-For` and `Forwarded` the proxy wrote one and passed the other on, and nobody here knows which:
    /// unless they agree, the peer itself is the client.
    pub fn client(&self, peer: IpAddr, headers: &[(&str, &[u8])]) -> (IpAddr, bool) {
        let peer = peer.to_canonical();
        if self.networks.is_empty() || !self.trusts(peer) {
            return (peer, false);
        }
        let hops = |name: &'static str| {
            let values = headers.iter().rev().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
            values.flat_map(|(_, value)| value.rsplit(|&byte| byte == b','))
        };
        let plain = self.right_most(peer, hops("x-forwarded-for").map(parse_hop));
        let standard = self.right_most(peer, hops("forwarded").map(|hop| parse_hop(for_parameter(hop)?)));
        let client = match (plain, standard) {
            (Some(plain), Some(standard)) if plain != standard => peer,
            (plain, standard) => plain.or(standard).unwrap_or(peer),
        };
        (client, true)
    }

    /// The first hop that is no proxy of ours. What cannot be read ends the search at the hop that reported it.
    fn right_most(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut last = None;
        for hop in hops {
            let Some(hop) = hop else { return last.or(Some(peer)) };
            if !self.trusts(hop) {
                return Some(hop);
            }
            last = Some(hop);
        }
        last
    }
}

/// An address, bracketed or with a port where need be: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`.
fn parse_hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The `for` of one element of `Forwarded` (RFC 7239, section 4), without its quotes.
fn for_parameter(element: &[u8]) -> Option<&[u8]> {
    let value = element.split(|&byte| byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let equals = memchr::memchr(b'=', pair)?;
        pair[..equals].eq_ignore_ascii_case(b"for").then(|| &pair[equals + 1..])
    })?;
    Some(value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, headers: &[(&str, &str)], expect: &str, via: bool) {
        let networks = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|network| network.parse().unwrap());
        let headers: Vec<_> = headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
        let found = TrustedProxies::new(networks.into()).client(peer.parse().unwrap(), &headers);
        assert_eq!(found, (expect.parse().unwrap(), via), "{peer} {headers:?}");
    }

    const XFF: &str = "X-Forwarded-For";

    #[test]
    fn a_strangers_headers_are_not_believed() {
        check("192.0.2.9", &[], "192.0.2.9", false);
        check("192.0.2.9", &[(XFF, "198.51.100.1")], "192.0.2.9", false);
        check("192.0.2.9", &[("Forwarded", "for=198.51.100.1")], "192.0.2.9", false);
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        check("10.0.0.1", &[(XFF, "198.51.100.1")], "198.51.100.1", true);
        check("::ffff:10.0.0.1", &[(XFF, "198.51.100.1")], "198.51.100.1", true);
        check("10.0.0.1", &[(XFF, "203.0.113.5, 198.51.100.1")], "198.51.100.1", true);
        check("10.0.0.1", &[(XFF, "203.0.113.5, 198.51.100.1,10.9.9.9")], "198.51.100.1", true);
        check("10.0.0.1", &[(XFF, "203.0.113.5"), (XFF, "198.51.100.1")], "198.51.100.1", true);
        check("2001:db8:ffff::1", &[("x-forwarded-for", "2001:db8::7")], "2001:db8::7", true);
    }

    #[test]
    fn hops_may_have_ports_and_brackets() {
        check("10.0.0.1", &[(XFF, "198.51.100.1:4711")], "198.51.100.1", true);
        check("10.0.0.1", &[(XFF, "[2001:db8::7]")], "2001:db8::7", true);
        check("10.0.0.1", &[(XFF, "[2001:db8::7]:4711")], "2001:db8::7", true);
        check("10.0.0.1", &[(XFF, "::ffff:198.51.100.1")], "198.51.100.1", true);
    }

    #[test]
    fn the_standard_header_is_read_too() {
        check("10.0.0.1", &[("Forwarded", "for=198.51.100.1;proto=https")], "198.51.100.1", true);
        check("10.0.0.1", &[("Forwarded", "proto=https; For=\"[2001:db8::7]:80\"")], "2001:db8::7", true);
        check("10.0.0.1", &[("Forwarded", "for=203.0.113.5, for=198.51.100.1")], "198.51.100.1", true);
        check("10.0.0.1", &[("Forwarded", "for=203.0.113.5, for=unknown")], "10.0.0.1", true);
        check("10.0.0.1", &[("Forwarded", "proto=https")], "10.0.0.1", true);
    }

    #[test]
    fn what_cannot_be_read_is_not_skipped() {
        check("10.0.0.1", &[(XFF, "198.51.100.1, nonsense")], "10.0.0.1", true);
        check("10.0.0.1", &[(XFF, "198.51.100.1, nonsense, 10.0.0.2")], "10.0.0.2", true);
        check("10.0.0.1", &[(XFF, "198.51.100.1,")], "10.0.0.1", true);
        check("10.0.0.1", &[(XFF, "")], "10.0.0.1", true);
    }

    #[test]
    fn proxies_only_or_no_header_leaves_the_nearest_known() {
        check("10.0.0.1", &[], "10.0.0.1", true);
        check("10.0.0.1", &[(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3", true);
    }

    #[test]
    fn two_headers_that_disagree_are_not_believed() {
        let both = |a, b| [(XFF, a), ("Forwarded", b)];
        check("10.0.0.1", &both("198.51.100.1", "for=203.0.113.5"), "10.0.0.1", true);
        check("10.0.0.1", &both("198.51.100.1", "for=198.51.100.1"), "198.51.100.1", true);
    }
}
