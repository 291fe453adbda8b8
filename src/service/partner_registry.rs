//! What an operator asks of the partners of a running server: to see them, to register one, to take one away.
//!
//! A partner's secret comes in here and never goes out.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde_json::{Map, Value};

use super::caller::Caller;
use crate::domain::id::PartnerId;

/// All partners. A change counts from the next request on, whoever serves it. None of these waits for the disk on the thread
/// that asks, and a change that has begun is made even if nobody waits for its end.
pub trait PartnerRegistry: Send + Sync {
    /// In the order of the configuration file, then in that in which they were registered.
    fn list(&self, caller: &Caller) -> Asked<Vec<PartnerView>>;

    /// Registers a partner, or puts `fields`, those of a `[[partners]]` table, in the place of what it had. Returns once
    /// that is on the disk.
    fn put(&self, caller: &Caller, id: PartnerId, fields: Map<String, Value>) -> Asked<Put>;

    /// Returns once it is gone from the disk.
    fn delete(&self, caller: &Caller, id: PartnerId) -> Asked<()>;
}

pub type Asked<T> = Pin<Box<dyn Future<Output = Result<T, Unchanged>> + Send>>;

/// What became of a partner that was put.
#[derive(Debug, Clone)]
pub struct Put {
    pub is_new: bool,
    pub partner: PartnerView,
}

/// Why everything is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unchanged {
    /// Every mistake of what was put.
    Mistaken(Vec<String>),
    /// It does not go together with the configuration file or with another partner.
    Conflict(String),
    Unknown,
    /// What is kept could not be read or written. After a failure in writing a restart may find the change all the same.
    Unavailable(String),
}

/// A partner as its operator may see it, by the names of the configuration's fields.
#[derive(Debug, Clone, Serialize)]
pub struct PartnerView {
    pub id: u32,
    pub name: String,
    pub kinds: Vec<&'static str>,
    /// Where it is changed: `file` (the configuration) or `api`.
    pub source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<u32>,
    pub unsigned: bool,
    pub has_secret: bool,
    pub image: Option<String>,
    pub iframe: Option<String>,
    pub pixels: Vec<String>,
    pub callbacks: Vec<CallbackView>,
    pub id_pattern: Option<String>,
    pub id_chars_max: usize,
    pub priority: u8,
    /// As the configuration has it: `14d`.
    pub rematch: String,
    pub pairwise_epoch: u32,
    pub matches_per_second: Option<u32>,
    pub matches_burst: Option<u32>,
    pub targeting: TargetingTermsView,
}

/// Where a partner's targeting user files come from.
#[derive(Debug, Clone, Serialize)]
pub struct TargetingTermsView {
    pub url: Option<String>,
    pub user: Option<String>,
    pub has_password: bool,
    /// As the configuration has it: `1h`.
    pub every: String,
    pub expires: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct CallbackView {
    pub name: String,
    pub url: String,
}
