//! What the edge counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::fault::Fault;

/// Counters of all listeners that share it.
#[derive(Debug, Clone)]
pub struct ServerMetrics {
    pub connections_open: Gauge,
    pub connections_accepted: Counter,
    connections_refused: ByLabel,
    requests: ByLabel,
    /// Answered straight from the connection's buffer.
    pub requests_hot: Counter,
    /// HTTP/1.1 through hyper.
    pub requests_hyper: Counter,
    pub requests_h2: Counter,
    faults: ByLabel,
    deadlines: ByLabel,
    pub panics: Counter,
    pub rate_limited: Counter,
    pub tls_failed: Counter,
    /// The system gave no connection although one was waiting, mostly for want of file descriptors.
    pub accept_failed: Counter,
}

/// What a connection was in the middle of when its deadline came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    FirstByte,
    TlsHandshake,
    Head,
    Body,
    Write,
    Idle,
    Age,
}

impl ServerMetrics {
    pub fn refused(&self, reason: &'static str) -> Counter {
        self.connections_refused.get_or_create(&[("reason", reason)]).clone()
    }

    pub fn faults(&self, fault: Fault) -> Counter {
        self.faults.get_or_create(&[("reason", fault.label())]).clone()
    }

    pub fn deadlines(&self, phase: Phase) -> Counter {
        self.deadlines.get_or_create(&[("phase", phase.label())]).clone()
    }

    pub fn register(&self, registry: &mut Registry) {
        let edge = registry.sub_registry_with_prefix("pixelgate_edge");
        edge.register("connections_open", "Connections that are open now", self.connections_open.clone());
        edge.register("connections", "Connections that were accepted", self.connections_accepted.clone());
        edge.register(
            "connections_refused",
            "Connections over a limit, closed at once",
            self.connections_refused.clone(),
        );
        edge.register("requests", "Requests that reached a journey", self.requests.clone());
        edge.register("faults", "Requests refused before any journey saw them", self.faults.clone());
        edge.register("deadlines", "Connections closed by a deadline", self.deadlines.clone());
        edge.register("panics", "Requests that ended in a panic", self.panics.clone());
        edge.register("rate_limited", "Requests over a rate limit", self.rate_limited.clone());
        edge.register("tls_failed", "TLS handshakes that failed", self.tls_failed.clone());
        edge.register("accept_failed", "Failed attempts to accept a connection", self.accept_failed.clone());
    }
}

impl Default for ServerMetrics {
    fn default() -> Self {
        let requests = ByLabel::default();
        let of_lane = |lane| requests.get_or_create(&[("lane", lane)]).clone();
        let (requests_hot, requests_hyper, requests_h2) = (of_lane("hot"), of_lane("hyper"), of_lane("h2"));
        Self {
            connections_open: Gauge::default(),
            connections_accepted: Counter::default(),
            connections_refused: ByLabel::default(),
            requests,
            requests_hot,
            requests_hyper,
            requests_h2,
            faults: ByLabel::default(),
            deadlines: ByLabel::default(),
            panics: Counter::default(),
            rate_limited: Counter::default(),
            tls_failed: Counter::default(),
            accept_failed: Counter::default(),
        }
    }
}

impl Phase {
    const fn label(self) -> &'static str {
        match self {
            Self::FirstByte => "first-byte",
            Self::TlsHandshake => "tls-handshake",
            Self::Head => "head",
            Self::Body => "body",
            Self::Write => "write",
            Self::Idle => "idle",
            Self::Age => "age",
        }
    }
}

type ByLabel = Family<[(&'static str, &'static str); 1], Counter>;
