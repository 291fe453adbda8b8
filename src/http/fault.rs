//! Why a request was refused before any journey saw it.

use super::response::Answer;

/// A mistake of the client's. It is answered once, and the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a line that does not end in CR LF")]
    BareLineFeed,
    #[error("a control character, or bytes that are no request")]
    Control,
    #[error("a request line that is not METHOD TARGET HTTP/1.x")]
    RequestLine,
    #[error("a version other than HTTP/1.0 and HTTP/1.1")]
    Version,
    #[error("a method that this server does not know")]
    Method,
    #[error("a request target in a form that is not served")]
    Target,
    #[error("a malformed header")]
    Header,
    #[error("no Host, more than one, or an invalid one")]
    Host,
    #[error("a Content-Length that is no single number")]
    ContentLength,
    #[error("a Transfer-Encoding other than a single `chunked`")]
    TransferEncoding,
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndEncoding,
    #[error("an upgrade to h2c")]
    Upgrade,
    #[error("a malformed chunk")]
    Chunk,
    #[error("a body that ends before its end")]
    BodyCutShort,
    #[error("a request target over the limit")]
    UriTooLong,
    #[error("a head over a limit")]
    HeadTooLarge,
    #[error("a body over the limit")]
    BodyTooLarge,
    #[error("a body that came too slowly")]
    BodyTooSlow,
    #[error("more bodies at once than there is room for")]
    BodiesTooMany,
}

impl Fault {
    pub const fn status(self) -> u16 {
        match self {
            Self::BodyTooSlow => 408,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::HeadTooLarge => 431,
            Self::Method => 501,
            Self::BodiesTooMany => 503,
            _ => 400,
        }
    }

    /// For metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::BareLineFeed => "bare-line-feed",
            Self::Control => "control",
            Self::RequestLine => "request-line",
            Self::Version => "version",
            Self::Method => "method",
            Self::Target => "target",
            Self::Header => "header",
            Self::Host => "host",
            Self::ContentLength => "content-length",
            Self::TransferEncoding => "transfer-encoding",
            Self::LengthAndEncoding => "length-and-encoding",
            Self::Upgrade => "upgrade",
            Self::Chunk => "chunk",
            Self::BodyCutShort => "body-cut-short",
            Self::UriTooLong => "uri-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyTooSlow => "body-too-slow",
            Self::BodiesTooMany => "bodies-too-many",
        }
    }

    /// Says what was wrong, never what was sent.
    pub fn answer(self) -> Answer {
        let answer = Answer::text(self.status(), format!("{self}\n"));
        match self {
            Self::BodiesTooMany => answer.with("Retry-After", "1"),
            _ => answer,
        }
    }
}
