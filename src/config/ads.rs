//! Campaigns, their line items, and the links that ads lead to.

use std::sync::Arc;

use super::accounts::{id, name, parsed_id};
use super::walk::{Field, Section};
use crate::domain::id::{AccountId, CampaignId, LineItemId};
use crate::domain::link::{self, LandingPage, LineItem, LinkName, Placement};

/// What an advertiser runs ads for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub name: String,
    pub line_items: Vec<LineItem>,
}

/// A name that an ad leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub name: LinkName,
    pub landing_page: LandingPage,
    pub campaign_id: CampaignId,
    pub line_item_id: LineItemId,
}

impl Campaign {
    /// What the server looks up what to call it in.
    pub(super) fn setting(&self, account_id: AccountId) -> link::Campaign {
        let Self { id, name, line_items } = self.clone();
        link::Campaign { id, account_id, name, line_items }
    }
}

impl Link {
    /// What the server looks it up as.
    pub(super) fn setting(&self, account_id: AccountId) -> link::Link {
        let Self { name, landing_page, campaign_id, line_item_id } = self.clone();
        link::Link {
            placement: Arc::new(Placement { account_id, link: name, campaign_id, line_item_id }),
            landing_page,
        }
    }
}

pub(super) fn campaigns(account: &Section<'_>) -> Vec<Campaign> {
    account.each("campaigns", campaign)
}

/// What a `[[accounts.campaigns]]` table says.
pub(super) fn campaign(section: &Section<'_>) -> Option<Campaign> {
    let id = id(section, "id", "campaign id");
    let name = name(section);
    let line_items = section.each("line_items", line_item);
    Some(Campaign { id: id?, name: name?, line_items })
}

fn line_item(section: &Section<'_>) -> Option<LineItem> {
    let id = id(section, "id", "line item id");
    let name = name(section);
    Some(LineItem { id: id?, name: name? })
}

/// Each leads to a line item of one of `campaigns`, which are the same account's.
pub(super) fn links(account: &Section<'_>, campaigns: &[Campaign]) -> Vec<Link> {
    account.each("links", |section| ad_link(section, campaigns))
}

fn ad_link(section: &Section<'_>, campaigns: &[Campaign]) -> Option<Link> {
    let name = link_name(section);
    let landing_page = landing_page(section);
    let (field, line_item_id) = line_item_id(section, "line_item")?;
    let has = |campaign: &&Campaign| campaign.line_items.iter().any(|item| item.id == line_item_id);
    let campaign = campaigns.iter().find(has);
    if campaign.is_none() {
        let what = format!("no campaign of this account has the line item {line_item_id}");
        field.refuse(what, "list it in line_items");
    }
    Some(Link { name: name?, landing_page: landing_page?, campaign_id: campaign?.id, line_item_id })
}

pub(super) fn link_name(section: &Section<'_>) -> Option<LinkName> {
    let field = section.require("name", "expected what stands behind /c/ in its address")?;
    let name = field.parsed(LINK_NAME, LinkName::parse)?;
    field.claim("link name", &name);
    Some(name)
}

const LINK_NAME: &str = "1 to 64 characters a-z, 0-9, - or _";

pub(super) fn landing_page(section: &Section<'_>) -> Option<LandingPage> {
    let field = section.require("landing_page", "expected the address that the link leads to")?;
    match LandingPage::parse(field.text()?) {
        Ok(page) => Some(page),
        Err(error) => {
            field.refuse("this is no landing page", error.to_string());
            None
        }
    }
}

/// With the field, for whoever knows which there are.
pub(super) fn line_item_id<'d>(section: &Section<'d>, key: &'static str) -> Option<(Field<'d>, LineItemId)> {
    let field = section.require(key, "expected the id of a line item of a campaign")?;
    let id = parsed_id(&field)?;
    Some((field, id))
}
