//! The partners of a running server: those of the configuration, and those that the admin API has put into a file of the
//! data directory.
//!
//! That file is the truth about the latter and is read before each change, so that no change is lost to another, nor one
//! made by hand. Whoever changes anything holds the one lock, on a thread that answers nobody else: the disk may hang.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::background::Background;
use super::parts;
use crate::config::{
    Config, Mistake, Partner, PartnerSource, PartnerTable, PartnerTargeting, partner_tables, partners_toml,
};
use crate::domain::id::PartnerId;
use crate::domain::partner::PartnerListing;
use crate::service::caller::Caller;
use crate::service::live::{Live, SharedLive};
use crate::service::partner_registry::{
    Asked, CallbackView, PartnerRegistry, PartnerView, Put, TargetingTermsView, Unchanged,
};
use crate::storage::disk::Disk;
use crate::storage::document;

/// `config` with the partners that were registered in `data_dir`, or why they do not go together.
pub fn with_registered(
    config: &Config,
    disk: &dyn Disk,
    data_dir: &Path,
) -> Result<Config, RegisteredPartnersError> {
    let kept = read(disk, &data_dir.join(FILE), config)?;
    merged(config, &kept)
}

/// Why the partners that were registered in a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegisteredPartnersError {
    #[error("the registered partners in {path}: {error}", path = .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    /// Every mistake of the file, in the order of their places.
    #[error("the registered partners cannot be read{}", listing(path, mistakes))]
    Mistaken { path: PathBuf, mistakes: Vec<Mistake> },
    /// Each is good, but they do not go together with the configuration file.
    #[error("{0}")]
    Clash(String),
}

impl RegisteredPartnersError {
    /// Whether somebody else may be able to use them.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

fn listing(path: &Path, mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n{}:{mistake}", path.display())).collect()
}

/// Puts changes in force.
pub(super) struct LivePartners {
    kept: Arc<KeptPartners>,
    background: Background,
}

/// Waits for the disk.
struct KeptPartners {
    live: SharedLive,
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// The configuration as its file has it.
    file: Mutex<Config>,
}

impl LivePartners {
    pub(super) fn new(file: &Config, live: SharedLive, disk: Arc<dyn Disk>) -> Self {
        let path = file.data_dir.join(FILE);
        let kept = Arc::new(KeptPartners { live, disk, path, file: Mutex::new(file.clone()) });
        Self { kept, background: Background::default() }
    }

    /// Has `renew` put `file` in force together with what is registered. After an error all is as it was. Waits for the
    /// disk.
    pub(super) fn reload(
        &self,
        file: Config,
        renew: impl FnOnce(&Config) -> Result<(), String>,
    ) -> Result<(), String> {
        self.kept.reload(file, renew)
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&KeptPartners) -> Result<T, Unchanged> + Send + 'static,
    ) -> Asked<T> {
        let kept = Arc::clone(&self.kept);
        let done = self.background.run(move || work(&kept));
        Box::pin(async move { done.await.unwrap_or_else(|why| Err(Unchanged::Unavailable(why.to_string()))) })
    }
}

impl PartnerRegistry for LivePartners {
    fn list(&self, _: &Caller) -> Asked<Vec<PartnerView>> {
        self.ask(KeptPartners::list)
    }

    fn put(&self, _: &Caller, id: PartnerId, fields: Map<String, Value>) -> Asked<Put> {
        self.ask(move |kept| kept.put(id, fields))
    }

    fn delete(&self, _: &Caller, id: PartnerId) -> Asked<()> {
        self.ask(move |kept| kept.delete(id))
    }
}

impl KeptPartners {
    fn reload(&self, file: Config, renew: impl FnOnce(&Config) -> Result<(), String>) -> Result<(), String> {
        let mut before = self.lock();
        let kept = read(&*self.disk, &self.path, &file).map_err(|error| error.to_string())?;
        renew(&merged(&file, &kept).map_err(|error| error.to_string())?)?;
        *before = file;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Config> {
        // It is replaced as a whole, so a panic leaves a good one.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, file: &Config) -> Result<Vec<PartnerTable>, Unchanged> {
        read(&*self.disk, &self.path, file).map_err(|error| Unchanged::Unavailable(error.to_string()))
    }

    /// Keeps `tables`, then has every worker see them.
    fn keep(&self, file: &Config, tables: &[PartnerTable]) -> Result<(), Unchanged> {
        let config = merged(file, tables).map_err(|error| Unchanged::Conflict(error.to_string()))?;
        document::replace(&*self.disk, &self.path, partners_toml(tables.iter()).as_bytes()).map_err(
            |error| Unchanged::Unavailable(format!("{} could not be written: {error}", self.path.display())),
        )?;
        let partners = Arc::new(parts::partners(&config, Some(&self.live.load().partners)));
        self.live.rcu(|before| Live { partners: partners.clone(), ..Live::clone(before) });
        Ok(())
    }

    fn list(&self) -> Result<Vec<PartnerView>, Unchanged> {
        let file = self.lock();
        let kept = self.kept(&file)?;
        Ok(file.partners.iter().chain(kept.iter().map(|table| &table.partner)).map(view).collect())
    }

    fn put(&self, id: PartnerId, fields: Map<String, Value>) -> Result<Put, Unchanged> {
        let file = self.lock();
        refuse_if_in_file(&file, id)?;
        let table = PartnerTable::from_json(id, fields, file.mode).map_err(Unchanged::Mistaken)?;
        let partner = view(&table.partner);
        let mut tables = self.kept(&file)?;
        let known = tables.iter().position(|known| known.partner.id == id);
        match known {
            Some(at) => tables[at] = table,
            None if tables.len() >= PARTNERS_MAX => {
                let what = format!("there are {PARTNERS_MAX} registered partners already; delete one first");
                return Err(Unchanged::Conflict(what));
            }
            None => tables.push(table),
        }
        self.keep(&file, &tables)?;
        tracing::info!(partner.id = %id, "partner registered");
        Ok(Put { is_new: known.is_none(), partner })
    }

    fn delete(&self, id: PartnerId) -> Result<(), Unchanged> {
        let file = self.lock();
        refuse_if_in_file(&file, id)?;
        let mut tables = self.kept(&file)?;
        let count = tables.len();
        tables.retain(|known| known.partner.id != id);
        if tables.len() == count {
            return Err(Unchanged::Unknown);
        }
        self.keep(&file, &tables)?;
        tracing::info!(partner.id = %id, "partner deleted");
        Ok(())
    }
}

fn refuse_if_in_file(file: &Config, id: PartnerId) -> Result<(), Unchanged> {
    if file.partners.iter().all(|known| known.id != id) {
        return Ok(());
    }
    let what = format!("partner {id} is in the configuration file; change it there, then reload");
    Err(Unchanged::Conflict(what))
}

/// What is registered; none where there is no file.
fn read(disk: &dyn Disk, path: &Path, config: &Config) -> Result<Vec<PartnerTable>, RegisteredPartnersError> {
    let unreadable = |error| RegisteredPartnersError::Unreadable { path: path.to_owned(), error };
    let Some(bytes) = document::read(disk, path).map_err(unreadable)? else { return Ok(Vec::new()) };
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    partner_tables(&text, config.mode)
        .map_err(|mistakes| RegisteredPartnersError::Mistaken { path: path.to_owned(), mistakes })
}

/// Both together, where no number and no name stands for two.
fn merged(file: &Config, tables: &[PartnerTable]) -> Result<Config, RegisteredPartnersError> {
    let mut clashes = Vec::new();
    if !tables.is_empty() && file.matching.secret.is_none() {
        let fix = "`pixelgate keygen` prints one; put it into the configuration file, then reload";
        clashes.push(format!("a registered partner needs [matching] secret; {fix}"));
    }
    let mut config = file.clone();
    for PartnerTable { partner, .. } in tables {
        let twin = config.partners.iter().find(|known| known.id == partner.id || known.name == partner.name);
        clashes.extend(twin.map(|twin| doubled(partner, twin)));
        config.partners.push(partner.clone());
    }
    if clashes.is_empty() { Ok(config) } else { Err(RegisteredPartnersError::Clash(clashes.join("\n"))) }
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
    format!("{has}; every partner has its own, over the configuration file and {FILE} together")
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

/// In the data directory.
const FILE: &str = "partners.toml";
/// Every request that names a partner looks through them.
const PARTNERS_MAX: usize = 1_000;
