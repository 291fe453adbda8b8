//! The `Date` header, formatted once a second.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Appends the date as of `now` (RFC 9110, section 5.6.7): `Sun, 22 Nov 2026 03:04:05 GMT`.
pub(super) fn append(out: &mut Vec<u8>, now: Instant) {
    CACHED.with_borrow_mut(|cached| {
        if cached.as_ref().is_none_or(|known| known.stale_at <= now) {
            *cached = Some(Cached::at(now));
        }
        let known = cached.as_ref().expect("it was filled just now");
        out.extend_from_slice(&known.text);
    });
}

struct Cached {
    text: [u8; DATE_BYTES],
    stale_at: Instant,
}

impl Cached {
    #[expect(
        clippy::disallowed_methods,
        reason = "tells the client this machine's time, as hyper does on its own; nothing is decided by it"
    )]
    fn at(now: Instant) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let left = Duration::from_secs(1) - Duration::from_nanos(u64::from(since_1970.subsec_nanos()));
        Self { text: format(since_1970.as_secs()), stale_at: now + left }
    }
}

fn format(seconds: u64) -> [u8; DATE_BYTES] {
    let timestamp =
        jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX)).unwrap_or_default();
    let text = timestamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    text.as_bytes().try_into().unwrap_or(*b"Thu, 01 Jan 1970 00:00:00 GMT")
}

thread_local! {
    static CACHED: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

pub(super) const DATE_BYTES: usize = 29;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_the_way_http_wants_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_795_316_645, "Sun, 22 Nov 2026 03:04:05 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(&format(seconds)), Ok(text));
        }
    }
}
