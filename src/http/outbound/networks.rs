//! Which addresses belong to somebody on the internet, and which could be a machine of ours.
//!
//! Nothing is reachable that is not known to be public: an address that somebody else chose must not lead inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Where connections of ours may lead.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    /// Besides what is public: networks that the operator has named.
    pub allowed: Vec<IpNet>,
}

impl Networks {
    pub(super) fn may_reach(&self, address: IpAddr) -> bool {
        is_public(address) || self.is_allowed_by_name(address)
    }

    /// The operator has named its network.
    pub(super) fn is_allowed_by_name(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(&address))
    }
}

/// Globally reachable: IANA, "IPv4 / IPv6 Special-Purpose Address Registry", and no multicast.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        // All that has been given out so far is in 2000::/3; NAT64 (64:ff9b::/96) and whatever else embeds an IPv4
        // address is not needed by who has one.
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), bits)
}

const fn v6(a: u16, b: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];

const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
/// Protocol assignments (Teredo among them), documentation, 6to4.
const SPECIAL_V6: [Ipv6Net; 4] =
    [v6(0x2001, 0, 23), v6(0x2001, 0x0db8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, public: bool) {
        assert_eq!(Networks::default().may_reach(address.parse().expect("an address")), public, "{address}");
    }

    #[test]
    fn what_is_public_may_be_reached() {
        for address in
            ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255"]
        {
            check(address, true);
        }
        for address in ["172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"] {
            check(address, true);
        }
        for address in ["2606:4700::1111", "2a00:1450::1", "2001:200::1", "2003::1"] {
            check(address, true);
        }
        check("::ffff:1.1.1.1", true);
    }

    #[test]
    fn first_and_last_address_of_what_is_special_are_out_of_reach() {
        for network in SPECIAL_V4 {
            check(&network.network().to_string(), false);
            check(&network.broadcast().to_string(), false);
            check(&network.network().to_ipv6_mapped().to_string(), false);
        }
        for network in SPECIAL_V6 {
            check(&network.network().to_string(), false);
            check(&network.broadcast().to_string(), false);
        }
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2002:7f00:1::",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "255.255.255.255",
            "169.254.169.254",
        ] {
            check(address, false);
        }
    }

    #[test]
    fn a_network_that_is_named_may_be_reached_however_its_address_is_written() {
        let networks = Networks { allowed: vec!["127.0.0.1/32".parse().expect("a network")] };
        for (address, expect) in
            [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("127.0.0.2", false), ("::1", false)]
        {
            assert_eq!(networks.may_reach(address.parse().expect("an address")), expect, "{address}");
        }
    }
}
