//! Erasing what another company asks us to: IAB Tech Lab, "Data Deletion Request Framework", version 1.0.
//!
//! A request that comes again gets the same answer and leads to no second erasure. Nothing that is said about a request
//! repeats whom it names, but for the request itself, which goes back in the acknowledgement to who signed it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::watch;

use super::deletion_claims::{Refused, ResultCode};
use super::deletion_request::{DeletionRequest, SignedRequest};
use super::deletion_terms::{ALGORITHM, DeletionTerms};
use super::erasure::{ErasureService, Receipt};
use super::jws;
use super::live::{Live, SharedLive};
use crate::domain::erasure::ErasureId;
use crate::domain::time::Timestamp;
use crate::storage::log::AppendError;

/// The use case. One per worker, because the log's appender is; what is under way is known to all of them.
pub struct DeletionService {
    pub live: SharedLive,
    pub erasure: ErasureService,
    pub under_way: Arc<UnderWay>,
    pub metrics: Arc<DeletionMetrics>,
}

/// A request that is to be followed, its text, and the settings that it was checked under.
pub struct Accepted {
    request: DeletionRequest,
    text: String,
    live: Arc<Live>,
}

/// What the requester is told: a token of ours (`acJWT`), and what it says in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    #[serde(rename = "acJWT")]
    ac_jwt: String,
    ra_result_code: u8,
    ra_result_string: &'static str,
    /// What the erasure is known by from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// The claims of an `acJWT`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    version: &'static str,
    /// Only for who signed it: anybody else could have us sign whatever they like.
    #[serde(rename = "rqJWT", skip_serializing_if = "Option::is_none")]
    rq_jwt: Option<&'a str>,
    jti: String,
    iss: &'a str,
    iat: u64,
    ra_result_code: u8,
    ra_result_string: &'static str,
}

impl DeletionService {
    /// Checks the request in `text`. `None` where nobody may ask.
    pub fn check(&self, text: &str) -> Option<Result<Accepted, Acknowledgement>> {
        let live = self.live.load_full();
        let terms = live.deletion.as_ref()?;
        let now = self.erasure.clock.now();
        let refuse = |Refused { code, why }, signed| {
            self.metrics.count(code);
            let id = self.erasure.new_id().to_string();
            let claims = claims(terms, signed, id, (code, why), now);
            Acknowledgement::new(terms, &claims, None)
        };
        Some(match SignedRequest::verify(text, terms) {
            Err(refused) => Err(refuse(refused, None)),
            Ok(signed) => match signed.read(terms, &live.identity, now) {
                Err(refused) => Err(refuse(refused, Some(text))),
                Ok(request) => Ok(Accepted { request, text: text.to_owned(), live: live.clone() }),
            },
        })
    }

    /// Returns once the erasure is on the disk. After an error it may be there anyway; a repetition does no harm.
    pub async fn follow(&self, accepted: Accepted) -> Result<Acknowledgement, AppendError> {
        let DeletionRequest { receipt: id, subject } = accepted.request;
        let receipt = loop {
            if let Some(receipt) = self.erasure.receipt(id) {
                break receipt;
            }
            match self.under_way.claim(id) {
                // Whoever had it may have found the disk full, or gone away: then it is this one's turn.
                Err(mut other) => _ = other.changed().await,
                Ok(_claim) => break self.erasure.erase_as(id, &[subject]).await?,
            }
        };
        self.metrics.count(ResultCode::Accepted);
        Ok(accepted.acknowledge(&receipt))
    }
}

impl Accepted {
    /// Made of nothing but the request and its receipt, so that a repetition gets the same to the last byte.
    fn acknowledge(&self, receipt: &Receipt) -> Acknowledgement {
        let terms = self.live.deletion.as_ref().expect("it was checked under these terms");
        let (id, said) = (receipt.id.to_string(), (ResultCode::Accepted, ACCEPTED));
        let claims = claims(terms, Some(&self.text), id.clone(), said, receipt.at);
        Acknowledgement::new(terms, &claims, Some(id))
    }
}

fn claims<'a>(
    terms: &'a DeletionTerms,
    rq_jwt: Option<&'a str>,
    jti: String,
    (code, why): (ResultCode, &'static str),
    at: Timestamp,
) -> Claims<'a> {
    let (iss, iat) = (&*terms.issuer, at.0 / 1_000);
    Claims { version: "1.0", rq_jwt, jti, iss, iat, ra_result_code: code.number(), ra_result_string: why }
}

impl Acknowledgement {
    fn new(terms: &DeletionTerms, claims: &Claims<'_>, receipt: Option<String>) -> Self {
        let (key_id, key) = terms.keys.signing();
        let header = format!(r#"{{"typ":"JWT","alg":"{ALGORITHM}","kid":"{key_id}"}}"#);
        let payload = serde_json::to_string(claims).expect("texts and numbers are JSON");
        Self {
            ac_jwt: jws::write(&header, &payload, |bytes| key.sign(bytes).to_vec()),
            ra_result_code: claims.ra_result_code,
            ra_result_string: claims.ra_result_string,
            receipt,
        }
    }
}

const ACCEPTED: &str = "accepted";

/// The requests that are being written, so that of two that are the same only one is.
#[derive(Debug, Default)]
pub struct UnderWay {
    claimed: Mutex<HashMap<ErasureId, watch::Receiver<()>>>,
}

/// The right to write a request down; ends when it is dropped.
struct Claim<'u> {
    under_way: &'u UnderWay,
    id: ErasureId,
    /// Wakes, by going, who waits for this.
    _over: watch::Sender<()>,
}

impl UnderWay {
    /// What to wait for if somebody else has it.
    fn claim(&self, id: ErasureId) -> Result<Claim<'_>, watch::Receiver<()>> {
        let mut claimed = self.claimed();
        if let Some(other) = claimed.get(&id) {
            return Err(other.clone());
        }
        let (over, waiting) = watch::channel(());
        claimed.insert(id, waiting);
        Ok(Claim { under_way: self, id, _over: over })
    }

    fn claimed(&self) -> MutexGuard<'_, HashMap<ErasureId, watch::Receiver<()>>> {
        // Nothing in the critical sections leaves half a change behind.
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Before the sender goes: who wakes must find it free.
        self.under_way.claimed().remove(&self.id);
    }
}

/// Requests by what became of them. No label holds anything of a request.
#[derive(Debug, Default)]
pub struct DeletionMetrics {
    requests: Family<Labels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    result: &'static str,
}

impl DeletionMetrics {
    fn count(&self, code: ResultCode) {
        self.requests.get_or_create(&Labels { result: code.label() }).inc();
    }

    pub fn register(&self, registry: &mut Registry) {
        for code in ResultCode::ALL {
            drop(self.requests.get_or_create(&Labels { result: code.label() }));
        }
        let help = "Data deletion requests of other companies by what became of them";
        registry.register("pixelgate_deletion_requests", help, self.requests.clone());
    }
}
