//! `/{9..12}/accounts/{account}/web_event_tags` and `…/{id}`: the account's event tags.

use form_urlencoded::parse;
use serde::Serialize;
use serde_json::{Value, json};

use super::envelope::{Listing, done, failed, refused};
use crate::domain::attribution::Windows;
use crate::domain::event::EventType;
use crate::domain::id::{EventTagId, PixelId};
use crate::http::request::Head;
use crate::http::response::Answer;
use crate::http::service::Answering;
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::{ApiError, ApiErrors};
use crate::service::event_tag_registry::{EventTagRegistry, ManagedTag, NewTag, TagChanges, TagUnchanged};

/// A form with all fields.
pub(super) const BODY_BYTES_MAX: usize = 16 << 10;

pub(super) fn answer<'s>(
    registry: &'s dyn EventTagRegistry,
    caller: &AccountCaller,
    id: Option<&str>,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    let fields = Fields::read(head, body);
    let params = json!({"account_id": caller.account_id().to_string()});
    let asked = match (id, head.method) {
        (None, "GET") => list(registry, caller, &fields, params),
        (None, _) => fields.new_tag().map(|wanted| one(registry.create(caller, wanted), params)),
        (Some(id), method) => match id.parse() {
            Ok(id) => about_one(registry, caller, (method, id), &fields, params),
            Err(_) => Err(unknown()),
        },
    };
    match asked {
        Ok(answer) => Answering::Later(answer),
        Err(errors) => Answering::Now(refused(&errors)),
    }
}

type Waiting<'s> = std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 's>>;

fn list<'s>(
    registry: &'s dyn EventTagRegistry,
    caller: &AccountCaller,
    fields: &Fields,
    params: Value,
) -> Result<Waiting<'s>, ApiErrors> {
    let listing = Listing::read(|name| fields.get(name), &SORTED_BY)?;
    let tags = registry.list(caller);
    Ok(Box::pin(async move {
        match tags.await {
            Ok(mut tags) => {
                tags.retain(|tag| listing.with_deleted || !tag.deleted);
                // They come as they were made.
                if listing.sort_by == "name" {
                    tags.sort_by(|one, other| one.name.cmp(&other.name));
                }
                let views: Vec<_> = tags.iter().map(TagView::of).collect();
                listing.page(&params, views, |view| &view.id)
            }
            Err(why) => unchanged(why),
        }
    }))
}

fn about_one<'s>(
    registry: &'s dyn EventTagRegistry,
    caller: &AccountCaller,
    (method, id): (&str, EventTagId),
    fields: &Fields,
    params: Value,
) -> Result<Waiting<'s>, ApiErrors> {
    Ok(match method {
        "PUT" => one(registry.update(caller, id, fields.changes()?), params),
        "DELETE" => one(registry.delete(caller, id), params),
        _ => {
            let tags = registry.list(caller);
            let found =
                async move { tags.await?.into_iter().find(|tag| tag.id == id).ok_or(TagUnchanged::Unknown) };
            one(found, params)
        }
    })
}

fn one<'s>(
    asked: impl Future<Output = Result<ManagedTag, TagUnchanged>> + Send + 's,
    params: Value,
) -> Waiting<'s> {
    Box::pin(async move {
        match asked.await {
            Ok(tag) => done(&params, &TagView::of(&tag)),
            Err(why) => unchanged(why),
        }
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
    website_tag_id: String,
    embed_code: String,
    created_at: Option<String>,
    deleted: bool,
}

impl TagView {
    fn of(tag: &ManagedTag) -> Self {
        Self {
            id: tag.id.to_string(),
            name: tag.name.clone(),
            event: tag.event.name(),
            click_window: tag.windows.click_days,
            view_through_window: tag.windows.view_days,
            retargeting_enabled: tag.retargeting_enabled,
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
        TagChanges { name: name.map(str::to_owned), click_days, view_days, retargeting_enabled }
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
