//! A request that hyper has read: its body within the limits, and the service's answer as hyper sends it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use super::census::BodyRoom;
use super::encode;
use super::fault::Fault;
use super::limits::Limits;
use super::one_request::Plan;
use super::request::Head;
use super::response::Answer;
use super::server_metrics::Phase;
use super::service::Service;
use super::shared::Shared;

/// An answer that hyper can send.
pub(super) type Sendable = http::Response<Full<Bytes>>;

/// Answers an HTTP/1.1 request, whose head was checked before.
pub(super) async fn answer<S: Service>(
    request: hyper::Request<Incoming>,
    peer: IpAddr,
    plan: Plan,
    shared: &Shared<S>,
) -> Result<Sendable, Fault> {
    let (parts, incoming) = request.into_parts();
    let body = collect(incoming, plan.bytes_max, shared).await?;
    let headers = header_slices(&parts.headers);
    let answer = with_head(&parts, &headers, peer, shared, async |head| {
        shared.metrics().requests_hyper.inc();
        shared.finish(shared.begin(head, &body.bytes)).await
    });
    let mut sendable = into_sendable(answer.await);
    if plan.close || shared.is_draining() {
        sendable.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(sendable)
}

/// The same head as the hot lane builds from the connection's buffer.
pub(super) async fn with_head<S: Service, T>(
    parts: &http::request::Parts,
    headers: &[(&str, &[u8])],
    peer: IpAddr,
    shared: &Shared<S>,
    then: impl AsyncFnOnce(&Head<'_>) -> T,
) -> T {
    let (client, via_trusted_proxy) = shared.client(peer, headers);
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or(""));
    let method = parts.method.as_str();
    then(&Head { method, path, query, headers, client, via_trusted_proxy }).await
}

pub(super) fn header_slices(headers: &http::HeaderMap) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// A whole body, counted among those in memory for as long as it is kept.
pub(super) struct Collected {
    pub(super) bytes: Vec<u8>,
    _room: BodyRoom,
}

/// Reads a body of at most `bytes_max`, in time.
pub(super) async fn collect<S: Service>(
    mut incoming: Incoming,
    bytes_max: usize,
    shared: &Shared<S>,
) -> Result<Collected, Fault> {
    if incoming.size_hint().lower() > bytes_max as u64 {
        return Err(Fault::BodyTooLarge);
    }
    let mut room = shared.options.census.body_room();
    let mut bytes = Vec::new();
    let started = Instant::now();
    while !incoming.is_end_stream() {
        let deadline = body_deadline(started, bytes.len(), shared.limits());
        let Ok(frame) = timeout_at(deadline, incoming.frame()).await else {
            shared.metrics().deadlines(Phase::Body).inc();
            return Err(Fault::BodyTooSlow);
        };
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Fault::BodyCutShort)?.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(Fault::BodyTooLarge);
        }
        if !room.grow(data.len(), shared.limits()) {
            return Err(Fault::BodiesTooMany);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Collected { bytes, _room: room })
}

/// Every byte buys the next one some time, up to the end of all bodies.
fn body_deadline(started: Instant, bytes: usize, limits: &Limits) -> Instant {
    let bought = Duration::from_secs_f64(bytes as f64 / f64::from(limits.body_bytes_per_s_min.max(1)));
    started + limits.body.min(limits.body_grace + bought)
}

/// The server's part (length, date) is added by hyper.
pub(super) fn into_sendable(answer: Answer) -> Sendable {
    let body = match answer.body {
        _ if !encode::has_body(answer.status) => Bytes::new(),
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut sendable = http::Response::new(Full::new(body));
    *sendable.status_mut() =
        http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let fixed = answer.fixed.list.iter().map(|&(name, value)| (name, Cow::Borrowed(value)));
    for (name, value) in fixed.chain(answer.headers) {
        let value = Some(value).filter(|value| encode::is_sendable(value.as_bytes()));
        let value = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            sendable.headers_mut().append(name, value);
        }
    }
    sendable
}
