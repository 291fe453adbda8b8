//! Addresses as the limits count them.

use std::net::IpAddr;

/// One IPv4 address or one IPv6 /64, which is what one subscriber gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AddressKey(pub(super) u64);

impl AddressKey {
    pub(super) const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // ffff::/16 is multicast, so no IPv6 client has such a /64.
            IpAddr::V4(v4) => Self(0xffff_ffff << 32 | v4.to_bits() as u64),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, same: bool) {
        let key = |text: &str| AddressKey::of(text.parse().unwrap());
        assert_eq!(key(a) == key(b), same, "{a} {b}");
    }

    #[test]
    fn one_subscriber_is_one_key() {
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
        check("255.255.255.255", "ff02::1", false);
    }
}
