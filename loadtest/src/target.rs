//! Where the load goes: never anywhere but this machine.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A listener on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target(SocketAddr);

impl Target {
    pub(crate) const fn address(self) -> SocketAddr {
        self.0
    }

    /// What a browser would call the server's origin.
    pub(crate) fn origin(self) -> String {
        format!("http://{}", self.0)
    }
}

/// Why a text is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidTarget {
    Form,
    NotLoopback,
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "expected http://127.0.0.1:PORT, an address and a port without a path",
            Self::NotLoopback => "load is sent to loopback addresses only (127.0.0.0/8 or ::1)",
        })
    }
}

impl std::error::Error for InvalidTarget {}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let text = text.strip_prefix("http://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let address: Result<SocketAddr, _> = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}").parse(),
            None => text.parse(),
        };
        Self::try_from(address.map_err(|_| InvalidTarget::Form)?)
    }
}

impl TryFrom<SocketAddr> for Target {
    type Error = InvalidTarget;

    fn try_from(address: SocketAddr) -> Result<Self, InvalidTarget> {
        // `::ffff:10.0.0.1` is another machine, whatever family it is written in.
        let ip = address.ip().to_canonical();
        if !ip.is_loopback() {
            return Err(InvalidTarget::NotLoopback);
        }
        Ok(Self(SocketAddr::new(ip, address.port())))
    }
}

/// The address that the `index`th connection comes from. Spread over 127.0.0.0/8, because a server limits how many
/// connections one address may hold.
pub(crate) fn source(target: Target, index: usize) -> Option<SocketAddr> {
    if !matches!(target.0.ip(), IpAddr::V4(_)) || index < CONNECTIONS_PER_SOURCE {
        return None;
    }
    let host = u16::try_from(index / CONNECTIONS_PER_SOURCE).ok()?;
    let [high, low] = host.to_be_bytes();
    Some(SocketAddr::from(([127, 1, high, low], 0)))
}

const CONNECTIONS_PER_SOURCE: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, InvalidTarget>) {
        assert_eq!(text.parse::<Target>().map(Target::origin), expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn only_loopback_is_a_target() {
        check("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080"));
        check("localhost:80/", Ok("http://127.0.0.1:80"));
        check("127.9.9.9:1", Ok("http://127.9.9.9:1"));
        check("http://[::1]:8080", Ok("http://[::1]:8080"));
        check("10.0.0.1:80", Err(InvalidTarget::NotLoopback));
        check("0.0.0.0:80", Err(InvalidTarget::NotLoopback));
        check("[::ffff:10.0.0.1]:80", Err(InvalidTarget::NotLoopback));
        check("https://127.0.0.1:443", Err(InvalidTarget::Form));
        check("shop.example:80", Err(InvalidTarget::Form));
        check("127.0.0.1", Err(InvalidTarget::Form));
    }

    #[test]
    fn no_source_address_holds_more_than_its_share() {
        let target = "127.0.0.1:80".parse().unwrap();
        let sources: Vec<_> = (0..10_000).map(|index| source(target, index)).collect();
        for wanted in [None, source(target, 9_999)] {
            assert_eq!(sources.iter().filter(|&&each| each == wanted).count(), 100);
        }
    }
}
