//! `/{9..12}/accounts/{account}/web_event_tags` and `…/{id}`: the account's event tags.

use std::collections::{BTreeSet, HashMap};

use form_urlencoded::parse;
use serde::Serialize;
use serde_json::{Value, json};

use super::Api;
use super::envelope::{Listing, done, failed, refused};
use crate::domain::attribution::Windows;
use crate::domain::event::EventType;
use crate::domain::id::{EventTagId, PixelId};
use crate::domain::policy::Category;
use crate::domain::time::Timestamp;
use crate::http::request::Head;
use crate::http::response::Answer;
use crate::http::service::Answering;
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::{ApiError, ApiErrors};
use crate::service::event_tag_registry::{EventTagRegistry, ManagedTag, NewTag, TagChanges, TagUnchanged};
use crate::service::reports::ReportService;

/// A form with all fields.
pub(super) const BODY_BYTES_MAX: usize = 16 << 10;

pub(super) fn answer<'s>(
    api: &'s Api,
    caller: AccountCaller,
    id: Option<&str>,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    let fields = Fields::read(head, body);
    let registry = &*api.event_tags;
    let about = |caller| About { caller, reports: &api.reports };
    let asked = match (id, head.method) {
        (None, "GET") => list(registry, about(caller), &fields),
        (None, _) => {
            fields.new_tag().map(|wanted| about(caller).one(|caller| registry.create(caller, wanted)))
        }
        (Some(id), method) => match id.parse() {
            Ok(id) => about_one(registry, about(caller), (method, id), &fields),
            Err(_) => Err(unknown()),
        },
    };
    match asked {
        Ok(answer) => Answering::Later(answer),
        Err(errors) => Answering::Now(refused(&errors)),
    }
}

type Waiting<'s> = std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 's>>;

/// Who asks, and who knows when the account's tags were used for the last time.
struct About<'s> {
    caller: AccountCaller,
    reports: &'s ReportService,
}

impl<'s> About<'s> {
    fn params(&self) -> Value {
        json!({"account_id": self.caller.account_id().to_string()})
    }

    /// `None` while that is not known.
    async fn last_seen(&self) -> Option<HashMap<EventTagId, Timestamp>> {
        let counted = self.reports.tallies(&self.caller, 0..u64::MAX).await.ok()?;
        let mut last_seen = HashMap::new();
        for (key, tally) in counted.rows {
            let last = key.event_tag_id.map(|id| last_seen.entry(id).or_insert(tally.last_at));
            last.into_iter().for_each(|last| *last = tally.last_at.max(*last));
        }
        Some(last_seen)
    }

    fn one<F>(self, ask: impl FnOnce(&AccountCaller) -> F) -> Waiting<'s>
    where
        F: Future<Output = Result<ManagedTag, TagUnchanged>> + Send + 's,
    {
        let asked = ask(&self.caller);
        Box::pin(async move {
            match asked.await {
                Ok(tag) => done(&self.params(), &TagView::of(&tag, self.last_seen().await.as_ref())),
                Err(why) => unchanged(why),
            }
        })
    }
}

fn list<'s>(
    registry: &'s dyn EventTagRegistry,
    about: About<'s>,
    fields: &Fields,
) -> Result<Waiting<'s>, ApiErrors> {
    let listing = Listing::read(|name| fields.get(name), &SORTED_BY)?;
    let tags = registry.list(&about.caller);
    Ok(Box::pin(async move {
        match tags.await {
            Ok(mut tags) => {
                let last_seen = about.last_seen().await;
                tags.retain(|tag| listing.with_deleted || !tag.deleted);
                // They come as they were made.
                if listing.sort_by == "name" {
                    tags.sort_by(|one, other| one.name.cmp(&other.name));
                }
                let views = tags.iter().map(|tag| TagView::of(tag, last_seen.as_ref())).collect();
                listing.page(&about.params(), views, |view: &TagView| &view.id)
            }
            Err(why) => unchanged(why),
        }
    }))
}

fn about_one<'s>(
    registry: &'s dyn EventTagRegistry,
    about: About<'s>,
    (method, id): (&str, EventTagId),
    fields: &Fields,
) -> Result<Waiting<'s>, ApiErrors> {
    Ok(match method {
        "PUT" => {
            let changes = fields.changes()?;
            about.one(|caller| registry.update(caller, id, changes))
        }
        "DELETE" => about.one(|caller| registry.delete(caller, id)),
        _ => about.one(|caller| {
            let tags = registry.list(caller);
            async move { tags.await?.into_iter().find(|tag| tag.id == id).ok_or(TagUnchanged::Unknown) }
        }),
    })
}

fn unchanged(why: TagUnchanged) -> Answer {
    let error = |code, message: String| ApiError { code, message: message.into(), parameter: None };
    match why {
        TagUnchanged::Refused(errors) => refused(&errors),
        TagUnchanged::Unknown => refused(&unknown()),
        TagUnchanged::Configured => {
            let what = "this event tag is in the server's configuration, and is changed there";
            failed(409, &[error("CONFLICT", what.to_owned())])
        }
        TagUnchanged::Unavailable(what) => {
            failed(503, &[error("OVER_CAPACITY", what)]).with("Retry-After", "10")
        }
    }
}

fn unknown() -> ApiErrors {
    ApiErrors::one(ApiError {
        code: "WEB_EVENT_TAG_NOT_FOUND",
        message: "the account has no such event tag".into(),
        parameter: None,
    })
}

/// An event tag, as X shows one.
#[derive(Serialize)]
struct TagView {
    id: String,
    name: String,
    #[serde(rename = "type")]
    event: &'static str,
    click_window: u8,
    view_through_window: u8,
    retargeting_enabled: bool,
    categories: Vec<&'static str>,
    /// Whether anything was ever received of it; `null` while the server still counts what it has.
    status: Option<&'static str>,
    last_tracked_at: Option<String>,
    website_tag_id: String,
    embed_code: String,
    created_at: Option<String>,
    deleted: bool,
}

impl TagView {
    fn of(tag: &ManagedTag, last_seen: Option<&HashMap<EventTagId, Timestamp>>) -> Self {
        let last_tracked_at = last_seen.map(|seen| seen.get(&tag.id));
        Self {
            id: tag.id.to_string(),
            name: tag.name.clone(),
            event: tag.event.name(),
            click_window: tag.windows.click_days,
            view_through_window: tag.windows.view_days,
            retargeting_enabled: tag.retargeting_enabled,
            categories: tag.categories.iter().map(|category| category.name()).collect(),
            status: last_tracked_at.map(|at| if at.is_some() { "TRACKING" } else { "UNVERIFIED" }),
            last_tracked_at: last_tracked_at.flatten().map(Timestamp::to_string),
            website_tag_id: tag.pixel_id.to_string(),
            embed_code: format!("<script>twq(\"event\",\"tw-{}-{}\",{{}})</script>", tag.pixel_id, tag.id),
            created_at: tag.created_at.map(|at| at.to_string()),
            deleted: tag.deleted,
        }
    }
}

/// The parameters of the query and of a form. The first of a name counts.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(head: &Head<'_>, body: &[u8]) -> Self {
        let pairs = parse(head.query.as_bytes()).chain(parse(body));
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn new_tag(&self) -> Result<NewTag, ApiErrors> {
        let mut errors = Vec::new();
        let changes = self.read_changes(&mut errors);
        let event = match self.get("type").map(|name| (name, EventType::from_name(name))) {
            Some((_, Some(event))) => Some(event),
            Some((_, None)) => {
                let names = EventType::ALL.map(EventType::name).join(", ");
                errors.push(ApiError::invalid("type", format!("type is not one of {names}")));
                None
            }
            None => None,
        };
        for name in ["name", "type", "click_window", "view_through_window", "retargeting_enabled"] {
            if self.get(name).is_none() {
                errors.push(ApiError::missing(name, format!("{name} must be provided")));
            }
        }
        let pixel_id = self.get("website_tag_id").and_then(|text| {
            let id = text.parse::<PixelId>().ok();
            if id.is_none() {
                errors.push(ApiError::invalid("website_tag_id", "website_tag_id is not the id of a pixel"));
            }
            id
        });
        ApiErrors::none_or(errors)?;
        let unreadable = || ApiErrors::one(ApiError::missing("name", "name must be provided"));
        Ok(NewTag {
            pixel_id,
            name: changes.name.ok_or_else(unreadable)?,
            event: event.ok_or_else(unreadable)?,
            windows: Windows {
                click_days: changes.click_days.ok_or_else(unreadable)?,
                view_days: changes.view_days.ok_or_else(unreadable)?,
            },
            retargeting_enabled: changes.retargeting_enabled.ok_or_else(unreadable)?,
            categories: changes.categories.unwrap_or_default(),
        })
    }

    fn changes(&self) -> Result<TagChanges, ApiErrors> {
        let mut errors = Vec::new();
        let changes = self.read_changes(&mut errors);
        ApiErrors::none_or(errors)?;
        Ok(changes)
    }

    fn read_changes(&self, errors: &mut Vec<ApiError>) -> TagChanges {
        let name = self.get("name").map(str::trim);
        if name.is_some_and(|name| name.is_empty() || name.chars().count() > NAME_CHARS_MAX) {
            errors.push(ApiError::invalid("name", format!("name is not 1 to {NAME_CHARS_MAX} characters")));
        }
        let click_days = self.window("click_window", &Windows::CLICK_DAYS, errors);
        let view_days = self.window("view_through_window", &Windows::VIEW_DAYS, errors);
        let retargeting_enabled = match self.get("retargeting_enabled") {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => {
                let message = "retargeting_enabled is neither true nor false";
                errors.push(ApiError::invalid("retargeting_enabled", message));
                None
            }
        };
        let categories = self.categories(errors);
        TagChanges { name: name.map(str::to_owned), click_days, view_days, retargeting_enabled, categories }
    }

    /// Separated by commas; each counts once.
    fn categories(&self, errors: &mut Vec<ApiError>) -> Option<Vec<Category>> {
        let names = self.get("categories")?.split(',').map(str::trim).filter(|name| !name.is_empty());
        let categories: Option<BTreeSet<_>> = names.map(Category::from_name).collect();
        if categories.is_none() {
            let names = Category::ALL.map(Category::name).join(", ");
            errors.push(ApiError::invalid("categories", format!("categories are not of {names}")));
        }
        categories.map(|categories| categories.into_iter().collect())
    }

    fn window(&self, name: &'static str, allowed: &[u8], errors: &mut Vec<ApiError>) -> Option<u8> {
        let text = self.get(name)?;
        let days = text.parse().ok().filter(|days| allowed.contains(days));
        if days.is_none() {
            let list = allowed.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
            errors.push(ApiError::invalid(name, format!("{name} is not one of {list} days")));
        }
        days
    }
}

const SORTED_BY: [&str; 2] = ["created_at", "name"];
const NAME_CHARS_MAX: usize = 255;
