//! What a reload replaces as a whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::account_caller::AccountKeys;
use super::crawler::Crawlers;
use super::crypto::MacKey;
use super::deletion_terms::DeletionTerms;
use super::geo::Geo;
use super::identity::IdentityKeys;
use super::partners::Partners;
use super::receipt::ReceiptKeys;
use crate::consent::gate::Gate;
use crate::domain::link::Links;
use crate::domain::settings::{OriginPattern, Registry};
use crate::storage::account_settings::AccountSettings;

/// The settings that requests are answered under. A request sees one of them from beginning to end. Cheap to clone, for
/// whoever replaces a part of them.
#[derive(Clone)]
pub struct Live {
    pub registry: Arc<Registry>,
    /// Where ads lead.
    pub links: Arc<Links>,
    pub gate: Gate,
    pub identity: IdentityKeys,
    pub geo: Arc<Geo>,
    pub crawlers: Arc<Crawlers>,
    /// What people chose for the accounts that they are signed in to. No reload changes it; it is here because whoever reads
    /// what a request says about consent has to read this, too.
    pub account_settings: Arc<AccountSettings>,
    pub receipts: Arc<ReceiptKeys>,
    /// What signs the way through the Digital Advertising Alliance's page and back.
    pub daa_key: MacKey,
    /// The name of the browser id's cookie; its partitioned twin has `-p` behind it.
    pub cookie_name: String,
    /// The header, in lower case, in which a trusted proxy names the client's country.
    pub country_header: Option<String>,
    /// What `/.well-known/dnt-policy.txt` says, where the operator commits to something.
    pub dnt_policy: Option<String>,
    /// Where other companies may ask for erasures.
    pub deletion: Option<Arc<DeletionTerms>>,
    pub partners: Arc<Partners>,
    /// What signs the way to a partner and back.
    pub match_state_key: MacKey,
    /// What opens the advertisers' API.
    pub account_keys: Arc<AccountKeys>,
    /// Whose pages may ask with the browser's cookies which partners want to be asked.
    pub publisher_origins: Vec<OriginPattern>,
}

impl Live {
    /// Whether a page of this origin may learn which partners to ask.
    pub fn is_publisher(&self, origin: &str) -> bool {
        self.publisher_origins.iter().any(|known| known.matches(origin))
    }
}

/// The settings of the moment.
pub type SharedLive = Arc<ArcSwap<Live>>;
