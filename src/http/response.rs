//! An answer as the journeys give it, whatever protocol it goes out in.

use std::borrow::Cow;

/// A complete answer. The server adds `Content-Length`, `Date` and what the connection needs.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
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
        Self { status, headers: vec![("Content-Type", Cow::Borrowed("text/plain; charset=utf-8"))], body }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
