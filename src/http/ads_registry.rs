//! `/admin/campaigns`, `/admin/links` and what is below them: what ads lead to.

use super::registration::Registered;
use crate::domain::id::CampaignId;
use crate::domain::link::LinkName;
use crate::service::ads_registry::{CampaignView, LinkView};

impl Registered for CampaignView {
    type Id = CampaignId;
    const PATH: &'static str = "/admin/campaigns";
    const LIST: &'static str = "campaigns";
    const ONE: &'static str = "campaign";
    const FIELDS: &'static str = "a campaign (account_id, name, line_items)";
    const ID: &'static str = "1 to 12 characters 0-9 or a-z without a leading zero";
    /// Some hundred line items.
    const BODY_BYTES_MAX: usize = 64 << 10;

    fn parse_id(text: &str) -> Option<CampaignId> {
        text.parse().ok().filter(|id: &CampaignId| id.to_string() == text)
    }

    fn is(&self, id: &CampaignId) -> bool {
        self.id == id.to_string()
    }
}

impl Registered for LinkView {
    type Id = LinkName;
    const PATH: &'static str = "/admin/links";
    const LIST: &'static str = "links";
    const ONE: &'static str = "link";
    const FIELDS: &'static str = "a link (account_id, landing_page, line_item_id)";
    const ID: &'static str = "1 to 64 characters a-z, 0-9, - or _";
    const BODY_BYTES_MAX: usize = 16 << 10;

    fn parse_id(text: &str) -> Option<LinkName> {
        LinkName::parse(text)
    }

    fn is(&self, name: &LinkName) -> bool {
        self.name == name.as_str()
    }
}
