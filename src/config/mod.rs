//! File -> [`Config`], with every mistake reported at once, each with its line and column.
//!
//! Nobody else reads the environment, and nothing here is started, opened or listened to: a file with a mistake in
//! it never becomes a `Config`. A `Config` holds no policy of its own; `app` turns it into what each part needs.

mod accounts;
mod ads;
mod ads_registry;
mod delete;
mod dev;
mod json;
mod keys;
mod limits;
mod listen;
mod log;
mod mistake;
mod partner_registry;
mod partners;
#[cfg(test)]
mod tests;
mod vendor_list;
mod walk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

pub use accounts::{Account, AccountKeys, EventTag, Oauth, Pixel};
pub use ads::{Campaign, Link};
pub use ads_registry::{RegisteredAds, RegisteredCampaign, RegisteredLink};
pub use delete::{Delete, Requester};
pub use dev::{DEV_TOML, DevOptions, demo_data_dir};
pub use keys::{Cookie, CookieKey, SECRET_BYTES_MIN};
pub use limits::{Limits, RateLimits};
pub use listen::{Listener, Proxies, Tls};
pub use log::{Ack, AckClasses, Log, Retain};
pub use mistake::{ConfigError, Mistake};
pub use partner_registry::{PartnerTable, partner_tables, partners_toml};
pub use partners::{Matching, Partner, PartnerLimit, PartnerSource, PartnerTargeting};
pub use vendor_list::{
    VendorListError, VendorListFault, VendorListSource, load_vendor_list, parse_vendor_list, read_vendor_list,
};

use crate::consent::policy::{Honour, Policy, Regime, UsOptOut};
use crate::domain::link::Links;
use crate::domain::settings::Registry;
use walk::{Document, Section};

/// Everything that an operator decides, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub mode: Mode,
    /// The only directory that the server writes to.
    pub data_dir: PathBuf,
    pub public: Listener,
    /// Threads that serve the public listener; `None`: one for every core.
    pub workers: Option<usize>,
    pub admin: Listener,
    /// What the admin listener asks for; `None`: nothing, which only a loopback address may.
    pub admin_token: Option<SecretString>,
    pub proxies: Proxies,
    /// Networks of our own that requests of ours to other companies may lead into.
    pub outbound_networks: Vec<IpNet>,
    /// A MaxMind country database (`.mmdb`) for clients whose country no proxy names.
    pub geo_database: Option<PathBuf>,
    pub log: Log,
    /// Within this time of an erasure nothing of its subject is left in a file.
    pub erase_within: Duration,
    /// Without the vendor list, which is read when the server starts and on reload.
    pub policy: Policy,
    /// The Global Vendor List (GVL v3 JSON).
    pub vendor_list: Option<VendorListSource>,
    /// A policy on `DNT: 1` that the operator commits to (text).
    pub dnt_policy: Option<PathBuf>,
    /// Who may ask for erasures by the Data Deletion Request Framework.
    pub delete: Option<Delete>,
    pub cookie: Cookie,
    /// At least one; the first signs.
    pub cookie_keys: Vec<CookieKey>,
    pub limits: Limits,
    /// `None`: everybody may ask as often as they like.
    pub rate_limits: Option<RateLimits>,
    pub accounts: Vec<Account>,
    pub matching: Matching,
    pub partners: Vec<Partner>,
}

/// Whether what is public knowledge may be a secret, and `/dev/` may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Production,
    Development,
}

impl Config {
    /// Reads `path`, with secrets from the environment where the file says so.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "the configuration is not in the data directory")]
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, &environment)
            .map_err(|mistakes| ConfigError::Mistaken { path: path.to_owned(), mistakes })
    }

    /// Every mistake of `text`, in the order of their places, or the configuration. `environment` gives the value
    /// of a variable.
    pub fn parse(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Mistake>> {
        Self::read(text, environment, Mode::Production)
    }

    /// The accounts, pixels and event tags, ready to be looked up.
    pub fn registry(&self) -> Registry {
        accounts::registry(&self.accounts)
    }

    /// The ad links, ready to be looked up.
    pub fn links(&self) -> Links {
        accounts::links(&self.accounts)
    }

    fn read(
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
        mode: Mode,
    ) -> Result<Self, Vec<Mistake>> {
        Document::read(text, environment, |root| from_root(root, mode))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn from_root(root: &Section<'_>, mode: Mode) -> Option<Config> {
    let development = mode == Mode::Development;
    let data_dir =
        root.require("data_dir", "name the directory for the log: data_dir = \"/var/lib/pixelgate\"");
    let data_dir = data_dir.and_then(|field| field.text()).map(PathBuf::from);
    let public = listen::public(root);
    let admin = listen::admin(root, development);
    let proxies = listen::proxies(root);
    let outbound_networks = listen::outbound(root);
    let geo_database = geo_database(root);
    let log = log::log(root);
    let erase_within = log::erase_within(root);
    let policy = policy(root);
    let dnt_policy = dnt_policy(root);
    let cookie = keys::cookie(root);
    let cookie_keys = keys::cookie_keys(root, development);
    let limits = limits::limits(root);
    let rate_limits = limits::rate_limits(root);
    let accounts = accounts::accounts(root, development);
    let partners = partners::partners(root, development);
    let matching = partners::matching(root, development, !partners.is_empty());
    let delete = delete::delete(root, &partners);
    let ((public, workers), (admin, admin_token)) = (public?, admin?);
    let (policy, vendor_list) = policy?;
    Some(Config {
        mode,
        data_dir: data_dir?,
        public,
        workers,
        admin,
        admin_token,
        proxies,
        outbound_networks,
        geo_database,
        log,
        erase_within,
        policy,
        vendor_list,
        dnt_policy,
        delete,
        cookie,
        cookie_keys,
        limits,
        rate_limits,
        accounts,
        matching,
        partners,
    })
}

fn geo_database(root: &Section<'_>) -> Option<PathBuf> {
    let section = root.section("geo");
    let database = section.get("database").and_then(|field| field.text()).map(PathBuf::from);
    section.finish();
    database
}

fn dnt_policy(root: &Section<'_>) -> Option<PathBuf> {
    let section = root.section("privacy");
    let policy = section.get("dnt_policy").and_then(|field| field.text()).map(PathBuf::from);
    section.finish();
    policy
}

/// The regime is without a default on purpose: where nothing is known about a visitor, only the operator can say which law is the
/// safe assumption.
fn policy(root: &Section<'_>) -> Option<(Policy, Option<VendorListSource>)> {
    let section = root.section("consent");
    let fix = "choose what applies where a visitor's country is not known: \"gdpr\" (store nothing without consent), \
               \"us\" (store unless opted out) or \"none\"; nobody can choose it for you";
    let regimes = Regime::ALL.map(|regime| (regime.name(), regime));
    let regime = section.require("default_regime", fix).and_then(|field| field.one_of(&regimes));
    let adchoices_participant =
        section.get("adchoices_participant").and_then(|field| field.integer(0..=ADCHOICES_ID_MAX));
    let honours = Honour::ALL.map(|honour| (honour.name(), honour));
    let honour = |key| section.get(key).and_then(|field| field.one_of(&honours)).unwrap_or(Honour::Always);
    let (gpc, dnt) = (honour("gpc"), honour("dnt"));
    let us_opt_outs = UsOptOut::ALL.map(|us_opt_out| (us_opt_out.name(), us_opt_out));
    let us_opt_out = section.get("us_opt_out").and_then(|field| field.one_of(&us_opt_outs));
    let us_opt_out = us_opt_out.unwrap_or(UsOptOut::Deny);
    let vendor_list = section.get("vendor_list");
    let vendor_id = match vendor_list {
        Some(_) => section.require("vendor_id", "whose entry in the vendor list is ours"),
        None => section.get("vendor_id"),
    };
    let vendor_id = vendor_id.and_then(|field| field.integer(1..=u64::from(u16::MAX)));
    let vendor_list = vendor_list.and_then(|field| field.text());
    let vendor_list = vendor_list.map(|path| VendorListSource::File(PathBuf::from(path)));
    let days_max = section.get("vendor_list_max_age_days");
    let days_max = days_max.and_then(|field| field.integer(1..=VENDOR_LIST_DAYS_MAX));
    section.finish();
    let vendor_id = vendor_id.and_then(|id| u16::try_from(id).ok());
    let adchoices_participant = adchoices_participant.and_then(|id| u16::try_from(id).ok());
    let mut policy =
        Policy { adchoices_participant, gpc, dnt, us_opt_out, vendor_id, ..Policy::new(regime?) };
    if let Some(days) = days_max.and_then(|days| u32::try_from(days).ok()) {
        policy.vendors_days_max = days;
    }
    Some((policy, vendor_list))
}

/// A hundred years, for lists that are not meant to age.
const VENDOR_LIST_DAYS_MAX: u64 = 36_500;

/// An AdChoices signal has 12 bits for it.
const ADCHOICES_ID_MAX: u64 = 4_095;
