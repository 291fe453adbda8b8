//! Where a chunked body ends, byte by byte.

use super::fault::Fault;

/// Follows a chunked body (RFC 9112, section 7.1) without taking it apart.
///
/// Narrower than the RFC: no white space around the size, printable extensions only, no trailer that could change
/// how the request is read.
#[derive(Debug, Clone)]
pub struct ChunkChecker {
    state: State,
    /// Of the current chunk: size while it is read, then what is left of it.
    left: u64,
    /// Bytes of the current line, or of all trailers.
    line_bytes: usize,
    trailer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    SizeStart,
    Size,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastLf,
    Done,
}

impl Default for ChunkChecker {
    fn default() -> Self {
        Self { state: State::SizeStart, left: 0, line_bytes: 0, trailer: Vec::new() }
    }
}

impl ChunkChecker {
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many of `bytes` belong to the body: all of them, unless it ends there.
    pub fn admit(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let data = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.left -= data as u64;
                at += data;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
            } else {
                self.state = self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, Fault> {
        match (self.state, byte) {
            (State::SizeStart | State::Size, _) => self.size(byte),
            (State::Extension, b'\r') => Ok(State::SizeEnd),
            (State::Extension, b'\t' | b' '..=b'~') => self.count_to(State::Extension),
            (State::SizeEnd, b'\n') if self.left == 0 => Ok(self.start_trailers()),
            (State::SizeEnd, b'\n') => Ok(State::Data),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::SizeStart),
            (State::TrailerStart, b'\r') => Ok(State::LastLf),
            (State::Trailer, b'\r') => self.end_trailer(),
            (State::TrailerStart | State::Trailer, b'\t' | b' '..=b'~') => {
                self.trailer.push(byte);
                self.count_to(State::Trailer)
            }
            (State::TrailerEnd, b'\n') => Ok(State::TrailerStart),
            (State::LastLf, b'\n') => Ok(State::Done),
            _ => Err(Fault::Chunk),
        }
    }

    fn size(&mut self, byte: u8) -> Result<State, Fault> {
        if self.state == State::SizeStart {
            (self.left, self.line_bytes) = (0, 0);
        }
        match byte {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if self.line_bytes < SIZE_DIGITS_MAX => {
                let digit = (byte as char).to_digit(16).expect("the byte is a hexadecimal digit");
                self.left = self.left << 4 | u64::from(digit);
                self.count_to(State::Size)
            }
            b';' if self.state == State::Size => Ok(State::Extension),
            b'\r' if self.state == State::Size => Ok(State::SizeEnd),
            _ => Err(Fault::Chunk),
        }
    }

    fn start_trailers(&mut self) -> State {
        self.line_bytes = 0;
        State::TrailerStart
    }

    /// A trailer must be a header line, and none that frames, routes or authenticates.
    fn end_trailer(&mut self) -> Result<State, Fault> {
        let line = std::mem::take(&mut self.trailer);
        let colon = memchr::memchr(b':', &line).ok_or(Fault::Chunk)?;
        let name = &line[..colon];
        let is_name = !name.is_empty() && name.iter().all(|&byte| is_token_byte(byte));
        let forbidden = FORBIDDEN_TRAILERS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        if is_name && !forbidden { Ok(State::TrailerEnd) } else { Err(Fault::Chunk) }
    }

    fn count_to(&mut self, state: State) -> Result<State, Fault> {
        self.line_bytes += 1;
        if self.line_bytes > LINE_BYTES_MAX { Err(Fault::Chunk) } else { Ok(state) }
    }
}

/// RFC 9110, section 5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// 4 GiB a chunk; the limit on the body is lower.
const SIZE_DIGITS_MAX: usize = 8;
/// A size with its extensions, or all trailers.
const LINE_BYTES_MAX: usize = 1024;

const FORBIDDEN_TRAILERS: [&str; 9] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
];
