//! The Conversion API: an advertiser's own servers tell of conversions, up to 500 at once.
//!
//! A request with any mistake is refused as a whole, and all of its mistakes are told. An item that the gate refuses is
//! no mistake: nothing of it is stored, and its outcome says why.

use super::account_caller::AccountCaller;
use super::api_error::ApiErrors;
use super::conversion_item::{Draft, Item, Mistake, Reading, read};
use super::live::Live;
use super::outcome::Outcome;
use super::pixel::PixelService;
use super::tag_watch::{Unstored, Whose};
use super::test_events::TestCode;
use super::watch::{Testing, Watch, Watched};
use crate::consent::rule::Circumstances;
use crate::domain::conversion::Source;
use crate::domain::id::{EventId, PixelId};
use crate::domain::opt_out::OptOutView;
use crate::domain::settings::{EventTag, Pixel};
use crate::domain::time::Timestamp;
use crate::storage::entry::Entry;
use crate::storage::worker::Append;

/// The items of a request, on their way into the log.
pub struct Upload<'s> {
    pub debug_id: EventId,
    fates: Vec<(Fate<'s>, Watched)>,
    watch: &'s Watch,
    mode: UploadMode,
}

enum Fate<'s> {
    Over(Outcome),
    /// Nothing speaks against it, and nothing was to be stored.
    Valid,
    Appended(EventId, Append<'s>),
}

/// How a request wants to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadOptions {
    pub mode: UploadMode,
    /// Whose test it is sees what happens; it changes nothing.
    pub code: Option<TestCode>,
}

/// What became of one item.
#[derive(Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    Valid,
    Done(Outcome),
}

/// Whether anything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadMode {
    Store,
    /// `validate_only`: everything but that.
    Validate,
}

impl Upload<'_> {
    /// Waits until each item is as safe as its class promises.
    pub async fn finish(self) -> Vec<ItemOutcome> {
        let mut outcomes = Vec::with_capacity(self.fates.len());
        for (fate, watched) in self.fates {
            let outcome = match fate {
                Fate::Valid => {
                    self.watch.show_valid(watched);
                    outcomes.push(ItemOutcome::Valid);
                    continue;
                }
                Fate::Over(outcome) => outcome,
                Fate::Appended(id, append) => Outcome::of_append(id, append.await),
            };
            match self.mode {
                UploadMode::Store => self.watch.conclude(watched, &outcome),
                UploadMode::Validate => self.watch.show(watched, &outcome),
            }
            outcomes.push(ItemOutcome::Done(outcome));
        }
        outcomes
    }
}

impl<V: OptOutView + Send + Sync> PixelService<V> {
    /// Hands what `body` holds to the log. `pixel_id` is as the path has it.
    pub fn upload(
        &self,
        caller: &AccountCaller,
        pixel_id: &str,
        body: &[u8],
        options: UploadOptions,
    ) -> Result<Upload<'_>, ApiErrors> {
        let (live, now) = (self.live.load(), self.clock.now());
        let own = |pixel: &&Pixel| pixel.account_id == caller.account_id();
        let pixel = pixel_id.parse::<PixelId>().ok().and_then(|id| live.registry.pixel(id)).filter(own);
        let pixel =
            pixel.ok_or_else(|| ApiErrors::not_found(format!("pixel_id ({pixel_id}) was not found")))?;
        let testing = self.watch.testing(options.code, now);
        let about = About { live: &live, pixel, now, testing, mode: options.mode };
        let items = read(body).inspect_err(|errors| {
            let text = errors.list().first().map(|error| error.message.to_string());
            self.refuse(&about, None, None, Unstored::BadField("conversions"), text);
        })?;
        let (mut drafts, mut mistakes) = (Vec::with_capacity(items.len()), Vec::new());
        for (number, item) in items.iter().enumerate() {
            let mut reading = Reading { live: &live, pixel, now, number, mistakes: &mut mistakes };
            drafts.extend(reading.draft(item, || self.new_event_id(now)));
        }
        if !mistakes.is_empty() {
            self.refuse_all(&about, &items, &mistakes);
            return Err(ApiErrors::of(mistakes.into_iter().map(Mistake::into_error)));
        }
        let fates = drafts.into_iter().map(|draft| self.judge(&about, draft)).collect();
        Ok(Upload { debug_id: self.new_event_id(now), fates, watch: &self.watch, mode: options.mode })
    }

    fn judge(&self, about: &About<'_>, draft: Draft<'_>) -> (Fate<'_>, Watched) {
        let heard = about.live.gate.hear(&draft.signals);
        let circumstances = Circumstances {
            heard: &heard,
            directed_to_children: about.pixel.directed_to_children,
            opt_outs: &*self.opt_outs,
            now: about.now,
        };
        let name = about.testing.and_then(|_| draft.name());
        let mut watched = about.watched(Some(draft.tag), name.as_deref());
        watched.note_draft(&draft.conversion, || draft.sent);
        let id = draft.conversion.id;
        let fate = match (about.live.gate.admit(draft.conversion, &circumstances), about.mode) {
            (Err(refused), _) => Fate::Over(Outcome::Refused(refused.reason)),
            (Ok(permitted), mode) => {
                watched.note_permitted(&permitted);
                match mode {
                    UploadMode::Validate => Fate::Valid,
                    UploadMode::Store => Fate::Appended(id, self.log.append(Entry::Conversion(permitted))),
                }
            }
        };
        (fate, watched)
    }

    /// None of the items is taken: some have mistakes, and the others came with them.
    fn refuse_all(&self, about: &About<'_>, items: &[Item<'_>], mistakes: &[Mistake]) {
        for (number, item) in items.iter().enumerate() {
            let (tag, name) = (item.event_tag(&about.live.registry, about.pixel), item.name());
            let (why, text) = match mistakes.iter().find(|mistake| mistake.item == number) {
                Some(mistake) => (Unstored::BadField(mistake.field()), mistake.text()),
                None => (Unstored::WithOthers, None),
            };
            self.refuse(about, tag, name.as_deref(), why, text);
        }
    }

    fn refuse(
        &self,
        about: &About<'_>,
        tag: Option<&EventTag>,
        name: Option<&str>,
        why: Unstored,
        text: Option<String>,
    ) {
        // Who only asks whether items are good loses none.
        if about.mode == UploadMode::Store {
            let unknown = name.filter(|_| tag.is_none());
            self.watch.tags.note(Whose::of(about.pixel, tag), Source::Api, why, unknown);
        }
        self.watch.show_mistake(about.watched(tag, name), why, text);
    }
}

/// What all items of a request have in common.
struct About<'a> {
    live: &'a Live,
    pixel: &'a Pixel,
    now: Timestamp,
    testing: Option<Testing>,
    mode: UploadMode,
}

impl About<'_> {
    fn watched(&self, tag: Option<&EventTag>, name: Option<&str>) -> Watched {
        Watched::new(Whose::of(self.pixel, tag), Source::Api, self.testing, self.now, name)
    }
}
