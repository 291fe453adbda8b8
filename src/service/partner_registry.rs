//! The partners of a running server as their operator registers them.
//!
//! A partner's secret comes in here and never goes out.

use serde::Serialize;

use super::registration::Registrations;
use crate::domain::id::PartnerId;

/// `fields` are those of a `[[partners]]` table.
pub type PartnerRegistry = dyn Registrations<PartnerId, PartnerView>;

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
