//! An answer as HTTP/1.1 bytes.

use std::io::Write;

use http::StatusCode;
use tokio::time::Instant;

use super::date;
use super::response::Answer;

/// What the request and the connection add to an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// The answer to a `HEAD`: the length is told, the body is not sent.
    pub(super) head_only: bool,
    /// Nothing more is answered on this connection.
    pub(super) close: bool,
    pub(super) now: Instant,
}

/// Appends `answer`. A header with a control character in its value is left out.
pub(super) fn encode(out: &mut Vec<u8>, answer: &Answer, frame: Frame) {
    status_line(out, answer.status);
    out.extend_from_slice(answer.fixed.text.as_bytes());
    for (name, value) in &answer.headers {
        if is_sendable(value.as_bytes()) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    if has_body(answer.status) {
        out.extend_from_slice(b"Content-Length: ");
        number(out, answer.body.len());
        out.extend_from_slice(b"\r\n");
    }
    if frame.close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"Date: ");
    date::append(out, frame.now);
    out.extend_from_slice(b"\r\n\r\n");
    if has_body(answer.status) && !frame.head_only {
        out.extend_from_slice(&answer.body);
    }
}

/// Whether answers with this status have a body at all (RFC 9110, section 6.4.1).
pub(super) const fn has_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

/// Whether a header value stays one header value on the wire.
pub(super) fn is_sendable(value: &[u8]) -> bool {
    // No early exit, so that it is done 16 bytes at a time.
    !value.iter().fold(false, |control, &byte| control | (byte < 0x20) | (byte == 0x7f))
}

fn status_line(out: &mut Vec<u8>, status: u16) {
    if status == 200 {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    let known = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = known.canonical_reason().unwrap_or("Unknown");
    write!(out, "HTTP/1.1 {} {reason}\r\n", known.as_str()).expect("a vector takes every byte");
}

fn number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::FixedHeaders;

    #[track_caller]
    fn check(answer: &Answer, head_only: bool, close: bool, expect: &str) {
        let mut out = Vec::new();
        encode(&mut out, answer, Frame { head_only, close, now: Instant::now() });
        let text = String::from_utf8(out).unwrap();
        let (before, rest) = text.split_once("Date: ").unwrap();
        assert_eq!(format!("{before}{}", &rest[date::DATE_BYTES + 2..]), expect);
    }

    #[test]
    fn an_answer_has_its_length_and_its_body() {
        check(
            &Answer::text(200, "hi").with("Cache-Control", "no-store"),
            false,
            false,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\
             Content-Length: 2\r\n\r\nhi",
        );
    }

    #[test]
    fn the_answer_to_a_head_has_the_length_only() {
        let expect = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: 2\r\nConnection: close\r\n\r\n";
        check(&Answer::text(404, "hi"), true, true, expect);
    }

    #[test]
    fn a_204_has_neither_body_nor_length() {
        let answer = Answer {
            status: 204,
            fixed: FixedHeaders::NONE,
            headers: Vec::new(),
            body: b"ignored".as_slice().into(),
        };
        check(&answer, false, false, "HTTP/1.1 204 No Content\r\n\r\n");
    }

    #[test]
    fn a_value_that_would_split_the_head_is_left_out() {
        let answer = Answer {
            status: 204,
            fixed: FixedHeaders::NONE,
            headers: Vec::new(),
            body: b"".as_slice().into(),
        };
        let answer = answer.with("Location", "/a\r\nSet-Cookie: x=1").with("X", "\u{7f}").with("Y", "kept");
        check(&answer, false, false, "HTTP/1.1 204 No Content\r\nY: kept\r\n\r\n");
    }
}
