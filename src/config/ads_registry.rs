//! Campaigns and links that were registered by the admin API: in JSON as they come in, and in the TOML file that keeps
//! them.
//!
//! There are no rules of its own here: both are read by what reads the configuration.

use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::ads::{self, Campaign};
use super::json;
use super::mistake::Mistake;
use super::walk::{Document, Section};
use super::{accounts, environment};
use crate::domain::id::{AccountId, CampaignId, LineItemId};
use crate::domain::link::{LandingPage, LinkName};

/// All of them, each list in the order in which they were registered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegisteredAds {
    pub campaigns: Vec<RegisteredCampaign>,
    pub links: Vec<RegisteredLink>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredCampaign {
    pub account_id: AccountId,
    pub campaign: Campaign,
}

/// Which campaign has the line item is said by the campaigns alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredLink {
    pub account_id: AccountId,
    pub name: LinkName,
    pub landing_page: LandingPage,
    pub line_item_id: LineItemId,
}

impl RegisteredAds {
    /// Reads what [`Self::to_toml`] wrote, and somebody may have changed since.
    pub fn from_toml(text: &str) -> Result<Self, Vec<Mistake>> {
        Document::read(text, &environment, |root| {
            Some(Self { campaigns: root.each("campaigns", campaign), links: root.each("links", link) })
        })
    }

    pub fn to_toml(&self) -> String {
        let campaigns = self.campaigns.iter().map(RegisteredCampaign::table);
        let links = self.links.iter().map(RegisteredLink::table);
        let tables = campaigns.map(|table| ("campaigns", table)).chain(links.map(|table| ("links", table)));
        let tables = tables.map(|(name, fields)| format!("\n[[{name}]]\n{}", json::table(&fields)));
        format!("{HEAD}{}", tables.collect::<String>())
    }
}

impl RegisteredCampaign {
    /// What the fields of a JSON object say of the campaign `id`; `Err` holds every mistake.
    pub fn from_json(id: CampaignId, mut fields: Map<String, Value>) -> Result<Self, Vec<String>> {
        json::read(&mut fields, ("id", text(id)), campaign)
    }

    fn table(&self) -> Map<String, Value> {
        let Campaign { id, name, line_items } = &self.campaign;
        let line_items: Vec<_> =
            line_items.iter().map(|item| json!({"id": text(item.id), "name": item.name})).collect();
        fields([
            ("account_id", text(self.account_id)),
            ("id", text(id)),
            ("name", text(name)),
            ("line_items", line_items.into()),
        ])
    }
}

impl RegisteredLink {
    /// What the fields of a JSON object say of the link `name`; `Err` holds every mistake.
    pub fn from_json(name: &LinkName, mut fields: Map<String, Value>) -> Result<Self, Vec<String>> {
        json::read(&mut fields, ("name", text(name)), link)
    }

    fn table(&self) -> Map<String, Value> {
        fields([
            ("account_id", text(self.account_id)),
            ("name", text(&self.name)),
            ("landing_page", text(&self.landing_page)),
            ("line_item_id", text(self.line_item_id)),
        ])
    }
}

fn campaign(section: &Section<'_>) -> Option<RegisteredCampaign> {
    let account_id = account_id(section);
    let campaign = ads::campaign(section);
    Some(RegisteredCampaign { account_id: account_id?, campaign: campaign? })
}

fn link(section: &Section<'_>) -> Option<RegisteredLink> {
    let account_id = account_id(section);
    let name = ads::link_name(section);
    let landing_page = ads::landing_page(section);
    let line_item = ads::line_item_id(section, "line_item_id");
    let (_, line_item_id) = line_item?;
    Some(RegisteredLink { account_id: account_id?, name: name?, landing_page: landing_page?, line_item_id })
}

fn account_id(section: &Section<'_>) -> Option<AccountId> {
    accounts::parsed_id(&section.require("account_id", "expected the id of an account")?)
}

fn text(value: impl Display) -> Value {
    value.to_string().into()
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

const HEAD: &str = "# Registered by PUT /admin/campaigns/{id} and /admin/links/{name}. The server replaces this file as a whole.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(json: Value) -> Result<RegisteredCampaign, Vec<String>> {
        let id = "8wku3".parse().expect("an id");
        RegisteredCampaign::from_json(id, json.as_object().expect("an object").clone())
    }

    fn link(json: Value) -> Result<RegisteredLink, Vec<String>> {
        let name = LinkName::parse("autumn").expect("a name");
        RegisteredLink::from_json(&name, json.as_object().expect("an object").clone())
    }

    #[test]
    fn what_is_kept_is_read_as_it_came() {
        let name = "\"Autumn\"\n[[links]]\u{7f}";
        let line_items = json!([{"id": "6zva6", "name": "All"}, {"id": "6zva7", "name": name}]);
        let campaign = json!({"account_id": "18ce54d4x5t", "name": name, "line_items": line_items});
        let campaign = self::campaign(campaign).expect("a campaign");
        let link = link(
            json!({"account_id": "18ce54d4x5t", "landing_page": "https://shop.example/?a=b#c\\\"", "line_item_id": "6zva7"}),
        );
        let ads = RegisteredAds { campaigns: vec![campaign], links: vec![link.expect("a link")] };
        assert_eq!(RegisteredAds::from_toml(&ads.to_toml()), Ok(ads));
        let none = RegisteredAds::default();
        assert_eq!(RegisteredAds::from_toml(&none.to_toml()), Ok(none));
    }

    #[track_caller]
    fn check<T: std::fmt::Debug>(read: Result<T, Vec<String>>, expect: &[&str]) {
        let mistakes = read.expect_err("a mistake");
        assert_eq!(mistakes.len(), expect.len(), "{mistakes:?}");
        for (mistake, expect) in mistakes.iter().zip(expect) {
            assert!(mistake.starts_with(expect), "{mistake:?} does not start with {expect:?}");
        }
    }

    #[test]
    fn every_mistake_is_told_as_for_a_table_of_the_file() {
        check(link(json!({})), &["account_id: missing", "landing_page: missing", "line_item_id: missing"]);
        check(
            link(
                json!({"name": "winter", "account_id": 1, "landing_page": "http://shop.example/", "line_item_id": "-", "line_itm": 1}),
            ),
            &[
                "name: it is not the one in the path",
                "account_id: this is an integer",
                "landing_page: this is no landing page",
                "line_item_id: \"-\" does not fit",
                "line_itm: unknown key; did you mean",
            ],
        );
        check(
            campaign(json!({"account_id": "a", "name": null})),
            &["name: null is no value", "name: missing"],
        );
        let doubled = json!([{"id": "6zva6", "name": "a"}, {"id": "6ZVA6", "name": " "}]);
        check(
            campaign(json!({"account_id": "a", "name": "a", "line_items": doubled})),
            &["line_items[2].id: doubled line item id", "line_items[2].name: "],
        );
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_its_place() {
        let link = "[[links]]\naccount_id = \"a\"\nname = \"b\"\nlanding_page = \"https://a.example/\"\nline_item_id = \"c\"\n";
        for (text, expect) in [
            (format!("{link}{link}"), "8:8: links[2].name: doubled link name"),
            (link.replace("https", "ftp"), "4:16: links[1].landing_page: this is no landing page"),
            ("[[campaign]]\n".to_owned(), "1:3: campaign: unknown key"),
            ("[[links\n".to_owned(), "1:8: not TOML"),
        ] {
            let mistakes = RegisteredAds::from_toml(&text).expect_err(&text);
            assert!(mistakes[0].to_string().starts_with(expect), "{text}: {}", mistakes[0]);
        }
    }
}
