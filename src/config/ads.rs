//! Campaigns, their line items, and the links that ads lead to.

use std::sync::Arc;

use super::accounts::{id, name};
use super::walk::{Field, Section};
use crate::domain::id::{AccountId, CampaignId, LineItemId};
use crate::domain::link::{self, LandingPage, LinkName, Placement};
use crate::domain::settings;

/// What an advertiser runs ads for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub name: String,
    pub line_items: Vec<LineItem>,
}

/// A part of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineItem {
    pub id: LineItemId,
    pub name: String,
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
    pub(super) fn setting(&self, account_id: AccountId) -> settings::Campaign {
        let line_item = |item: &LineItem| settings::LineItem { id: item.id, name: item.name.clone() };
        settings::Campaign {
            id: self.id,
            account_id,
            name: self.name.clone(),
            line_items: self.line_items.iter().map(line_item).collect(),
        }
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
    account.sections("campaigns").into_iter().filter_map(campaign).collect()
}

fn campaign(section: Section<'_>) -> Option<Campaign> {
    let id = id(&section, "id", "campaign id");
    let name = name(&section);
    let line_items = section.sections("line_items").into_iter().filter_map(line_item).collect();
    section.finish();
    Some(Campaign { id: id?, name: name?, line_items })
}

fn line_item(section: Section<'_>) -> Option<LineItem> {
    let id = id(&section, "id", "line item id");
    let name = name(&section);
    section.finish();
    Some(LineItem { id: id?, name: name? })
}

/// Each leads to a line item of one of `campaigns`, which are the same account's.
pub(super) fn links(account: &Section<'_>, campaigns: &[Campaign]) -> Vec<Link> {
    account.sections("links").into_iter().filter_map(|section| ad_link(section, campaigns)).collect()
}

fn ad_link(section: Section<'_>, campaigns: &[Campaign]) -> Option<Link> {
    let name = section.require("name", "expected what stands behind /c/ in its address");
    let name = name.and_then(|field| {
        let name = field.parsed("1 to 64 characters a-z, 0-9, - or _", LinkName::parse)?;
        field.claim("link name", &name);
        Some(name)
    });
    let landing_page = section.require("landing_page", "expected the address that the link leads to");
    let landing_page = landing_page.and_then(|field| page(&field));
    let line_item = section.require("line_item", "expected the id of a line item of a campaign");
    let placed = line_item.and_then(|field| placed(&field, campaigns));
    section.finish();
    let (campaign_id, line_item_id) = placed?;
    Some(Link { name: name?, landing_page: landing_page?, campaign_id, line_item_id })
}

fn page(field: &Field<'_>) -> Option<LandingPage> {
    match LandingPage::parse(field.text()?) {
        Ok(page) => Some(page),
        Err(error) => {
            field.refuse("this is no landing page", error.to_string());
            None
        }
    }
}

fn placed(field: &Field<'_>, campaigns: &[Campaign]) -> Option<(CampaignId, LineItemId)> {
    let id: LineItemId =
        field.parsed("1 to 12 characters 0-9 or a-z without a leading zero", |text| text.parse().ok())?;
    let has = |campaign: &&Campaign| campaign.line_items.iter().any(|item| item.id == id);
    let campaign = campaigns.iter().find(has);
    if campaign.is_none() {
        field.refuse(format!("no campaign of this account has the line item {id}"), "list it in line_items");
    }
    campaign.map(|campaign| (campaign.id, id))
}
