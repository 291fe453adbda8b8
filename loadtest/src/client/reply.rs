//! One answer, borrowed from the connection's buffer.

use std::ops::Range;

use anyhow::{Result, bail};

/// An answer with its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply<'b> {
    pub(crate) status: u16,
    /// The server closes the connection after this answer.
    pub(crate) close: bool,
    head: &'b [u8],
    pub(crate) body: &'b [u8],
    outcome: Option<&'b str>,
    id_cookie: Option<&'b str>,
}

impl<'b> Reply<'b> {
    /// What `frame` found in `bytes`, which holds all of the answer.
    pub(super) fn new(bytes: &'b [u8], frame: &Frame) -> Self {
        let text = |range: &Range<usize>| std::str::from_utf8(&bytes[range.clone()]).ok();
        Self {
            status: frame.status,
            close: frame.close,
            head: &bytes[..frame.head_bytes],
            body: &bytes[frame.head_bytes..frame.bytes()],
            outcome: frame.outcome.as_ref().and_then(text),
            id_cookie: frame.id_cookie.as_ref().and_then(text),
        }
    }

    /// What the server says became of the hit.
    pub(crate) fn outcome(&self) -> Outcome<'b> {
        self.outcome.map(Outcome::parse).unwrap_or_default()
    }

    /// The browser-id cookie that this answer sets, as the browser will send it back: `name=value`.
    pub(crate) const fn id_cookie(&self) -> Option<&'b str> {
        self.id_cookie
    }

    /// All values of the header `name`, in any letter case. Slow: parses the head once more.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        if response.parse(self.head).is_err() {
            return Vec::new();
        }
        let named = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8_lossy(header.value).into_owned()).collect()
    }
}

/// The parts of `Pixelgate-Outcome: stored; id=…; ack=disk`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome<'b> {
    pub(crate) word: &'b str,
    pub(crate) id: Option<&'b str>,
    pub(crate) ack: Option<&'b str>,
    pub(crate) reason: Option<&'b str>,
}

impl<'b> Outcome<'b> {
    fn parse(text: &'b str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let mut outcome = Self { word: parts.next().unwrap_or_default(), ..Self::default() };
        for part in parts {
            match part.split_once('=') {
                Some(("id", value)) => outcome.id = Some(value),
                Some(("ack", value)) => outcome.ack = Some(value),
                Some(("reason", value)) => outcome.reason = Some(value),
                _ => {}
            }
        }
        outcome
    }
}

/// Where an answer's parts are in the buffer.
#[derive(Debug)]
pub(super) struct Frame {
    status: u16,
    close: bool,
    head_bytes: usize,
    body_bytes: usize,
    outcome: Option<Range<usize>>,
    id_cookie: Option<Range<usize>>,
}

impl Frame {
    pub(super) const fn bytes(&self) -> usize {
        self.head_bytes + self.body_bytes
    }

    /// `None` until the head is complete.
    pub(super) fn find(bytes: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head_bytes) = response.parse(bytes)? else { return Ok(None) };
        let status = response.code.unwrap_or_default();
        let mut frame = Self {
            status,
            close: response.version == Some(0),
            head_bytes,
            body_bytes: 0,
            outcome: None,
            id_cookie: None,
        };
        let mut has_length = matches!(status, 100..200 | 204 | 304);
        for header in response.headers.iter() {
            has_length |= frame.see(header, bytes)?;
        }
        if !has_length {
            bail!("an answer {status} without Content-Length, which this client can't read");
        }
        Ok(Some(frame))
    }

    /// Whether the header gives the body's length.
    fn see(&mut self, header: &httparse::Header<'_>, bytes: &[u8]) -> Result<bool> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            10 if is("connection") => self.close |= header.value.eq_ignore_ascii_case(b"close"),
            10 if is("set-cookie") && is_id_cookie(header.value) => {
                let pair = header.value.split(|&byte| byte == b';').next().unwrap_or_default();
                self.id_cookie = Some(range_in(bytes, pair));
            }
            14 if is("content-length") => {
                self.body_bytes = std::str::from_utf8(header.value)?.trim().parse()?;
                if self.body_bytes > BODY_BYTES_MAX {
                    bail!("an answer of {} bytes", self.body_bytes);
                }
                return Ok(true);
            }
            17 if is("pixelgate-outcome") => self.outcome = Some(range_in(bytes, header.value)),
            _ => {}
        }
        Ok(false)
    }
}

/// A cookie that is set, not one that is removed (empty value).
fn is_id_cookie(set_cookie: &[u8]) -> bool {
    let value = set_cookie.strip_prefix(ID_COOKIE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
    value.and_then(|value| value.first()).is_some_and(|&first| first != b';' && first != b'"')
}

/// Where `part`, a slice of `bytes`, lies.
fn range_in(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - bytes.as_ptr().addr();
    start..start + part.len()
}

/// The browser-id cookie's name in development mode.
pub(crate) const ID_COOKIE: &str = "__Host-Http-pg";
const HEADERS_MAX: usize = 48;
const BODY_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nPixelgate-Outcome: stored; id=0190; ack=disk\r\n\
        Set-Cookie: __Host-Http-pg=v1.ab.1; Path=/; Secure\r\ncontent-length: 3\r\n\r\nGIFHTTP/1.1";

    #[test]
    fn an_answer_is_read_with_its_outcome_and_cookie() {
        let frame = Frame::find(STORED).unwrap().expect("a complete head");
        let reply = Reply::new(STORED, &frame);
        assert_eq!((reply.status, reply.body, reply.close), (200, &b"GIF"[..], false));
        assert_eq!(
            reply.outcome(),
            Outcome { word: "stored", id: Some("0190"), ack: Some("disk"), reason: None }
        );
        assert_eq!(reply.id_cookie(), Some("__Host-Http-pg=v1.ab.1"));
        assert_eq!(reply.headers("content-TYPE"), ["image/gif"]);
        assert_eq!(frame.bytes(), STORED.len() - 8);
    }

    #[test]
    fn half_a_head_is_waited_for_and_no_length_is_an_error() {
        for end in 0..STORED.len() - 11 {
            assert!(Frame::find(&STORED[..end]).unwrap().is_none(), "{end}");
        }
        assert!(Frame::find(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Frame::find(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n").is_err());
    }

    #[test]
    fn a_removed_cookie_is_not_sent_back() {
        for value in ["__Host-Http-pg=; Max-Age=0", "__Host-Http-pg", "pg_optout=1"] {
            assert!(!is_id_cookie(value.as_bytes()), "{value}");
        }
    }
}
