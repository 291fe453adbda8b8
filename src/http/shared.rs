//! What all connections of one listener share.

use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

use super::limits::Limits;
use super::request::Head;
use super::response::Answer;
use super::server::ServerOptions;
use super::server_metrics::ServerMetrics;
use super::service::{Answering, Intake, Service};

pub(super) struct Shared<S> {
    pub(super) service: Arc<S>,
    pub(super) options: Arc<ServerOptions>,
    draining: AtomicBool,
    pub(super) drain: Notify,
}

impl<S: Service> Shared<S> {
    pub(super) fn new(service: Arc<S>, options: Arc<ServerOptions>) -> Self {
        Self { service, options, draining: AtomicBool::new(false), drain: Notify::new() }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.options.limits
    }

    pub(super) fn metrics(&self) -> &ServerMetrics {
        &self.options.metrics
    }

    pub(super) fn start_drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.drain.notify_waiters();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The client's address, and whether a trusted proxy gave it.
    pub(super) fn client(&self, peer: IpAddr, headers: &[(&str, &[u8])]) -> (IpAddr, bool) {
        self.options.proxies.client(peer, headers)
    }

    /// How to take the request in, or the answer to give without doing so: its client is over the limit, or the
    /// service has a bug.
    pub(super) fn intake(&self, head: &Head<'_>) -> Result<Intake, Answer> {
        self.caught(|| {
            let intake = self.service.intake(head.method, head.path);
            self.over_rate_limit(head, intake).map_or(Ok(intake), Err)
        })
        .unwrap_or_else(Err)
    }

    fn over_rate_limit(&self, head: &Head<'_>, intake: Intake) -> Option<Answer> {
        let limits = self.options.rate_limits.as_ref()?;
        let wait = match intake {
            Intake::Hot | Intake::Body { .. } => limits.check_address(head.client).err()?,
            Intake::OptOut { .. } => limits.check_opt_out(head.client).err()?,
        };
        self.metrics().rate_limited.inc();
        Some(match intake {
            Intake::Hot => self.service.overloaded(head),
            Intake::Body { .. } | Intake::OptOut { .. } => wait.answer(),
        })
    }

    /// Asks the service.
    pub(super) fn begin(&self, head: &Head<'_>, body: &[u8]) -> Answering<'_> {
        self.caught(|| self.service.answer(head, body)).unwrap_or_else(Answering::Now)
    }

    /// Waits for what [`Self::begin`] began.
    pub(super) async fn finish(&self, answering: Answering<'_>) -> Answer {
        let mut later = match answering {
            Answering::Now(answer) => return answer,
            Answering::Later(later) => later,
        };
        poll_fn(|cx| {
            let polled = self.caught(|| later.as_mut().poll(cx));
            polled.unwrap_or_else(Poll::Ready)
        })
        .await
    }

    /// One request's bug must not become every connection's.
    fn caught<T>(&self, ask: impl FnOnce() -> T) -> Result<T, Answer> {
        catch_unwind(AssertUnwindSafe(ask)).map_err(|_| {
            self.metrics().panics.inc();
            Answer::text(500, "internal error\n")
        })
    }
}
