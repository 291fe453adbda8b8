//! Advertisers, their pixels, event tags and ads.

use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};

use super::ads::{self, Campaign, Link};
use super::keys::{is_development, length};
use super::walk::{Field, Section};
use crate::domain::attribution::Windows;
use crate::domain::conversion::Country;
use crate::domain::event::EventType;
use crate::domain::id::{AccountId, EventTagId, InvalidId, PixelId};
use crate::domain::link::Links;
use crate::domain::money::Currency;
use crate::domain::policy::{self, Category, Standing};
use crate::domain::settings::{self, OriginPattern, Registry};
use crate::domain::targeting::Handle;

/// An advertiser.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub country: Option<Country>,
    /// Whether the operator has certified it for political campaigning.
    pub political_certified: bool,
    /// What its reports sum up.
    pub currency: Currency,
    /// What partners' targeting files call the advertiser.
    pub handle: Option<Handle>,
    pub keys: AccountKeys,
    pub pixels: Vec<Pixel>,
    pub campaigns: Vec<Campaign>,
    pub links: Vec<Link>,
}

/// What opens the advertisers' API for an account; with none of it, nothing does.
#[derive(Debug, Clone, Default)]
pub struct AccountKeys {
    /// For conversions alone.
    pub pixel_token: Option<SecretString>,
    pub bearer_token: Option<SecretString>,
    pub oauth: Option<Oauth>,
}

/// For OAuth 1.0a.
#[derive(Debug, Clone)]
pub struct Oauth {
    pub consumer_key: String,
    pub consumer_secret: SecretString,
    pub access_token: String,
    pub access_secret: SecretString,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixel {
    pub id: PixelId,
    /// As they are written in the file; each is an [`OriginPattern`].
    pub origins: Vec<String>,
    pub directed_to_children: bool,
    pub event_tags: Vec<EventTag>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTag {
    pub id: EventTagId,
    pub name: String,
    pub event: EventType,
    /// The one for views is never the longer one.
    pub windows: Windows,
    /// Whether who does this may be shown ads for it later.
    pub retargeting_enabled: bool,
    /// What it is based on, as its advertiser declares; none that the account has no exception for.
    pub categories: Vec<Category>,
}

impl Account {
    pub fn standing(&self) -> Standing {
        Standing { country: self.country, political_certified: self.political_certified }
    }
}

/// What the server looks hits up in.
pub(super) fn registry(accounts: &[Account]) -> Registry {
    let pixels =
        accounts.iter().flat_map(|account| account.pixels.iter().map(|pixel| pixel.setting(account.id)));
    let handles = accounts.iter().filter_map(|account| Some((account.handle.clone()?, account.id)));
    let settings = accounts.iter().map(|account| {
        (account.id, settings::Account { name: account.name.clone(), currency: account.currency })
    });
    Registry::new(pixels.collect()).with_handles(handles.collect()).with_accounts(settings.collect())
}

/// What the server looks ad links and campaigns up in.
pub(super) fn links(accounts: &[Account]) -> Links {
    let of =
        |account: &Account| account.links.iter().map(|link| link.setting(account.id)).collect::<Vec<_>>();
    let campaigns = accounts
        .iter()
        .flat_map(|account| account.campaigns.iter().map(|campaign| campaign.setting(account.id)));
    Links::new(accounts.iter().flat_map(of)).with_campaigns(campaigns)
}

impl Pixel {
    fn setting(&self, account_id: AccountId) -> settings::Pixel {
        let tag = |tag: &EventTag| settings::EventTag {
            id: tag.id,
            name: tag.name.clone(),
            event: tag.event,
            windows: tag.windows,
        };
        settings::Pixel {
            id: self.id,
            account_id,
            origins: self.origins.iter().filter_map(|origin| OriginPattern::parse(origin)).collect(),
            directed_to_children: self.directed_to_children,
            event_tags: self.event_tags.iter().map(tag).collect(),
        }
    }
}

pub(super) fn accounts(root: &Section<'_>, allow_development: bool) -> Vec<Account> {
    let account = |section| account(section, allow_development);
    root.sections("accounts").into_iter().filter_map(account).collect()
}

fn account(section: Section<'_>, allow_development: bool) -> Option<Account> {
    let id = id(&section, "id", "account id");
    let name = name(&section);
    let country = section.get("country");
    let country = country.and_then(|field| field.parsed("two letters such as \"DE\"", Country::parse));
    let currency = section.get("currency");
    let currency = currency.and_then(|field| {
        field.parsed("an ISO 4217 code such as \"EUR\"", |code| Currency::parse(code).ok())
    });
    let certified = section.get("political_certified").and_then(|field| field.flag());
    let standing = Standing { country, political_certified: certified.unwrap_or(false) };
    let handle = section.get("handle").and_then(|field| {
        let handle =
            field.parsed("a handle such as \"@shop\": 1 to 15 letters, digits and _", Handle::parse)?;
        field.claim("handle", &handle);
        Some(handle)
    });
    let keys = keys(&section, allow_development);
    let pixels = section.each("pixels", |section| pixel(section, standing));
    let campaigns = ads::campaigns(&section);
    let links = ads::links(&section, &campaigns);
    section.finish();
    let currency = currency.unwrap_or(Currency::USD);
    Some(Account {
        id: id?,
        name: name?,
        country,
        political_certified: standing.political_certified,
        currency,
        handle,
        keys,
        pixels,
        campaigns,
        links,
    })
}

fn keys(section: &Section<'_>, allow_development: bool) -> AccountKeys {
    let single = |key, kind| {
        let field = section.get(key)?;
        let token = token(&field, allow_development)?;
        field.claim(kind, token.expose_secret());
        Some(token)
    };
    let pixel_token = single("pixel_token", "pixel token");
    let bearer_token = single("bearer_token", "bearer token");
    let oauth = section.get("oauth").and_then(Field::section).and_then(|section| {
        let part = |key| {
            section.require(key, "oauth has consumer_key, consumer_secret, access_token and access_secret")
        };
        let [key, secret, access, access_secret] =
            ["consumer_key", "consumer_secret", "access_token", "access_secret"].map(part);
        section.finish();
        let own = |field: Option<Field<'_>>| field.and_then(|field| token(&field, allow_development));
        let (consumer_secret, access_secret) = (own(secret), own(access_secret));
        let access_field = access?;
        let (consumer_key, access_token) = (key?.secret()?, access_field.secret()?);
        let (consumer_key, access_token) = (consumer_key.expose_secret(), access_token.expose_secret());
        access_field.claim("access token", format!("{consumer_key} {access_token}"));
        Some(Oauth {
            consumer_key: consumer_key.to_owned(),
            consumer_secret: consumer_secret?,
            access_token: access_token.to_owned(),
            access_secret: access_secret?,
        })
    });
    AccountKeys { pixel_token, bearer_token, oauth }
}

/// A secret that is not known to everybody.
fn token(field: &Field<'_>, allow_development: bool) -> Option<SecretString> {
    let token = field.secret()?;
    if is_development(&token) {
        if allow_development {
            return Some(token);
        }
        field.refuse(
            "this is a development token, which everybody knows",
            "`pixelgate keygen` prints a random one",
        );
        return None;
    }
    if length(&token) < TOKEN_CHARS_MIN {
        let what = format!("under {TOKEN_CHARS_MIN} characters");
        field.refuse(what, "`pixelgate keygen` prints a random one");
        return None;
    }
    Some(token)
}

const TOKEN_CHARS_MIN: usize = 16;

fn pixel(section: &Section<'_>, standing: Standing) -> Option<Pixel> {
    let id = id(section, "id", SHARED_ID);
    let origins = section.get("origins").map(Field::list).unwrap_or_default();
    let origins = origins.iter().filter_map(origin).collect();
    let children = section.get("directed_to_children").and_then(|field| field.flag());
    let event_tags = section.each("event_tags", |section| event_tag(section, standing));
    Some(Pixel { id: id?, origins, directed_to_children: children.unwrap_or(false), event_tags })
}

fn event_tag(section: &Section<'_>, standing: Standing) -> Option<EventTag> {
    let id = id(section, "id", SHARED_ID);
    let name = name(section);
    let categories = categories(section, standing);
    if let (Some(name), Some(field)) = (&name, section.get("name"))
        && let Err(violation) = policy::check_name(name, &categories, standing)
    {
        let fix = "call it something else, or declare it where the account may";
        field.refuse(violation.to_string(), fix);
    }
    let types = EventType::ALL.map(|event| (event.name(), event));
    let event =
        section.require("type", "for example type = \"PURCHASE\"").and_then(|field| field.one_of(&types));
    let click = window(section, "click_window", "1, 7, 14 or 30 days", &Windows::CLICK_DAYS);
    let view_field = section.get("view_through_window");
    let view = window(section, "view_through_window", "0, 1, 7, 14 or 30 days", &Windows::VIEW_DAYS);
    let retargeting = section.get("retargeting_enabled").and_then(|field| field.flag());
    if let (Some(click), Some(view), Some(field)) = (click, view, view_field)
        && view > click
    {
        field.refuse(
            format!("{view} days are longer than the click window"),
            format!("expected at most click_window, which is {click}"),
        );
    }
    Some(EventTag {
        id: id?,
        name: name?,
        event: event?,
        windows: Windows { click_days: click?, view_days: view? },
        retargeting_enabled: retargeting.unwrap_or(false),
        categories,
    })
}

/// Those that the account may declare.
fn categories(section: &Section<'_>, standing: Standing) -> Vec<Category> {
    let known = Category::ALL.map(|category| (category.name(), category));
    let fields = section.get("categories").map(Field::list).unwrap_or_default();
    let mut declared = Vec::with_capacity(fields.len());
    for field in fields {
        let Some(category) = field.one_of(&known) else { continue };
        match policy::check_declared(&[category], standing) {
            Ok(()) if declared.contains(&category) => {
                field.refuse(format!("\"{category}\" is there twice"), "name each category once");
            }
            Ok(()) => declared.push(category),
            Err(violation) => field.refuse(violation.to_string(), "leave it out, and the event tag with it"),
        }
    }
    declared
}

/// A hit's `txn_id` may be either, so that no pixel and event tag may share one.
const SHARED_ID: &str = "pixel or event tag id";

pub(super) fn id<T>(section: &Section<'_>, key: &'static str, kind: &'static str) -> Option<T>
where
    T: FromStr<Err = InvalidId> + ToString,
{
    let field = section.require(key, "expected 1 to 12 characters 0-9 or a-z")?;
    let id: T = parsed_id(&field)?;
    field.claim(kind, id.to_string());
    Some(id)
}

pub(super) fn parsed_id<T: FromStr<Err = InvalidId>>(field: &Field<'_>) -> Option<T> {
    field.parsed("1 to 12 characters 0-9 or a-z without a leading zero", |text| text.parse().ok())
}

pub(super) fn name(section: &Section<'_>) -> Option<String> {
    let field = section.require("name", "expected a name for people to read")?;
    let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= NAME_CHARS_MAX;
    field.parsed("1 to 255 characters", |text| fits(text).then(|| text.to_owned()))
}

const NAME_CHARS_MAX: usize = 255;

fn origin(field: &Field<'_>) -> Option<String> {
    let expected =
        "an origin such as \"https://shop.example\" or \"https://*.example\", with at most two *, no path";
    field.parsed(expected, |text| OriginPattern::parse(text).map(|_| text.to_owned()))
}

fn window(section: &Section<'_>, key: &'static str, expected: &str, allowed: &[u8]) -> Option<u8> {
    let field = section.require(key, &format!("expected {expected}"))?;
    let days = field.integer(0..=365)?;
    let known = allowed.iter().copied().find(|allowed| u64::from(*allowed) == days);
    if known.is_none() {
        field.refuse(format!("{days} is no window"), format!("expected {expected}"));
    }
    known
}
