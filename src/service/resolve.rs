//! Which pixel and which of its event tags a hit is for.

use smallvec::{SmallVec, smallvec};

use super::hit::{EventDetails, PixelHit};
use super::outcome::Invalid;
use super::pixel::pick;
use crate::domain::event::EventType;
use crate::domain::id::{EventTagId, HashedEmail, HashedPhone, PixelId};
use crate::domain::settings::{EventTag, Pixel, Registry};

/// Whose hit it is, and what happened.
pub(super) struct Drafts<'a> {
    pub(super) pixel: &'a Pixel,
    pub(super) events: SmallVec<[Resolved<'a>; 1]>,
}

impl Drafts<'_> {
    /// Of whom the first event is, as far as its hashed addresses say.
    pub(super) fn addresses(&self, hit: &PixelHit<'_>) -> (Option<HashedEmail>, Option<HashedPhone>) {
        let Some(event) = self.events.first() else { return (None, None) };
        let email = pick(&event.details.hashed_email, &hit.common.hashed_email);
        let phone = pick(&event.details.hashed_phone, &hit.common.hashed_phone);
        (email.and_then(|text| text.parse().ok()), phone.and_then(|text| text.parse().ok()))
    }
}

pub(super) struct Resolved<'a> {
    pub(super) event: EventType,
    pub(super) tag: Option<&'a EventTag>,
    /// As it was sent.
    pub(super) name: Option<&'a str>,
    pub(super) details: &'a EventDetails<'a>,
}

/// A hit that is no event of anybody's, and as much of it as is known.
pub(super) struct Unresolved<'a> {
    pub(super) why: Invalid,
    pub(super) pixel: Option<&'a Pixel>,
    pub(super) tag: Option<&'a EventTag>,
    /// What the pixel has no tag for.
    pub(super) name: Option<&'a str>,
}

pub(super) fn resolve<'a>(
    hit: &'a PixelHit<'a>,
    registry: &'a Registry,
) -> Result<Drafts<'a>, Unresolved<'a>> {
    let Some(txn_id) = &hit.txn_id else {
        return Err(Unresolved { why: Invalid::NoTxnId, pixel: None, tag: None, name: None });
    };
    let (pixel, tag) = find_target(txn_id, registry)?;
    let fail = |why| Unresolved { why, pixel: Some(pixel), tag, name: None };
    let events = hit.events.as_deref().ok_or_else(|| fail(Invalid::BadEvents))?;
    if events.len() > EVENTS_MAX {
        return Err(fail(Invalid::TooManyEvents));
    }
    let resolve = |name, details| {
        let unknown = || Unresolved { name, ..fail(Invalid::UnknownEvent) };
        resolve_event(pixel, tag, name, details).ok_or_else(unknown)
    };
    if events.is_empty() {
        return Ok(Drafts { pixel, events: smallvec![resolve(None, &hit.common)?] });
    }
    let resolved = events.iter().map(|event| resolve(event.name.as_deref(), &event.details));
    Ok(Drafts { pixel, events: resolved.collect::<Result<_, _>>()? })
}

const EVENTS_MAX: usize = 16;

fn find_target<'a>(
    txn_id: &'a str,
    registry: &'a Registry,
) -> Result<(&'a Pixel, Option<&'a EventTag>), Unresolved<'a>> {
    let bad = || Unresolved { why: Invalid::BadTxnId, pixel: None, tag: None, name: Some(txn_id) };
    if let Some((pixel, tag)) = split_tag_name(txn_id) {
        let pixel: PixelId = pixel.parse().map_err(|_| bad())?;
        let tag: EventTagId = tag.parse().map_err(|_| bad())?;
        let found = registry.event_tag(tag).filter(|(owner, _)| owner.id == pixel);
        let found = found.map(|(pixel, tag)| (pixel, Some(tag)));
        return found.ok_or_else(|| Unresolved {
            why: Invalid::UnknownTxnId,
            pixel: registry.pixel(pixel),
            ..bad()
        });
    }
    let tag: EventTagId = txn_id.parse().map_err(|_| bad())?;
    if let Some((pixel, tag)) = registry.event_tag(tag) {
        return Ok((pixel, Some(tag)));
    }
    let pixel = registry.pixel(PixelId::from_number(tag.number()));
    pixel.map(|pixel| (pixel, None)).ok_or_else(|| Unresolved { why: Invalid::UnknownTxnId, ..bad() })
}

/// `tw-<pixel>-<event tag>`, in any case.
fn split_tag_name(name: &str) -> Option<(&str, &str)> {
    let head = name.get(..3)?;
    head.eq_ignore_ascii_case("tw-").then(|| name[3..].split_once('-')).flatten()
}

/// `tag` is what `txn_id` named, if it named an event tag: that decides. Otherwise the event's name does. `None` if the pixel
/// has no tag for it.
fn resolve_event<'a>(
    pixel: &'a Pixel,
    tag: Option<&'a EventTag>,
    name: Option<&'a str>,
    details: &'a EventDetails<'a>,
) -> Option<Resolved<'a>> {
    if let Some(tag) = tag {
        return Some(Resolved { event: tag.event, tag: Some(tag), name, details });
    }
    if let Some((_, tag)) = name.and_then(split_tag_name) {
        let tag = pixel.event_tag(tag.parse().ok()?)?;
        return Some(Resolved { event: tag.event, tag: Some(tag), name, details });
    }
    let event = match name {
        None => EventType::SiteVisit,
        Some(name) if name.trim().eq_ignore_ascii_case("config") => EventType::SiteVisit,
        Some(name) => EventType::from_wire(name)?,
    };
    let tag = pixel.event_tag_for(event);
    (tag.is_some() || event == EventType::SiteVisit).then_some(Resolved { event, tag, name, details })
}
