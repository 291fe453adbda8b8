//! The partners of a running server: those of the configuration, and those that the admin API has put into a file of the
//! data directory.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::kept::{Document, Keeper, NotKept, Opened};
use super::parts;
use crate::config::{
    Config, Mistake, Partner, PartnerSource, PartnerTable, PartnerTargeting, partner_tables, partners_toml,
};
use crate::domain::id::PartnerId;
use crate::domain::partner::PartnerListing;
use crate::service::caller::Caller;
use crate::service::live::{Live, SharedLive};
use crate::service::partner_registry::{CallbackView, PartnerView, TargetingTermsView};
use crate::service::registration::{Asked, Put, Registrations, Unchanged};

/// Those of the admin API.
#[derive(Default)]
pub(super) struct RegisteredPartners(Vec<PartnerTable>);

impl Document for RegisteredPartners {
    const FILE: &'static str = "partners.toml";
    const WHAT: &'static str = "the registered partners";

    fn read(text: &str, file: &Config) -> Result<Self, Vec<Mistake>> {
        partner_tables(text, file.mode).map(Self)
    }

    fn write(&self) -> String {
        partners_toml(self.0.iter())
    }

    /// No number and no name stands for two.
    fn merged(&self, file: &Config) -> Result<Config, String> {
        let mut clashes = Vec::new();
        if !self.0.is_empty() && file.matching.secret.is_none() {
            let fix = "`pixelgate keygen` prints one; put it into the configuration file, then reload";
            clashes.push(format!("a registered partner needs [matching] secret; {fix}"));
        }
        let mut config = file.clone();
        for PartnerTable { partner, .. } in &self.0 {
            let twin =
                config.partners.iter().find(|known| known.id == partner.id || known.name == partner.name);
            clashes.extend(twin.map(|twin| doubled(partner, twin)));
            config.partners.push(partner.clone());
        }
        if clashes.is_empty() { Ok(config) } else { Err(clashes.join("\n")) }
    }

    fn put_in_force(merged: &Config, live: &SharedLive) {
        let partners = Arc::new(parts::partners(merged, Some(&live.load().partners)));
        live.rcu(|before| Live { partners: partners.clone(), ..Live::clone(before) });
    }
}

impl Registrations<PartnerId, PartnerView> for Keeper<RegisteredPartners> {
    fn list(&self, _: &Caller) -> Asked<Vec<PartnerView>> {
        self.ask(|Opened { file, document, .. }| {
            let registered = document.0.iter().map(|table| &table.partner);
            Ok(file.partners.iter().chain(registered).map(view).collect())
        })
    }

    fn put(&self, _: &Caller, id: PartnerId, fields: Map<String, Value>) -> Asked<Put<PartnerView>> {
        self.ask(move |opened| put(opened, id, fields))
    }

    fn delete(&self, _: &Caller, id: PartnerId) -> Asked<()> {
        self.ask(move |opened| delete(opened, id))
    }
}

impl From<NotKept> for Unchanged {
    fn from(why: NotKept) -> Self {
        match why {
            NotKept::Clash(what) => Self::Conflict(what),
            NotKept::Unavailable(what) => Self::Unavailable(what),
        }
    }
}

fn put(
    mut opened: Opened<'_, RegisteredPartners>,
    id: PartnerId,
    fields: Map<String, Value>,
) -> Result<Put<PartnerView>, Unchanged> {
    refuse_if_in_file(opened.file, id)?;
    let table = PartnerTable::from_json(id, fields, opened.file.mode).map_err(Unchanged::Mistaken)?;
    let view = view(&table.partner);
    let RegisteredPartners(tables) = &mut opened.document;
    let known = tables.iter().position(|known| known.partner.id == id);
    match known {
        Some(at) => tables[at] = table,
        None if tables.len() >= PARTNERS_MAX => {
            let what = format!("there are {PARTNERS_MAX} registered partners already; delete one first");
            return Err(Unchanged::Conflict(what));
        }
        None => tables.push(table),
    }
    opened.keep()?;
    tracing::info!(partner.id = %id, "partner registered");
    Ok(Put { is_new: known.is_none(), view })
}

fn delete(mut opened: Opened<'_, RegisteredPartners>, id: PartnerId) -> Result<(), Unchanged> {
    refuse_if_in_file(opened.file, id)?;
    let RegisteredPartners(tables) = &mut opened.document;
    let count = tables.len();
    tables.retain(|known| known.partner.id != id);
    if tables.len() == count {
        return Err(Unchanged::Unknown);
    }
    opened.keep()?;
    tracing::info!(partner.id = %id, "partner deleted");
    Ok(())
}

fn refuse_if_in_file(file: &Config, id: PartnerId) -> Result<(), Unchanged> {
    if file.partners.iter().all(|known| known.id != id) {
        return Ok(());
    }
    let what = format!("partner {id} is in the configuration file; change it there, then reload");
    Err(Unchanged::Conflict(what))
}

fn doubled(partner: &Partner, twin: &Partner) -> String {
    let place = match twin.source {
        PartnerSource::File => "of the configuration file",
        PartnerSource::Api => "of the admin API",
    };
    let (id, name) = (twin.id, &twin.name);
    let has = format!(
        "partner {id} \"{name}\" {place} has the id or the name of registered partner {}",
        partner.id
    );
    format!(
        "{has}; every partner has its own, over the configuration file and {} together",
        RegisteredPartners::FILE
    )
}

fn view(partner: &Partner) -> PartnerView {
    let (vendor_id, provider_id) = match partner.listing {
        PartnerListing::Vendor(id) => (Some(id), None),
        PartnerListing::Provider(id) => (None, Some(id)),
        PartnerListing::Unlisted => (None, None),
    };
    let callback = |(name, url): &(String, _)| CallbackView { name: name.clone(), url: format!("{url}") };
    let pattern = partner.id_pattern.as_ref().map(regex::Regex::as_str);
    // As it was before it was anchored.
    let pattern = pattern.and_then(|text| text.strip_prefix("^(?:")?.strip_suffix(")$"));
    PartnerView {
        id: partner.id.number(),
        name: partner.name.clone(),
        kinds: partner.kinds.names().collect(),
        source: match partner.source {
            PartnerSource::File => "file",
            PartnerSource::Api => "api",
        },
        vendor_id,
        provider_id,
        unsigned: partner.unsigned,
        has_secret: partner.secret.is_some(),
        image: partner.image.as_ref().map(ToString::to_string),
        iframe: partner.iframe.as_ref().map(ToString::to_string),
        pixels: partner.pixels.iter().map(ToString::to_string).collect(),
        callbacks: partner.callbacks.iter().map(callback).collect(),
        id_pattern: pattern.map(str::to_owned),
        id_chars_max: partner.id_chars_max,
        priority: partner.priority,
        rematch: time(partner.rematch.as_secs()),
        pairwise_epoch: partner.pairwise_epoch,
        matches_per_second: partner.limit.map(|limit| limit.per_s),
        matches_burst: partner.limit.map(|limit| limit.burst),
        targeting: targeting(&partner.targeting),
    }
}

fn targeting(targeting: &PartnerTargeting) -> TargetingTermsView {
    let has_password = |(_, password): &(String, SecretString)| !password.expose_secret().is_empty();
    TargetingTermsView {
        url: targeting.url.as_ref().map(ToString::to_string),
        user: targeting.login.as_ref().map(|(user, _)| user.clone()),
        has_password: targeting.login.as_ref().is_some_and(has_password),
        every: time(targeting.every.as_secs()),
        expires: time(targeting.expires.as_secs()),
    }
}

/// In the largest unit that it is a whole number of.
fn time(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let fitting = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length));
    let (length, unit) = fitting.unwrap_or((1, 's'));
    format!("{}{unit}", seconds / length)
}

/// Every request that names a partner looks through them.
const PARTNERS_MAX: usize = 1_000;
