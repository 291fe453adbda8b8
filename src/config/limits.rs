//! How much of everything the server takes before it says no.

use super::walk::Section;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $default:literal, $least:literal..=$most:literal;)*) => {
        /// Every limit has a default and a range; the unit is the last word of its name (`_s` is seconds).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        pub(super) fn limits(root: &Section<'_>) -> Limits {
            let section = root.section("limits");
            let limits = Limits {
                $($name: section
                    .get(stringify!($name))
                    .and_then(|field| field.integer($least..=$most))
                    .unwrap_or($default),)*
            };
            section.finish();
            limits
        }
    };
}

limits! {
    /// A longer request target is answered 414.
    uri_bytes = 8_192, 256..=65_536;
    /// Request line and headers together; more is answered 431.
    head_bytes = 16_384, 1_024..=131_072;
    /// More is answered 414.
    query_parameters = 64, 8..=1_024;
    /// All `Cookie` headers together; more is answered 431.
    cookie_bytes = 8_192, 256..=65_536;
    /// All bodies that are received at the same moment, together; more is answered 503.
    bodies_bytes = 268_435_456, 1_048_576..=17_179_869_184;
    first_byte_s = 10, 1..=600;
    /// From the first byte to the end of the head.
    head_s = 10, 1..=600;
    tls_handshake_s = 5, 1..=600;
    /// A body that comes in slower is cut off.
    body_rate_bytes_per_s = 500, 1..=1_048_576;
    body_s = 30, 1..=600;
    /// A client that takes nothing of its answer for so long is cut off.
    write_stall_s = 10, 1..=600;
    /// How long a connection may wait for its next request.
    idle_s = 30, 1..=3_600;
    connection_age_s = 3_600, 1..=86_400;
    http2_streams = 64, 1..=1_024;
    http2_window_bytes = 65_536, 65_535..=16_777_216;
    http2_header_list_bytes = 16_384, 1_024..=131_072;
    connections = 10_000, 1..=1_000_000;
    /// Of one IPv4 address or IPv6 /64.
    connections_per_address = 256, 1..=1_000_000;
    /// How long running requests may take to end when the server stops.
    drain_s = 25, 1..=600;
}

/// How often one client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Hits of one IPv4 address or IPv6 /64, on average.
    pub per_address_per_s: u32,
    /// Hits that may come at once.
    pub per_address_burst: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { per_address_per_s: 100, per_address_burst: 1_000 }
    }
}

/// On unless the file says `enabled = false`.
pub(super) fn rate_limits(root: &Section<'_>) -> Option<RateLimits> {
    let section = root.section("rate_limits");
    let usual = RateLimits::default();
    let enabled = section.get("enabled").and_then(|field| field.flag()).unwrap_or(true);
    let rate = |key, usual: u32| {
        let number = section.get(key).and_then(|field| field.integer(1..=1_000_000));
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(usual)
    };
    let per_address_per_s = rate("per_address_per_s", usual.per_address_per_s);
    let per_address_burst = rate("per_address_burst", usual.per_address_burst);
    section.finish();
    enabled.then_some(RateLimits { per_address_per_s, per_address_burst })
}
