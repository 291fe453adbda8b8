//! One request to a server of our own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer, as far as anybody here asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
    pub(super) body: Vec<u8>,
}

/// Sends `request`, which has to ask for the connection to be closed.
pub(super) async fn fetch(address: SocketAddr, request: &str) -> io::Result<Reply> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    split(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Our own server never sends chunks, so what follows the head is the body.
fn split(answer: &[u8]) -> Option<Reply> {
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..head_end]).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let retry_after = headers.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let retry_after = retry_after.and_then(|(_, seconds)| seconds.trim().parse().ok());
    Some(Reply { status, retry_after, body: answer[head_end + 4..].to_vec() })
}

const ANSWER_BYTES_MAX: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
        let reply =
            |status, retry_after, body: &[u8]| Some(Reply { status, retry_after, body: body.to_vec() });
        assert_eq!(split(answer), reply(200, None, b"[]"));
        assert_eq!(split(b"HTTP/1.1 429 Wait\r\nretry-after: 3\r\n\r\n"), reply(429, Some(3), b""));
        assert_eq!(split(b"HTTP/1.1 200 OK\r\nContent"), None);
        assert_eq!(split(b"SSH-2.0"), None);
    }
}
