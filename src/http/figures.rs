//! Numbers, times and shares as people read them.

use jiff::tz::TimeZone;

use crate::domain::time::Timestamp;

/// `1,234,567`
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.5 %`; a dash of nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = percent(part, whole);
    let tenths = (percent * 10.0).round();
    match part {
        _ if part > 0 && tenths < 1.0 => "< 0.1 %".to_owned(),
        _ if part < whole && tenths > 999.0 => "> 99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

/// 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// `0.4 ms`, `1.3 s`
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

/// `12.3 MiB`
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return format!("{bytes} bytes");
    }
    let (mut amount, mut unit) = (bytes as f64 / 1_024.0, 0);
    while amount >= 1_024.0 && unit + 1 < UNITS.len() {
        (amount, unit) = (amount / 1_024.0, unit + 1);
    }
    format!("{amount:.1} {}", UNITS[unit])
}

/// `3 days 4 h`, `4 h 5 min`, `5 min`, `12 s`
pub(super) fn duration(ms: u64) -> String {
    let (s, min, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match h {
        0 if min == 0 => format!("{s} s"),
        0 => format!("{min} min"),
        1..24 => format!("{h} h {} min", min % 60),
        24..48 => format!("1 day {} h", h % 24),
        _ => format!("{} days {} h", h / 24, h % 24),
    }
}

/// `2026-11-22 09:41:05 UTC`
pub(super) fn moment(at: Timestamp) -> String {
    let at = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let at = TimeZone::UTC.to_datetime(at.unwrap_or_default());
    format!("{} {:02}:{:02}:{:02} UTC", at.date(), at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expect: &str) {
        assert_eq!(written, expect);
    }

    #[test]
    fn figures_are_written_as_people_read_them() {
        check(&number(0), "0");
        check(&number(999), "999");
        check(&number(1_000), "1,000");
        check(&number(1_234_567), "1,234,567");
        check(&share(0, 0), "–");
        check(&share(0, 3), "0.0 %");
        check(&share(1, 3), "33.3 %");
        check(&share(3, 3), "100.0 %");
        check(&share(1, 100_000), "< 0.1 %");
        check(&share(99_999, 100_000), "> 99.9 %");
        check(&seconds(0.000_05), "50 µs");
        check(&seconds(0.0128), "12.8 ms");
        check(&seconds(2.0), "2.0 s");
        check(&bytes(1_023), "1023 bytes");
        check(&bytes(1_024), "1.0 KiB");
        check(&bytes(3 << 40), "3.0 TiB");
        check(&bytes(u64::MAX), "16777216.0 TiB");
        check(&duration(59_999), "59 s");
        check(&duration(60_000), "1 min");
        check(&duration(3_600_000 * 5 + 60_000), "5 h 1 min");
        check(&duration(3_600_000 * 25), "1 day 1 h");
        check(&duration(3_600_000 * 50), "2 days 2 h");
        check(&moment(Timestamp(1_795_316_645_678)), "2026-11-22 03:04:05 UTC");
    }
}
