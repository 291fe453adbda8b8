//! Ad links: names that ads lead to, and what stands behind each.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::id::{AccountId, CampaignId, LineItemId};
use super::template::{InvalidTemplate, Template};
use super::touch::IssuedClickId;

/// What `/c/<name>` leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub placement: Arc<Placement>,
    pub landing_page: LandingPage,
}

/// All links, by their names, which anybody may ask for, and the campaigns that they are of. Built once, then shared.
#[derive(Debug, Default)]
pub struct Links {
    by_name: HashMap<String, Link>,
    campaigns: Vec<Campaign>,
}

impl Links {
    /// A name is one link's alone; configuration refuses doubled ones before this.
    pub fn new(links: impl Iterator<Item = Link>) -> Self {
        let by_name = links.map(|link| (link.placement.link.as_str().to_owned(), link)).collect();
        Self { by_name, campaigns: Vec::new() }
    }

    #[must_use]
    pub fn with_campaigns(mut self, campaigns: impl Iterator<Item = Campaign>) -> Self {
        self.campaigns = campaigns.collect();
        self
    }

    pub fn get(&self, name: &str) -> Option<&Link> {
        self.by_name.get(name)
    }

    /// Those of the configuration come first.
    pub fn campaigns_of(&self, account_id: AccountId) -> impl Iterator<Item = &Campaign> {
        self.campaigns.iter().filter(move |campaign| campaign.account_id == account_id)
    }
}

/// What an advertiser runs ads for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub account_id: AccountId,
    pub name: String,
    pub line_items: Vec<LineItem>,
}

/// A part of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineItem {
    pub id: LineItemId,
    pub name: String,
}

/// Whose ad it is, and where it runs. Shared by all its touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Placement {
    pub account_id: AccountId,
    pub link: LinkName,
    pub campaign_id: CampaignId,
    pub line_item_id: LineItemId,
}

/// 1 to 64 characters `[a-z0-9_-]`. It stands in the paths of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkName(Box<str>);

impl LinkName {
    pub fn parse(text: &str) -> Option<Self> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let fits = (1..=LINK_NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.into()))
    }

    /// What the log stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const LINK_NAME_CHARS_MAX: usize = 64;

/// Where an ad leads: an address that the operator has registered, to which nothing comes but a click id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingPage {
    /// Up to the fragment, without any click id.
    address: Box<str>,
    /// With its `#`; empty if there is none.
    fragment: Box<str>,
}

/// Why a text is no landing page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidLandingPage {
    Address(InvalidTemplate),
    Macro,
    Fragment,
}

impl fmt::Display for InvalidLandingPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => error.fmt(f),
            Self::Macro => f.write_str("expected no macros: only a click id is added"),
            Self::Fragment => f.write_str("expected printable ASCII characters behind the #"),
        }
    }
}

impl std::error::Error for InvalidLandingPage {}

impl LandingPage {
    /// `https://`, or `http://` on this machine alone; at most 1,024 characters without the fragment, and as many in it.
    pub fn parse(text: &str) -> Result<Self, InvalidLandingPage> {
        let (address, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        if address.contains(['{', '}']) {
            return Err(InvalidLandingPage::Macro);
        }
        Template::parse(address).map_err(InvalidLandingPage::Address)?;
        let printable = fragment.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || fragment.len() > FRAGMENT_CHARS_MAX {
            return Err(InvalidLandingPage::Fragment);
        }
        Ok(Self { address: without_click_id(address).into(), fragment: fragment.into() })
    }

    /// The address with `click_id` in its query, or with none.
    pub fn with(&self, click_id: Option<IssuedClickId>) -> String {
        let Some(click_id) = click_id else { return [&*self.address, &self.fragment].concat() };
        let mark = match self.address.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        [&self.address, mark, PARAMETER, "=", &click_id.expose(), &self.fragment].concat()
    }
}

/// As it is written in configurations.
impl fmt::Display for LandingPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with(None))
    }
}

fn without_click_id(address: &str) -> String {
    let Some((path, query)) = address.split_once('?') else { return address.to_owned() };
    let is_click_id =
        |pair: &&str| pair.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case(PARAMETER));
    let rest: Vec<_> = query.split('&').filter(|pair| !is_click_id(pair)).collect();
    if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) }
}

const PARAMETER: &str = "twclid";
const FRAGMENT_CHARS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: IssuedClickId = IssuedClickId::from_bytes([0; 16]);

    #[track_caller]
    fn check(text: &str, without: &str, with: &str) {
        let page = LandingPage::parse(text).expect(text);
        assert_eq!(page.with(None), without);
        assert_eq!(page.with(Some(ID)), with.replace("ID", &ID.expose()));
    }

    #[test]
    fn a_click_id_takes_the_place_of_another_and_the_fragment_stays_behind_it() {
        check("https://a.example/", "https://a.example/", "https://a.example/?twclid=ID");
        check("https://a.example", "https://a.example", "https://a.example?twclid=ID");
        check("https://a.example/?", "https://a.example/?", "https://a.example/?twclid=ID");
        check(
            "https://a.example/l?a=b#c?d",
            "https://a.example/l?a=b#c?d",
            "https://a.example/l?a=b&twclid=ID#c?d",
        );
        check(
            "https://a.example/l?twclid=old&a=b&TWCLID=x#f",
            "https://a.example/l?a=b#f",
            "https://a.example/l?a=b&twclid=ID#f",
        );
        check(
            "http://a.localhost:80/?twclid=old",
            "http://a.localhost:80/",
            "http://a.localhost:80/?twclid=ID",
        );
        check(
            "https://a.example/?twclidx=1",
            "https://a.example/?twclidx=1",
            "https://a.example/?twclidx=1&twclid=ID",
        );
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_landing_page() {
        use InvalidLandingPage as Invalid;
        for (text, expect) in [
            ("", Invalid::Address(InvalidTemplate::Scheme)),
            ("http://a.example/", Invalid::Address(InvalidTemplate::Scheme)),
            ("javascript:alert(1)", Invalid::Address(InvalidTemplate::Scheme)),
            ("https://user@a.example/", Invalid::Address(InvalidTemplate::Host)),
            ("https://a.example/\r\nX: y", Invalid::Address(InvalidTemplate::Character)),
            ("https://a.example/?b={browser_id}", Invalid::Macro),
            ("https://a.example/#a b", Invalid::Fragment),
            ("https://a.example/#\u{e4}", Invalid::Fragment),
        ] {
            assert_eq!(LandingPage::parse(text), Err(expect), "{text}");
        }
        let long = |count| format!("https://a.example/#{}", "f".repeat(count));
        assert!(LandingPage::parse(&long(FRAGMENT_CHARS_MAX - 1)).is_ok());
        assert_eq!(LandingPage::parse(&long(FRAGMENT_CHARS_MAX)), Err(Invalid::Fragment));
    }

    #[test]
    fn link_names_are_64_plain_characters_at_most() {
        assert!(LinkName::parse("spring_2026-a").is_some() && LinkName::parse(&"a".repeat(64)).is_some());
        for text in ["", "Spring", "a/b", "a.b", "\u{e4}", &"a".repeat(65)] {
            assert_eq!(LinkName::parse(text), None, "{text}");
        }
    }
}
