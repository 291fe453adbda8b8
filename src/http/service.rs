//! What the server asks of the journeys.

use std::future::Future;
use std::pin::Pin;

use super::request::Head;
use super::response::Answer;

/// Answers the requests of one listener. One answer each, never an error.
pub trait Service: Send + Sync + 'static {
    /// How a request is to be taken in, from its method and path alone.
    fn intake(&self, method: &str, path: &str) -> Intake;

    /// `body` is empty where there was none.
    fn answer<'s>(&'s self, head: &Head<'_>, body: &[u8]) -> Answering<'s>;

    /// The answer to an [`Intake::Hot`] request whose client is over its rate limit. Nothing may be stored for it.
    fn overloaded(&self, _head: &Head<'_>) -> Answer {
        Answer::text(503, "too many requests\n").with("Retry-After", "1")
    }
}

/// An answer, or the wait for one. Holds nothing of the request, so that one that waits needs little memory.
pub enum Answering<'s> {
    Now(Answer),
    Later(Pin<Box<dyn Future<Output = Answer> + Send + 's>>),
}

impl<'s> Answering<'s> {
    pub fn later(answer: impl Future<Output = Answer> + Send + 's) -> Self {
        Self::Later(Box::pin(answer))
    }
}

/// How a request is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Answered straight from the connection's buffer: a pixel's GET without a body.
    Hot,
    /// Through hyper, with a body of at most this many bytes; a longer one is answered 413.
    Body { bytes_max: usize },
    /// The same for what leads to an opt-out: rate-limited apart, so that no flood of other requests from the same
    /// address keeps anybody from it.
    OptOut { bytes_max: usize },
}
