//! What the server asks of the journeys.

use std::future::Future;

use super::request::Head;
use super::response::Answer;

/// Answers the requests of one listener. One answer each, never an error.
pub trait Service: Send + Sync + 'static {
    /// How a request is to be taken in, from its method and path alone.
    fn intake(&self, method: &str, path: &str) -> Intake;

    /// `body` is empty where there was none.
    fn answer(&self, head: &Head<'_>, body: &[u8]) -> impl Future<Output = Answer> + Send;

    /// The answer to an [`Intake::Hot`] request whose client is over its rate limit. Nothing may be stored for it.
    fn overloaded(&self, _head: &Head<'_>) -> Answer {
        Answer::text(503, "too many requests\n").with("Retry-After", "1")
    }
}

/// How a request is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Answered straight from the connection's buffer: a pixel's GET without a body.
    Hot,
    /// Through hyper, with a body of at most this many bytes; a longer one is answered 413.
    Body { bytes_max: usize },
}
