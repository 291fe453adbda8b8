//! Where a request's head ends and what it says about its body: strict, pure, over bytes.
//!
//! What two servers could read differently is not read at all: nothing here repairs, guesses or skips.

use std::mem::MaybeUninit;

use arrayvec::ArrayVec;
use memchr::memchr_iter;

use super::fault::Fault;
use super::limits::{HEADERS_MAX, Limits};

/// A head that can be read in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'b> {
    pub method: &'b str,
    /// Starts with `/`, or is the `*` of an `OPTIONS`.
    pub path: &'b str,
    /// What follows the first `?`; empty without one.
    pub query: &'b str,
    pub body: BodyFraming,
    /// Whether the client wants the connection closed after the answer.
    pub close: bool,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// This many bytes; 0 for a request without a body.
    Length(u64),
    Chunked,
}

/// Room for the headers of one request.
pub type HeaderSlots<'b> = ArrayVec<(&'b str, &'b [u8]), HEADERS_MAX>;

/// The length of the head at the start of `bytes`, its empty line included, or `None` if it goes on.
/// `seen` bytes were looked at before.
pub fn head_length(bytes: &[u8], seen: usize) -> Result<Option<usize>, Fault> {
    for at in memchr_iter(b'\n', &bytes[seen..]).map(|at| at + seen) {
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(Fault::BareLineFeed);
        }
        if at >= 3 && bytes[at - 2] == b'\n' {
            return Ok(Some(at + 1));
        }
    }
    Ok(None)
}

/// Whether `bytes` can still become a head, so that nobody waits for the end of what is none. `seen` bytes were
/// looked at before.
pub fn check_unfinished(bytes: &[u8], seen: usize, limits: &Limits) -> Result<(), Fault> {
    let is_control = |byte: &u8| (*byte < 0x20 && !matches!(byte, b'\r' | b'\n' | b'\t')) || *byte == 0x7f;
    let starts_oddly = bytes.first().is_some_and(|byte| !byte.is_ascii_alphabetic());
    if starts_oddly || bytes[seen..].iter().any(is_control) {
        return Err(Fault::Control);
    }
    if is_request_line_too_long(bytes, limits) {
        return Err(Fault::UriTooLong);
    }
    if bytes.len() >= limits.head_bytes_max {
        return Err(Fault::HeadTooLarge);
    }
    Ok(())
}

/// Reads a whole head, as measured by [`head_length`]; its headers go to `slots`.
pub fn parse<'b>(head: &'b [u8], slots: &mut HeaderSlots<'b>, limits: &Limits) -> Result<Framed<'b>, Fault> {
    if head.len() > limits.head_bytes_max {
        let in_target = is_request_line_too_long(head, limits);
        return Err(if in_target { Fault::UriTooLong } else { Fault::HeadTooLarge });
    }
    let mut raw = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut raw) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Fault::RequestLine),
        Err(error) => return Err(fault_of(error)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(Fault::RequestLine);
    };
    if head[0] == b'\r' {
        return Err(Fault::RequestLine);
    }
    check_method(method)?;
    check_target(target, limits)?;
    let mut fields = Fields::default();
    slots.clear();
    for header in request.headers.iter() {
        fields.add(header.name, header.value)?;
        slots.push((header.name, header.value));
    }
    let host = fields.host(minor)?;
    let (path, query) = split_target(method, target, host)?;
    if !query.is_empty() && memchr_iter(b'&', query.as_bytes()).count() >= limits.query_params_max {
        return Err(Fault::UriTooLong);
    }
    if fields.cookie_bytes > limits.cookie_bytes_max {
        return Err(Fault::HeadTooLarge);
    }
    let body = fields.body(minor)?;
    let close = fields.close || minor == 0;
    Ok(Framed { method, path, query, body, close })
}

/// What the headers say that matters here.
#[derive(Default)]
struct Fields<'b> {
    host: Option<&'b str>,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    cookie_bytes: usize,
}

impl<'b> Fields<'b> {
    /// By length first: most headers are none of these, and most of them are told apart by it alone.
    fn add(&mut self, name: &str, value: &'b [u8]) -> Result<(), Fault> {
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                let host = std::str::from_utf8(value).ok().filter(|host| is_authority(host));
                if self.host.is_some() || host.is_none() {
                    return Err(Fault::Host);
                }
                self.host = host;
            }
            6 if name.eq_ignore_ascii_case("cookie") => self.cookie_bytes += value.len(),
            7 if name.eq_ignore_ascii_case("upgrade") && names_token(value, "h2c") => {
                return Err(Fault::Upgrade);
            }
            10 if name.eq_ignore_ascii_case("connection") => self.close |= names_token(value, "close"),
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = parse_length(value).ok_or(Fault::ContentLength)?;
                if self.length.replace(length).is_some() {
                    return Err(Fault::ContentLength);
                }
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::TransferEncoding);
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// HTTP/1.0 knew no `Host`.
    const fn host(&self, minor: u8) -> Result<Option<&'b str>, Fault> {
        match self.host {
            None if minor == 1 => Err(Fault::Host),
            host => Ok(host),
        }
    }

    const fn body(&self, minor: u8) -> Result<BodyFraming, Fault> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Fault::LengthAndEncoding),
            (None, true) if minor == 0 => Err(Fault::TransferEncoding),
            (None, true) => Ok(BodyFraming::Chunked),
            (Some(length), false) => Ok(BodyFraming::Length(length)),
            (None, false) => Ok(BodyFraming::Length(0)),
        }
    }
}

fn fault_of(error: httparse::Error) -> Fault {
    match error {
        httparse::Error::TooManyHeaders => Fault::HeadTooLarge,
        httparse::Error::Version => Fault::Version,
        httparse::Error::Token => Fault::RequestLine,
        httparse::Error::HeaderName | httparse::Error::HeaderValue | httparse::Error::NewLine => {
            Fault::Header
        }
        _ => Fault::RequestLine,
    }
}

fn is_request_line_too_long(bytes: &[u8], limits: &Limits) -> bool {
    let bytes_max = limits.uri_bytes_max + AROUND_URI_BYTES_MAX;
    bytes.len() > bytes_max && memchr::memchr(b'\n', &bytes[..bytes_max]).is_none()
}

/// `CONNECT` and `TRACE` are known to HTTP, but not to this server.
pub(super) fn check_method(method: &str) -> Result<(), Fault> {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => Ok(()),
        _ => Err(Fault::Method),
    }
}

fn check_target(target: &str, limits: &Limits) -> Result<(), Fault> {
    if target.len() > limits.uri_bytes_max {
        return Err(Fault::UriTooLong);
    }
    // No early exit, so that it is done 16 bytes at a time.
    let odd = target.bytes().fold(false, |odd, byte| odd | !(0x21..0x7f).contains(&byte) | (byte == b'#'));
    if odd { Err(Fault::Target) } else { Ok(()) }
}

/// Path and query. A whole URL is taken only for the host that the request names anyway.
fn split_target<'b>(method: &str, target: &'b str, host: Option<&str>) -> Result<(&'b str, &'b str), Fault> {
    if target == "*" {
        return if method == "OPTIONS" { Ok((target, "")) } else { Err(Fault::Target) };
    }
    let local = if target.starts_with('/') { target } else { after_authority(target, host)? };
    let (path, query) = match memchr::memchr(b'?', local.as_bytes()) {
        Some(at) => (&local[..at], &local[at + 1..]),
        None => (local, ""),
    };
    Ok((if path.is_empty() { "/" } else { path }, query))
}

fn after_authority<'b>(target: &'b str, host: Option<&str>) -> Result<&'b str, Fault> {
    let (scheme, rest) = target.split_once("://").ok_or(Fault::Target)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Fault::Target);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    match host {
        Some(host) if host.eq_ignore_ascii_case(&rest[..end]) => Ok(&rest[end..]),
        _ => Err(Fault::Target),
    }
}

/// A host name, IPv4 address or bracketed IPv6 address, with or without a port. Narrower than RFC 3986: no user,
/// no percent signs, no empty port.
pub(super) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("6", port),
            _ => return false,
        },
        None => text.split_at(memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len())),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Digits only: `+5`, `5,5`, ` 5` and nothing at all are no number here.
fn parse_length(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether a comma-separated list names `token`.
fn names_token(value: &[u8], token: &str) -> bool {
    value.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Method, two spaces, version and line end around the target, and some for a method that nobody knows.
const AROUND_URI_BYTES_MAX: usize = 32;
