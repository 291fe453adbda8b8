//! The event tags of a running server: those of the configuration, and those that advertisers have made by the API, which
//! are in a file of the data directory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kept::{Document, Keeper, NotKept, Opened};
use crate::config::{self, Config, Mistake};
use crate::domain::attribution::Windows;
use crate::domain::event::EventType;
use crate::domain::id::{AccountId, EventTagId};
use crate::domain::policy::{self, Category, Standing};
use crate::domain::time::{Clock, Rng, Timestamp};
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::{ApiError, ApiErrors};
use crate::service::event_tag_registry::{
    Asked, EventTagRegistry, ManagedTag, NewTag, TagChanges, TagUnchanged,
};
use crate::service::live::{Live, SharedLive};

/// Those of the API, deleted ones among them.
#[derive(Default)]
pub(super) struct MadeTags(Vec<ManagedTag>);

impl Document for MadeTags {
    const FILE: &'static str = "event_tags.json";
    const WHAT: &'static str = "the event tags";

    fn read(text: &str, _: &Config) -> Result<Self, Vec<Mistake>> {
        let list: Vec<ReadTag> = serde_json::from_str(text).map_err(|error| {
            let fix = "expected a list of event tags as the server writes it".to_owned();
            let (line, column) = (error.line(), error.column());
            vec![Mistake { line, column, key: String::new(), what: error.to_string(), fix }]
        })?;
        Ok(Self(list.into_iter().map(|ReadTag(tag)| tag).collect()))
    }

    fn write(&self) -> String {
        let list: Vec<_> = self.0.iter().map(KeptTag::of).collect();
        serde_json::to_string_pretty(&list).expect("texts and numbers are JSON")
    }

    /// Tags of a pixel that is configured no more are kept, and count again if it is.
    fn merged(&self, file: &Config) -> Result<Config, String> {
        let mut config = file.clone();
        for tag in self.0.iter().filter(|tag| !tag.deleted) {
            let taken = file.accounts.iter().flat_map(|account| &account.pixels).any(|pixel| {
                pixel.id.number() == tag.id.number()
                    || pixel.event_tags.iter().any(|known| known.id == tag.id)
            });
            if taken {
                let (id, file) = (tag.id, Self::FILE);
                return Err(format!("event tag {id} of {file} has the id of one in the configuration file"));
            }
            let account = config.accounts.iter_mut().find(|account| account.id == tag.account_id);
            let Some(account) = account else { continue };
            // What a longer list of terms says of its name does not count: that would stop the server.
            policy::check_declared(&tag.categories, account.standing())
                .map_err(|violation| format!("event tag {} of {}: {violation}", tag.id, Self::FILE))?;
            let mut pixels = account.pixels.iter_mut();
            if let Some(pixel) = pixels.find(|pixel| pixel.id == tag.pixel_id) {
                pixel.event_tags.push(config::EventTag {
                    id: tag.id,
                    name: tag.name.clone(),
                    event: tag.event,
                    windows: tag.windows,
                    retargeting_enabled: tag.retargeting_enabled,
                    categories: tag.categories.clone(),
                });
            }
        }
        Ok(config)
    }

    fn put_in_force(merged: &Config, live: &SharedLive) {
        let registry = Arc::new(merged.registry());
        live.rcu(|before| Live { registry: registry.clone(), ..Live::clone(before) });
    }
}

impl From<NotKept> for TagUnchanged {
    fn from(why: NotKept) -> Self {
        match why {
            NotKept::Clash(what) | NotKept::Unavailable(what) => Self::Unavailable(what),
        }
    }
}

/// Puts changes in force.
pub(super) struct LiveEventTags {
    pub(super) keeper: Keeper<MadeTags>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn Rng>,
}

impl EventTagRegistry for LiveEventTags {
    fn list(&self, caller: &AccountCaller) -> Asked<Vec<ManagedTag>> {
        let account_id = caller.account_id();
        self.keeper.ask(move |opened| {
            let mut tags = configured(opened.file, account_id);
            let made = opened.document.0.into_iter();
            tags.extend(made.filter(|tag| tag.account_id == account_id));
            Ok(tags)
        })
    }

    fn create(&self, caller: &AccountCaller, wanted: NewTag) -> Asked<ManagedTag> {
        let (account_id, now, rng) = (caller.account_id(), self.clock.now(), self.rng.clone());
        self.keeper.ask(move |opened| create(opened, account_id, wanted, now, &*rng))
    }

    fn update(&self, caller: &AccountCaller, id: EventTagId, changes: TagChanges) -> Asked<ManagedTag> {
        let account_id = caller.account_id();
        self.keeper
            .ask(move |opened| change(opened, account_id, id, |tag, standing| apply(tag, changes, standing)))
    }

    fn delete(&self, caller: &AccountCaller, id: EventTagId) -> Asked<ManagedTag> {
        let account_id = caller.account_id();
        self.keeper.ask(move |opened| {
            change(opened, account_id, id, |tag, _| {
                tag.deleted = true;
                Ok(())
            })
        })
    }
}

fn create(
    mut opened: Opened<'_, MadeTags>,
    account_id: AccountId,
    wanted: NewTag,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<ManagedTag, TagUnchanged> {
    let MadeTags(tags) = &mut opened.document;
    let account = opened.file.accounts.iter().find(|account| account.id == account_id);
    let mut pixels = account.into_iter().flat_map(|account| &account.pixels);
    let pixel = pixels
        .find(|pixel| wanted.pixel_id.is_none_or(|id| id == pixel.id))
        .ok_or_else(|| refused(ApiError::invalid("website_tag_id", "the account has no such pixel")))?;
    check_windows(wanted.windows)?;
    check_policy(&wanted.name, &wanted.categories, standing(opened.file, account_id))?;
    if tags.iter().filter(|tag| tag.account_id == account_id).count() >= TAGS_MAX {
        let message = format!("the account has made {TAGS_MAX} event tags, which is all that it may");
        return Err(refused(ApiError::invalid("name", message)));
    }
    let tag = ManagedTag {
        id: fresh_id(opened.file, tags, rng),
        account_id,
        pixel_id: pixel.id,
        name: wanted.name,
        event: wanted.event,
        windows: wanted.windows,
        retargeting_enabled: wanted.retargeting_enabled,
        categories: wanted.categories,
        deleted: false,
        created_at: Some(now),
    };
    tags.push(tag.clone());
    opened.keep()?;
    Ok(tag)
}

fn change(
    mut opened: Opened<'_, MadeTags>,
    account_id: AccountId,
    id: EventTagId,
    change: impl FnOnce(&mut ManagedTag, Standing) -> Result<(), TagUnchanged>,
) -> Result<ManagedTag, TagUnchanged> {
    let own = |tag: &&mut ManagedTag| tag.id == id && tag.account_id == account_id && !tag.deleted;
    let Some(tag) = opened.document.0.iter_mut().find(own) else {
        let is_configured = configured(opened.file, account_id).iter().any(|tag| tag.id == id);
        return Err(if is_configured { TagUnchanged::Configured } else { TagUnchanged::Unknown });
    };
    change(tag, standing(opened.file, account_id))?;
    let changed = tag.clone();
    opened.keep()?;
    Ok(changed)
}

/// Six digits that nothing else has, deleted or not.
fn fresh_id(file: &Config, tags: &[ManagedTag], rng: &dyn Rng) -> EventTagId {
    loop {
        let mut random = [0; 8];
        rng.fill(&mut random);
        let id = EventTagId::from_number(IDS.start + u64::from_le_bytes(random) % (IDS.end - IDS.start));
        let pixels = file.accounts.iter().flat_map(|account| &account.pixels);
        let mut taken = pixels
            .flat_map(|pixel| pixel.event_tags.iter().map(|tag| tag.id.number()).chain([pixel.id.number()]));
        if !taken.any(|number| number == id.number()) && tags.iter().all(|tag| tag.id != id) {
            return id;
        }
    }
}

fn apply(tag: &mut ManagedTag, changes: TagChanges, standing: Standing) -> Result<(), TagUnchanged> {
    let windows = Windows {
        click_days: changes.click_days.unwrap_or(tag.windows.click_days),
        view_days: changes.view_days.unwrap_or(tag.windows.view_days),
    };
    check_windows(windows)?;
    let name = changes.name.unwrap_or_else(|| tag.name.clone());
    let categories = changes.categories.unwrap_or_else(|| tag.categories.clone());
    check_policy(&name, &categories, standing)?;
    (tag.windows, tag.name, tag.categories) = (windows, name, categories);
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

fn check_policy(name: &str, categories: &[Category], standing: Standing) -> Result<(), TagUnchanged> {
    let checks = [
        ("categories", policy::check_declared(categories, standing)),
        ("name", policy::check_name(name, categories, standing)),
    ];
    let violations = checks.into_iter().filter_map(|(parameter, checked)| {
        let message = checked.err()?.to_string();
        Some(ApiError { code: "POLICY_VIOLATION", ..ApiError::invalid(parameter, message) })
    });
    ApiErrors::none_or(violations.collect()).map_err(TagUnchanged::Refused)
}

/// Of an account that is not there: none.
fn standing(file: &Config, account_id: AccountId) -> Standing {
    let account = file.accounts.iter().find(|account| account.id == account_id);
    account.map_or(Standing { country: None, political_certified: false }, config::Account::standing)
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
        categories: tag.categories.clone(),
        deleted: false,
        created_at: None,
    })
    .collect()
}

/// One tag of the file that is a tag.
#[derive(Deserialize)]
#[serde(try_from = "KeptTag")]
struct ReadTag(ManagedTag);

impl TryFrom<KeptTag> for ReadTag {
    type Error = String;

    fn try_from(kept: KeptTag) -> Result<Self, String> {
        kept.read().map(Self).ok_or_else(|| format!("{} is no event tag", kept.id))
    }
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
    /// Not in files of older versions.
    #[serde(default)]
    categories: Vec<String>,
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
            categories: tag.categories.iter().map(Category::to_string).collect(),
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
            categories: self
                .categories
                .iter()
                .map(|name| Category::from_name(name))
                .collect::<Option<_>>()?,
            deleted: self.deleted,
            created_at: Some(Timestamp(self.created_at)),
        })
    }
}

/// Of one account, deleted ones among them.
const TAGS_MAX: usize = 1_000;
/// From `100000` to `zzzzzz` in base 36.
const IDS: std::ops::Range<u64> = 60_466_176..2_176_782_336;
