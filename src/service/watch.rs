//! What advertisers may see of events while they happen: counts of what is not stored, and their own tests.

use std::sync::Arc;

use super::outcome::Outcome;
use super::resolve::Unresolved;
use super::tag_watch::{TagCounter, Unstored, Whose};
use super::test_event::{Sent, TestEvent};
use super::test_events::{TestCode, TestEvents};
use crate::consent::gate::Permitted;
use crate::domain::conversion::{Conversion, Source};
use crate::domain::id::AccountId;
use crate::domain::time::Timestamp;

/// One per worker.
pub struct Watch {
    pub tags: Arc<TagCounter>,
    pub tests: Arc<TestEvents>,
}

/// An event whose end is not known yet.
pub(super) struct Watched {
    pub(super) whose: Whose,
    pub(super) source: Source,
    /// Where it is part of a test. Boxed, because nearly none is.
    pub(super) test: Option<Box<(TestCode, TestEvent)>>,
}

/// A test that a request is part of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Testing {
    pub(super) code: TestCode,
    pub(super) account_id: AccountId,
}

impl Watched {
    pub(super) fn new(
        whose: Whose,
        source: Source,
        testing: Option<Testing>,
        at: Timestamp,
        name: Option<&str>,
    ) -> Self {
        let testing = testing.filter(|testing| testing.account_id == whose.account_id);
        let test = testing.map(|Testing { code, .. }| (code, TestEvent::new(at, source, Some(whose), name)));
        Self { whose, source, test: test.map(Box::new) }
    }

    /// Before the gate is asked. `sent` is what the draft does not say.
    pub(super) fn note_draft(&mut self, draft: &Conversion, sent: impl FnOnce() -> Sent) {
        if let Some(test) = &mut self.test {
            test.1.note_draft(draft, sent());
        }
    }

    pub(super) fn note_permitted(&mut self, permitted: &Permitted<Conversion>) {
        if let Some(test) = &mut self.test {
            test.1.note_permitted(permitted);
        }
    }
}

impl Watch {
    /// The test that `code` stands for, if there is one now.
    pub(super) fn testing(&self, code: Option<TestCode>, now: Timestamp) -> Option<Testing> {
        let code = code?;
        self.tests.account(code, now).map(|account_id| Testing { code, account_id })
    }

    /// Counts the event if it is not stored, and shows it to whose test it is part of.
    pub(super) fn conclude(&self, event: Watched, outcome: &Outcome) {
        if let Some(why) = Unstored::of(outcome, event.source) {
            self.tags.note(event.whose, event.source, why, None);
        }
        self.show(event, outcome);
    }

    /// Shows what became of it without counting it: who only asks loses nothing.
    pub(super) fn show(&self, event: Watched, outcome: &Outcome) {
        if let Some((code, shown)) = event.test.map(|test| *test) {
            self.tests.show(code, shown.with_outcome(outcome));
        }
    }

    /// An item for the API that was only to be checked, and is good.
    pub(super) fn show_valid(&self, event: Watched) {
        if let Some((code, shown)) = event.test.map(|test| *test) {
            self.tests.show(code, shown.with_valid());
        }
    }

    /// An item for the API that was not taken. `text` says more than the reason does.
    pub(super) fn show_mistake(&self, event: Watched, why: Unstored, text: Option<String>) {
        if let Some((code, shown)) = event.test.map(|test| *test) {
            let text = text.unwrap_or_else(|| why.text().to_owned());
            self.tests.show(code, shown.with_mistake(why.reason(), text));
        }
    }

    /// A hit that is no event: counted for its pixel, if that is known, and shown to whose test it is part of, unless it is
    /// of somebody else's pixel.
    pub(super) fn note_unresolved(&self, hit: &Unresolved<'_>, testing: Option<Testing>, at: Timestamp) {
        let whose = hit.pixel.map(|pixel| Whose::of(pixel, hit.tag));
        if let Some(whose) = whose {
            self.tags.note(whose, Source::Pixel, Unstored::Invalid(hit.why), hit.name);
        }
        let is_own = |testing: &Testing| whose.is_none_or(|whose| whose.account_id == testing.account_id);
        if let Some(Testing { code, .. }) = testing.filter(is_own) {
            let shown = TestEvent::new(at, Source::Pixel, whose, hit.name);
            self.tests.show(code, shown.with_outcome(&Outcome::Invalid(hit.why)));
        }
    }
}
