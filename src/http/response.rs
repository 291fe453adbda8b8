//! An answer as the journeys give it, whatever protocol it goes out in.

use std::borrow::Cow;

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
    /// `status` with a text for people.
    pub fn text(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        let body = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self {
            status,
            fixed: FixedHeaders::NONE,
            headers: vec![("Content-Type", Cow::Borrowed("text/plain; charset=utf-8"))],
            body,
        }
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
