//! The campaigns and links of a running server as their operator registers them.

use serde::Serialize;

use super::registration::Registrations;
use crate::domain::id::CampaignId;
use crate::domain::link::LinkName;

/// `fields` are those of a [`CampaignView`] but for `id` and `source`. A campaign that a link needs stays as that needs it.
pub type CampaignRegistry = dyn Registrations<CampaignId, CampaignView>;

/// `fields` are `account_id`, `landing_page` and `line_item_id`, of one of the account's campaigns.
pub type LinkRegistry = dyn Registrations<LinkName, LinkView>;

#[derive(Debug, Clone, Serialize)]
pub struct CampaignView {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub line_items: Vec<LineItemView>,
    /// Where it is changed: `file` (the configuration) or `api`.
    pub source: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct LineItemView {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct LinkView {
    pub name: String,
    pub account_id: String,
    pub landing_page: String,
    /// `None` while the configuration does not have the account: then the link leads nowhere.
    pub campaign_id: Option<String>,
    pub line_item_id: String,
    pub source: &'static str,
}
