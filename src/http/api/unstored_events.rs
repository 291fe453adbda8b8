//! `GET /{9..12}/accounts/{account}/unstored_events`: how many events were not stored, or not once more, and why.

use serde::Serialize;
use serde_json::json;

use super::envelope::done;
use crate::http::response::Answer;
use crate::service::account_caller::AccountCaller;
use crate::service::tag_watch::{TagSeen, TagWatch, Unstored};
use crate::service::unstored_report::told;

pub(super) fn answer(tags: &TagWatch, caller: &AccountCaller) -> Answer {
    let seen = tags.account(caller.account_id());
    let params = json!({"account_id": caller.account_id().to_string()});
    done(&params, &View { since: tags.since.to_string(), tags: seen.iter().map(TagView::of).collect() })
}

#[derive(Serialize)]
struct View<'a> {
    /// The server's start.
    since: String,
    tags: Vec<TagView<'a>>,
}

#[derive(Serialize)]
struct TagView<'a> {
    pixel_id: String,
    event_tag_id: Option<String>,
    source: &'static str,
    unstored: Vec<CountView>,
    unknown_events: Vec<NameView<'a>>,
    other_unknown_events: u64,
}

#[derive(Serialize)]
struct CountView {
    outcome: &'static str,
    reason: &'static str,
    text: &'static str,
    /// `null`: too few people to be told of.
    count: Option<u64>,
}

#[derive(Serialize)]
struct NameView<'a> {
    name: &'a str,
    count: u64,
}

impl<'a> TagView<'a> {
    fn of(seen: &'a TagSeen) -> Self {
        let count = |&(why, count): &(Unstored, u64)| CountView {
            outcome: why.word(),
            reason: why.reason(),
            text: why.text(),
            count: told(why, count),
        };
        let mut unstored: Vec<_> = seen.unstored.iter().map(count).collect();
        // What is not told has no place among the greater ones, either.
        unstored.sort_by_key(|view| view.count.is_none());
        let names = seen.unknown_events.iter();
        Self {
            pixel_id: seen.pixel_id.to_string(),
            event_tag_id: seen.event_tag_id.map(|id| id.to_string()),
            source: seen.source.name(),
            unstored,
            unknown_events: names
                .map(|(name, count)| NameView { name: name.as_str(), count: *count })
                .collect(),
            other_unknown_events: seen.other_unknown_events,
        }
    }
}
