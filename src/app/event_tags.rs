//! The event tags of a running server: those of the configuration, and those that advertisers have made by the API, which
//! are in a file of the data directory.
//!
//! That file is the truth about the latter and is read before each change. Whoever changes anything holds the one lock, on
//! a thread that answers nobody else: the disk may hang.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::AppError;
use super::background::Background;
use crate::config::{self, Config};
use crate::domain::attribution::Windows;
use crate::domain::event::EventType;
use crate::domain::id::{AccountId, EventTagId};
use crate::domain::time::{Clock, Rng, Timestamp};
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::{ApiError, ApiErrors};
use crate::service::event_tag_registry::{
    Asked, EventTagRegistry, ManagedTag, NewTag, TagChanges, TagUnchanged,
};
use crate::service::live::{Live, SharedLive};
use crate::storage::disk::Disk;
use crate::storage::document;

/// `config` with the event tags that were made in `data_dir`, or why they do not go together.
pub(super) fn with_kept(config: &Config, disk: &dyn Disk, data_dir: &Path) -> Result<Config, AppError> {
    let kept = read(disk, &data_dir.join(FILE)).map_err(AppError::Part)?;
    merged(config, &kept).map_err(AppError::Part)
}

/// Puts changes in force.
pub(super) struct LiveEventTags {
    kept: Arc<Kept>,
    background: Background,
}

/// Waits for the disk.
struct Kept {
    live: SharedLive,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    path: PathBuf,
    /// The configuration as its file has it, as far as accounts go.
    file: Mutex<Config>,
}

impl LiveEventTags {
    pub(super) fn new(
        file: &Config,
        live: SharedLive,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        let (path, file) = (file.data_dir.join(FILE), Mutex::new(file.clone()));
        let kept = Arc::new(Kept { live, disk, clock, rng, path, file });
        Self { kept, background: Background::default() }
    }

    /// Has `renew` put `file` in force together with what was made. After an error all is as it was. Waits for the disk.
    pub(super) fn reload(
        &self,
        file: &Config,
        renew: impl FnOnce(&Config) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut before = self.kept.lock();
        renew(&merged(file, &read(&*self.kept.disk, &self.kept.path)?)?)?;
        *before = file.clone();
        Ok(())
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Kept) -> Result<T, TagUnchanged> + Send + 'static,
    ) -> Asked<T> {
        let kept = Arc::clone(&self.kept);
        let done = self.background.run(move || work(&kept));
        Box::pin(
            async move { done.await.unwrap_or_else(|why| Err(TagUnchanged::Unavailable(why.to_string()))) },
        )
    }
}

impl EventTagRegistry for LiveEventTags {
    fn list(&self, caller: &AccountCaller) -> Asked<Vec<ManagedTag>> {
        let account_id = caller.account_id();
        self.ask(move |kept| {
            let file = kept.lock();
            let mut tags = configured(&file, account_id);
            tags.extend(kept.read()?.into_iter().filter(|tag| tag.account_id == account_id));
            Ok(tags)
        })
    }

    fn create(&self, caller: &AccountCaller, wanted: NewTag) -> Asked<ManagedTag> {
        let account_id = caller.account_id();
        self.ask(move |kept| kept.create(account_id, wanted))
    }

    fn update(&self, caller: &AccountCaller, id: EventTagId, changes: TagChanges) -> Asked<ManagedTag> {
        let account_id = caller.account_id();
        self.ask(move |kept| kept.change(account_id, id, |tag| apply(tag, changes)))
    }

    fn delete(&self, caller: &AccountCaller, id: EventTagId) -> Asked<ManagedTag> {
        let account_id = caller.account_id();
        self.ask(move |kept| {
            kept.change(account_id, id, |tag| {
                tag.deleted = true;
                Ok(())
            })
        })
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Config> {
        // It is replaced as a whole, so a panic leaves a good one.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<Vec<ManagedTag>, TagUnchanged> {
        read(&*self.disk, &self.path).map_err(TagUnchanged::Unavailable)
    }

    fn create(&self, account_id: AccountId, wanted: NewTag) -> Result<ManagedTag, TagUnchanged> {
        let file = self.lock();
        let mut tags = self.read()?;
        let account = file.accounts.iter().find(|account| account.id == account_id);
        let mut pixels = account.into_iter().flat_map(|account| &account.pixels);
        let pixel = pixels
            .find(|pixel| wanted.pixel_id.is_none_or(|id| id == pixel.id))
            .ok_or_else(|| refused(ApiError::invalid("website_tag_id", "the account has no such pixel")))?;
        check_windows(wanted.windows)?;
        if tags.iter().filter(|tag| tag.account_id == account_id).count() >= TAGS_MAX {
            let message = format!("the account has made {TAGS_MAX} event tags, which is all that it may");
            return Err(refused(ApiError::invalid("name", message)));
        }
        let tag = ManagedTag {
            id: self.fresh_id(&file, &tags),
            account_id,
            pixel_id: pixel.id,
            name: wanted.name,
            event: wanted.event,
            windows: wanted.windows,
            retargeting_enabled: wanted.retargeting_enabled,
            deleted: false,
            created_at: Some(self.clock.now()),
        };
        tags.push(tag.clone());
        self.keep(&file, &tags)?;
        Ok(tag)
    }

    fn change(
        &self,
        account_id: AccountId,
        id: EventTagId,
        change: impl FnOnce(&mut ManagedTag) -> Result<(), TagUnchanged>,
    ) -> Result<ManagedTag, TagUnchanged> {
        let file = self.lock();
        let mut tags = self.read()?;
        let own = |tag: &&mut ManagedTag| tag.id == id && tag.account_id == account_id && !tag.deleted;
        let Some(tag) = tags.iter_mut().find(own) else {
            let is_configured = configured(&file, account_id).iter().any(|tag| tag.id == id);
            return Err(if is_configured { TagUnchanged::Configured } else { TagUnchanged::Unknown });
        };
        change(tag)?;
        let changed = tag.clone();
        self.keep(&file, &tags)?;
        Ok(changed)
    }

    /// Keeps `tags`, then has every worker see them.
    fn keep(&self, file: &Config, tags: &[ManagedTag]) -> Result<(), TagUnchanged> {
        let unavailable = |what: String| TagUnchanged::Unavailable(what);
        let registry = Arc::new(merged(file, tags).map_err(unavailable)?.registry());
        let list: Vec<_> = tags.iter().map(KeptTag::of).collect();
        let bytes = serde_json::to_vec_pretty(&list).expect("texts and numbers are JSON");
        document::replace(&*self.disk, &self.path, &bytes)
            .map_err(|error| unavailable(format!("the event tags could not be written: {error}")))?;
        self.live.rcu(|before| Live { registry: registry.clone(), ..Live::clone(before) });
        Ok(())
    }

    /// Six digits that nothing else has, deleted or not.
    fn fresh_id(&self, file: &Config, tags: &[ManagedTag]) -> EventTagId {
        loop {
            let mut random = [0; 8];
            self.rng.fill(&mut random);
            let id = EventTagId::from_number(IDS.start + u64::from_le_bytes(random) % (IDS.end - IDS.start));
            let pixels = file.accounts.iter().flat_map(|account| &account.pixels);
            let mut taken = pixels.flat_map(|pixel| {
                pixel.event_tags.iter().map(|tag| tag.id.number()).chain([pixel.id.number()])
            });
            if !taken.any(|number| number == id.number()) && tags.iter().all(|tag| tag.id != id) {
                return id;
            }
        }
    }
}

fn apply(tag: &mut ManagedTag, changes: TagChanges) -> Result<(), TagUnchanged> {
    let windows = Windows {
        click_days: changes.click_days.unwrap_or(tag.windows.click_days),
        view_days: changes.view_days.unwrap_or(tag.windows.view_days),
    };
    check_windows(windows)?;
    tag.windows = windows;
    tag.name = changes.name.unwrap_or_else(|| tag.name.clone());
    tag.retargeting_enabled = changes.retargeting_enabled.unwrap_or(tag.retargeting_enabled);
    Ok(())
}

fn check_windows(windows: Windows) -> Result<(), TagUnchanged> {
    if windows.view_days <= windows.click_days {
        return Ok(());
    }
    let message = "view_through_window is longer than click_window";
    Err(refused(ApiError::invalid("view_through_window", message)))
}

fn refused(error: ApiError) -> TagUnchanged {
    TagUnchanged::Refused(ApiErrors::one(error))
}

/// Those of the configuration file.
fn configured(file: &Config, account_id: AccountId) -> Vec<ManagedTag> {
    let account = file.accounts.iter().filter(|account| account.id == account_id);
    let pixels = account.flat_map(|account| &account.pixels);
    let tags = pixels.flat_map(|pixel| pixel.event_tags.iter().map(move |tag| (pixel.id, tag)));
    tags.map(|(pixel_id, tag)| ManagedTag {
        id: tag.id,
        account_id,
        pixel_id,
        name: tag.name.clone(),
        event: tag.event,
        windows: tag.windows,
        retargeting_enabled: tag.retargeting_enabled,
        deleted: false,
        created_at: None,
    })
    .collect()
}

/// Both together. Tags of a pixel that is configured no more are kept, and count again if it is.
fn merged(file: &Config, tags: &[ManagedTag]) -> Result<Config, String> {
    let mut config = file.clone();
    for tag in tags.iter().filter(|tag| !tag.deleted) {
        let taken = file.accounts.iter().flat_map(|account| &account.pixels).any(|pixel| {
            pixel.id.number() == tag.id.number() || pixel.event_tags.iter().any(|known| known.id == tag.id)
        });
        if taken {
            return Err(format!(
                "event tag {} of {FILE} has the id of one in the configuration file",
                tag.id
            ));
        }
        let account = config.accounts.iter_mut().filter(|account| account.id == tag.account_id);
        let mut pixels = account.flat_map(|account| &mut account.pixels);
        if let Some(pixel) = pixels.find(|pixel| pixel.id == tag.pixel_id) {
            pixel.event_tags.push(config::EventTag {
                id: tag.id,
                name: tag.name.clone(),
                event: tag.event,
                windows: tag.windows,
                retargeting_enabled: tag.retargeting_enabled,
            });
        }
    }
    Ok(config)
}

/// What is kept; none where there is no file. The error is for the operator.
fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<ManagedTag>, String> {
    let refuse = |error: String| format!("the event tags in {}: {error}", path.display());
    let Some(bytes) = document::read(disk, path).map_err(|error| refuse(error.to_string()))? else {
        return Ok(Vec::new());
    };
    let list: Vec<KeptTag> = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
    list.iter()
        .map(|kept| kept.read().ok_or_else(|| refuse(format!("{} is no event tag", kept.id))))
        .collect()
}

/// One tag in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptTag {
    id: String,
    account_id: String,
    pixel_id: String,
    name: String,
    r#type: String,
    click_window: u8,
    view_through_window: u8,
    retargeting_enabled: bool,
    deleted: bool,
    /// Milliseconds since 1970.
    created_at: u64,
}

impl KeptTag {
    fn of(tag: &ManagedTag) -> Self {
        Self {
            id: tag.id.to_string(),
            account_id: tag.account_id.to_string(),
            pixel_id: tag.pixel_id.to_string(),
            name: tag.name.clone(),
            r#type: tag.event.name().to_owned(),
            click_window: tag.windows.click_days,
            view_through_window: tag.windows.view_days,
            retargeting_enabled: tag.retargeting_enabled,
            deleted: tag.deleted,
            created_at: tag.created_at.unwrap_or_default().0,
        }
    }

    fn read(&self) -> Option<ManagedTag> {
        Some(ManagedTag {
            id: self.id.parse().ok()?,
            account_id: self.account_id.parse().ok()?,
            pixel_id: self.pixel_id.parse().ok()?,
            name: self.name.clone(),
            event: EventType::from_name(&self.r#type)?,
            windows: Windows { click_days: self.click_window, view_days: self.view_through_window },
            retargeting_enabled: self.retargeting_enabled,
            deleted: self.deleted,
            created_at: Some(Timestamp(self.created_at)),
        })
    }
}

/// In the data directory.
const FILE: &str = "event_tags.json";
/// Of one account, deleted ones among them.
const TAGS_MAX: usize = 1_000;
/// From `100000` to `zzzzzz` in base 36.
const IDS: std::ops::Range<u64> = 60_466_176..2_176_782_336;
