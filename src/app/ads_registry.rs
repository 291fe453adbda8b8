//! The campaigns and links of a running server: those of the configuration, and those that the admin API has put into a
//! file of the data directory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::kept::{Document, Keeper, Opened};
use crate::config::{Campaign, Config, Link, Mistake, RegisteredAds, RegisteredCampaign, RegisteredLink};
use crate::domain::id::{AccountId, CampaignId, LineItemId};
use crate::domain::link::LinkName;
use crate::service::ads_registry::{CampaignView, LineItemView, LinkView};
use crate::service::caller::Caller;
use crate::service::live::{Live, SharedLive};
use crate::service::registration::{Asked, Put, Registrations, Unchanged};

impl Document for RegisteredAds {
    const FILE: &'static str = "ads.toml";
    const WHAT: &'static str = "the registered campaigns and links";

    fn read(text: &str, _: &Config) -> Result<Self, Vec<Mistake>> {
        Self::from_toml(text)
    }

    fn write(&self) -> String {
        self.to_toml()
    }

    /// No id and no name stands for two, and each link has its line item. What is of an account that is configured no more
    /// is kept, and counts again if it is.
    fn merged(&self, file: &Config) -> Result<Config, String> {
        let mut clashes = campaign_clashes(file, self);
        let places = places(file, self);
        let of_file: HashSet<_> = links_of_file(file).map(|(_, link)| &link.name).collect();
        let mut config = file.clone();
        for RegisteredCampaign { account_id, campaign } in &self.campaigns {
            let account = config.accounts.iter_mut().find(|account| account.id == *account_id);
            account.into_iter().for_each(|account| account.campaigns.push(campaign.clone()));
        }
        for link in &self.links {
            let RegisteredLink { account_id, name, line_item_id, .. } = link;
            if of_file.contains(name) {
                clashes.push(format!(
                    "link \"{name}\" of {} has the name of one in {CONFIGURATION}",
                    Self::FILE
                ));
            }
            let account = config.accounts.iter_mut().find(|account| account.id == *account_id);
            let Some(account) = account else { continue };
            match places.get(&(*account_id, *line_item_id)) {
                Some(&campaign_id) => account.links.push(Link {
                    name: name.clone(),
                    landing_page: link.landing_page.clone(),
                    campaign_id,
                    line_item_id: *line_item_id,
                }),
                None => clashes.push(format!(
                    "link \"{name}\" of {} leads to line item {line_item_id}, which no campaign of account {account_id} has",
                    Self::FILE
                )),
            }
        }
        if clashes.is_empty() { Ok(config) } else { Err(clashes.join("\n")) }
    }

    fn put_in_force(merged: &Config, live: &SharedLive) {
        let links = Arc::new(merged.links());
        live.rcu(|before| Live { links: links.clone(), ..Live::clone(before) });
    }
}

impl Registrations<CampaignId, CampaignView> for Keeper<RegisteredAds> {
    fn list(&self, _: &Caller) -> Asked<Vec<CampaignView>> {
        self.ask(|Opened { file, document, .. }| {
            let of_file = campaigns_of_file(file).map(|(id, campaign)| campaign_view(id, campaign, "file"));
            let registered = document
                .campaigns
                .iter()
                .map(|known| campaign_view(known.account_id, &known.campaign, "api"));
            Ok(of_file.chain(registered).collect())
        })
    }

    fn put(&self, _: &Caller, id: CampaignId, fields: Map<String, Value>) -> Asked<Put<CampaignView>> {
        self.ask(move |opened| put_campaign(opened, id, fields))
    }

    fn delete(&self, _: &Caller, id: CampaignId) -> Asked<()> {
        self.ask(move |opened| delete_campaign(opened, id))
    }
}

impl Registrations<LinkName, LinkView> for Keeper<RegisteredAds> {
    fn list(&self, _: &Caller) -> Asked<Vec<LinkView>> {
        self.ask(|Opened { file, document, .. }| {
            let places = places(file, &document);
            let registered = document.links.iter().map(|link| link_view(link, &places));
            let of_file = links_of_file(file).map(|(id, link)| file_link_view(id, link));
            Ok(of_file.chain(registered).collect())
        })
    }

    fn put(&self, _: &Caller, name: LinkName, fields: Map<String, Value>) -> Asked<Put<LinkView>> {
        self.ask(move |opened| put_link(opened, &name, fields))
    }

    fn delete(&self, _: &Caller, name: LinkName) -> Asked<()> {
        self.ask(move |opened| delete_link(opened, &name))
    }
}

fn put_campaign(
    mut opened: Opened<'_, RegisteredAds>,
    id: CampaignId,
    fields: Map<String, Value>,
) -> Result<Put<CampaignView>, Unchanged> {
    refuse_campaign_of_file(opened.file, id)?;
    let wanted = RegisteredCampaign::from_json(id, fields).map_err(Unchanged::Mistaken)?;
    require_account(opened.file, wanted.account_id)?;
    let view = campaign_view(wanted.account_id, &wanted.campaign, "api");
    let RegisteredAds { campaigns, links } = &mut opened.document;
    let known = campaigns.iter().position(|known| known.campaign.id == id);
    match known {
        Some(at) => {
            refuse_if_needed(links, &campaigns[at], Some(&wanted))?;
            campaigns[at] = wanted;
        }
        None if campaigns.len() >= CAMPAIGNS_MAX => return Err(full(CAMPAIGNS_MAX, "campaigns")),
        None => campaigns.push(wanted),
    }
    opened.keep()?;
    tracing::info!(campaign.id = %id, "campaign registered");
    Ok(Put { is_new: known.is_none(), view })
}

fn delete_campaign(mut opened: Opened<'_, RegisteredAds>, id: CampaignId) -> Result<(), Unchanged> {
    refuse_campaign_of_file(opened.file, id)?;
    let RegisteredAds { campaigns, links } = &mut opened.document;
    let known = campaigns.iter().position(|known| known.campaign.id == id).ok_or(Unchanged::Unknown)?;
    refuse_if_needed(links, &campaigns[known], None)?;
    campaigns.remove(known);
    opened.keep()?;
    tracing::info!(campaign.id = %id, "campaign deleted");
    Ok(())
}

fn put_link(
    mut opened: Opened<'_, RegisteredAds>,
    name: &LinkName,
    fields: Map<String, Value>,
) -> Result<Put<LinkView>, Unchanged> {
    refuse_link_of_file(opened.file, name)?;
    let wanted = RegisteredLink::from_json(name, fields).map_err(Unchanged::Mistaken)?;
    require_account(opened.file, wanted.account_id)?;
    let places = places(opened.file, &opened.document);
    let RegisteredLink { account_id, line_item_id, .. } = wanted;
    if !places.contains_key(&(account_id, line_item_id)) {
        let what = format!("no campaign of account {account_id} has the line item {line_item_id}");
        let fix = "list it in line_items of one";
        return Err(Unchanged::Mistaken(vec![format!("line_item_id: {what}; {fix}")]));
    }
    let view = link_view(&wanted, &places);
    let links = &mut opened.document.links;
    let known = links.iter().position(|known| known.name == *name);
    match known {
        Some(at) => links[at] = wanted,
        None if links.len() >= LINKS_MAX => return Err(full(LINKS_MAX, "links")),
        None => links.push(wanted),
    }
    opened.keep()?;
    tracing::info!(link.name = %name, "link registered");
    Ok(Put { is_new: known.is_none(), view })
}

fn delete_link(mut opened: Opened<'_, RegisteredAds>, name: &LinkName) -> Result<(), Unchanged> {
    refuse_link_of_file(opened.file, name)?;
    let links = &mut opened.document.links;
    let known = links.iter().position(|known| known.name == *name).ok_or(Unchanged::Unknown)?;
    links.remove(known);
    opened.keep()?;
    tracing::info!(link.name = %name, "link deleted");
    Ok(())
}

/// A campaign keeps the line items that links lead to.
fn refuse_if_needed(
    links: &[RegisteredLink],
    before: &RegisteredCampaign,
    after: Option<&RegisteredCampaign>,
) -> Result<(), Unchanged> {
    let has = |of: &RegisteredCampaign, link: &RegisteredLink| {
        let mut line_items = of.campaign.line_items.iter();
        of.account_id == link.account_id && line_items.any(|item| item.id == link.line_item_id)
    };
    let loses = |link: &&RegisteredLink| has(before, link) && !after.is_some_and(|after| has(after, link));
    let Some(link) = links.iter().find(loses) else { return Ok(()) };
    let (id, name, line_item) = (before.campaign.id, &link.name, link.line_item_id);
    let what = format!("campaign {id} is in use: link \"{name}\" leads to its line item {line_item}");
    Err(Unchanged::Conflict(format!("{what}; delete that link, or lead it elsewhere, first")))
}

fn refuse_campaign_of_file(file: &Config, id: CampaignId) -> Result<(), Unchanged> {
    let is_there = campaigns_of_file(file).any(|(_, known)| known.id == id);
    if is_there { Err(in_file(&format!("campaign {id}"))) } else { Ok(()) }
}

fn refuse_link_of_file(file: &Config, name: &LinkName) -> Result<(), Unchanged> {
    let is_there = links_of_file(file).any(|(_, known)| known.name == *name);
    if is_there { Err(in_file(&format!("link \"{name}\""))) } else { Ok(()) }
}

fn in_file(what: &str) -> Unchanged {
    Unchanged::Conflict(format!("{what} is in {CONFIGURATION}; change it there, then reload"))
}

fn require_account(file: &Config, id: AccountId) -> Result<(), Unchanged> {
    if file.accounts.iter().any(|account| account.id == id) {
        return Ok(());
    }
    let what = format!("account_id: there is no account {id}; accounts are in {CONFIGURATION}");
    Err(Unchanged::Mistaken(vec![what]))
}

fn full(max: usize, what: &str) -> Unchanged {
    Unchanged::Conflict(format!("there are {max} registered {what} already; delete one first"))
}

fn campaigns_of_file(file: &Config) -> impl Iterator<Item = (AccountId, &Campaign)> {
    file.accounts.iter().flat_map(|account| account.campaigns.iter().map(|campaign| (account.id, campaign)))
}

fn links_of_file(file: &Config) -> impl Iterator<Item = (AccountId, &Link)> {
    file.accounts.iter().flat_map(|account| account.links.iter().map(|link| (account.id, link)))
}

/// All campaigns, those of the file first.
fn all_campaigns<'c>(
    file: &'c Config,
    ads: &'c RegisteredAds,
) -> impl Iterator<Item = (AccountId, &'c Campaign)> {
    campaigns_of_file(file).chain(ads.campaigns.iter().map(|known| (known.account_id, &known.campaign)))
}

/// Which campaign has a line item.
fn places(file: &Config, ads: &RegisteredAds) -> HashMap<(AccountId, LineItemId), CampaignId> {
    let of = |(account_id, campaign): (AccountId, &Campaign)| {
        let id = campaign.id;
        campaign.line_items.iter().map(move |item| ((account_id, item.id), id)).collect::<Vec<_>>()
    };
    all_campaigns(file, ads).flat_map(of).collect()
}

/// Ids that stand for two campaigns or two line items.
fn campaign_clashes(file: &Config, ads: &RegisteredAds) -> Vec<String> {
    let (mut clashes, mut ids, mut line_items) = (Vec::new(), HashSet::new(), HashMap::new());
    let own = format!("every one has its own, over {CONFIGURATION} and {} together", RegisteredAds::FILE);
    for (_, campaign) in all_campaigns(file, ads) {
        let id = campaign.id;
        if !ids.insert(id) {
            clashes.push(format!("there are two campaigns with the id {id}; {own}"));
        }
        for item in &campaign.line_items {
            if let Some(twin) = line_items.insert(item.id, id) {
                let item = item.id;
                clashes.push(format!("campaigns {twin} and {id} both have a line item {item}; {own}"));
            }
        }
    }
    clashes
}

fn campaign_view(account_id: AccountId, campaign: &Campaign, source: &'static str) -> CampaignView {
    let line_items = campaign.line_items.iter();
    CampaignView {
        id: campaign.id.to_string(),
        account_id: account_id.to_string(),
        name: campaign.name.clone(),
        line_items: line_items
            .map(|item| LineItemView { id: item.id.to_string(), name: item.name.clone() })
            .collect(),
        source,
    }
}

fn link_view(link: &RegisteredLink, places: &HashMap<(AccountId, LineItemId), CampaignId>) -> LinkView {
    LinkView {
        name: link.name.to_string(),
        account_id: link.account_id.to_string(),
        landing_page: link.landing_page.to_string(),
        campaign_id: places.get(&(link.account_id, link.line_item_id)).map(ToString::to_string),
        line_item_id: link.line_item_id.to_string(),
        source: "api",
    }
}

fn file_link_view(account_id: AccountId, link: &Link) -> LinkView {
    LinkView {
        name: link.name.to_string(),
        account_id: account_id.to_string(),
        landing_page: link.landing_page.to_string(),
        campaign_id: Some(link.campaign_id.to_string()),
        line_item_id: link.line_item_id.to_string(),
        source: "file",
    }
}

const CONFIGURATION: &str = "the configuration file";
/// All of them are read and written with each change.
const CAMPAIGNS_MAX: usize = 1_000;
const LINKS_MAX: usize = 10_000;
