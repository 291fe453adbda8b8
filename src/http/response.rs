//! An answer as the journeys give it, whatever protocol it goes out in.

use std::borrow::Cow;
use std::fmt::Display;

/// A complete answer. The server adds `Content-Length`, `Date` and what the connection needs.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Those that stand in the source as they are sent, in front of the others.
    pub fixed: FixedHeaders,
    /// Names in the usual letter case. A value with a control character in it is left out when it is sent.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    pub body: Cow<'static, [u8]>,
}

impl Answer {
    /// `status` with a text of some `content_type`.
    pub fn new(status: u16, content_type: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        let body = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        let headers = vec![("Content-Type", Cow::Borrowed(content_type))];
        Self { status, fixed: FixedHeaders::NONE, headers, body }
    }

    /// `status` with a text for people.
    pub fn text(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text)
    }

    /// `status` with a JSON document.
    pub fn json(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, "application/json", text)
    }

    /// 302, and nothing to read.
    pub fn redirect(location: String) -> Self {
        let headers = vec![("Location", Cow::Owned(location))];
        Self { status: 302, fixed: FixedHeaders::NONE, headers, body: Cow::Borrowed(&[]) }
    }

    /// 503: nothing was done, and asking again soon may work.
    pub fn try_later(error: &impl Display) -> Self {
        Self::text(503, format!("{error}\n")).with("Retry-After", "1")
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Headers that never change, as a list and as the bytes of HTTP/1.1. [`fixed_headers!`] makes both of one text.
#[derive(Debug, Clone, Copy)]
pub struct FixedHeaders {
    pub list: &'static [(&'static str, &'static str)],
    pub text: &'static str,
}

impl FixedHeaders {
    pub const NONE: Self = Self { list: &[], text: "" };
}

macro_rules! fixed_headers {
    ($($name:literal: $value:literal,)+) => {
        $crate::http::response::FixedHeaders {
            list: &[$(($name, $value)),+],
            text: concat!($($name, ": ", $value, "\r\n"),+),
        }
    };
}
pub(super) use fixed_headers;
