//! A request's head, byte by byte as it comes in: no panic, one reading only, and what was let through keeps the
//! promises that everything behind it relies on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::http::framing::{HeaderSlots, check_unfinished, head_length, parse};
use pixelgate::http::limits::Limits;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let whole = head_length(data, 0);
    // Where the head ends does not depend on how the bytes were cut.
    let in_two = match head_length(&data[..data.len() / 2], 0) {
        Ok(None) => head_length(data, data.len() / 2),
        early => early,
    };
    assert_eq!(format!("{whole:?}"), format!("{in_two:?}"), "cut in two, the head ends elsewhere");
    match whole {
        Ok(Some(length)) => check_head(&data[..length], &limits),
        Ok(None) => drop(check_unfinished(data, 0, &limits)),
        Err(_) => {}
    }
});

fn check_head(head: &[u8], limits: &Limits) {
    let mut slots = HeaderSlots::new();
    let Ok(framed) = parse(head, &mut slots, limits) else { return };
    assert!(head.len() <= limits.head_bytes_max);
    assert!(framed.path.starts_with('/') || framed.path == "*");
    assert!(!framed.path.contains('?') && framed.path.len() + framed.query.len() <= limits.uri_bytes_max);
    let headers = &*slots;
    let hosts = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count();
    assert!(hosts <= 1, "two hosts");
    for (name, value) in headers {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "a header holds a line end");
    }
    let lengths = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).count();
    let encodings = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding")).count();
    assert!(lengths == 0 || encodings == 0, "a length and an encoding");
}
