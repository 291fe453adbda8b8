//! Ad touches: a view of an ad, or a click on one, which is sent on to its landing page whatever may be stored.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::hit::Visitor;
use super::outcome::{Invalid, Outcome};
use super::pixel::PixelService;
use crate::consent::refusal::Refusal;
use crate::consent::rule::Circumstances;
use crate::domain::id::EventId;
use crate::domain::link::Link;
use crate::domain::opt_out::OptOutView;
use crate::domain::time::Timestamp;
use crate::domain::touch::{IssuedClickId, Touch, TouchKind};
use crate::storage::entry::Entry;
use crate::storage::worker::Append;

/// What became of a click.
#[derive(Debug, PartialEq, Eq)]
pub struct Clicked {
    pub outcome: Outcome,
    /// Where the browser is to go. `None`: nobody has clicked, the browser only prepares for it.
    pub location: Option<String>,
}

/// A touch that the gate let through, on its way to the log.
struct Drafted<'s> {
    id: EventId,
    append: Append<'s>,
    click_id: Option<IssuedClickId>,
}

impl<V: OptOutView + Send + Sync> PixelService<V> {
    /// Notes a view of the ad that leads to the link `name`. Uses the id of a browser that has one, and gives none.
    pub fn record_ad_view<'s>(
        &'s self,
        name: &str,
        visitor: &Visitor<'_>,
    ) -> impl Future<Output = Outcome> + Send + use<'s, V> {
        let live = self.live.load();
        let link = live.links.get(name).ok_or(Outcome::Invalid(Invalid::UnknownLink));
        let drafted = link.and_then(|link| self.draft_touch(link, TouchKind::View, visitor));
        let at = visitor.at;
        async move {
            let outcome = match drafted {
                Ok(Drafted { id, append, .. }) => Outcome::of_append(id, append.await),
                Err(outcome) => outcome,
            };
            self.note(at, outcome)
        }
    }

    /// Notes a click on the ad that leads to the link `name`, and says where that is: with the click's id if the click is
    /// stored with it, else without any. `None` if there is no such link.
    pub fn record_click<'s>(
        &'s self,
        name: &str,
        visitor: &Visitor<'_>,
    ) -> Option<impl Future<Output = Clicked> + Send + use<'s, V>> {
        let live = self.live.load();
        let link = live.links.get(name)?;
        let drafted = self.draft_touch(link, TouchKind::Click, visitor);
        let (landing_page, at) = (link.landing_page.clone(), visitor.at);
        Some(async move {
            let (outcome, click_id) = match drafted {
                // Whoever clicked waits for a page, and not for our disk.
                Ok(Drafted { id, append, click_id }) => match timeout(CLICK_WAIT, append).await {
                    Ok(appended) => (Outcome::of_append(id, appended), click_id),
                    Err(_) => (Outcome::Unavailable, None),
                },
                Err(outcome) => (outcome, None),
            };
            let unseen = outcome == Outcome::Refused(Refusal::Speculative);
            let click_id = click_id.filter(|_| outcome.is_kept());
            let location = (!unseen).then(|| landing_page.with(click_id));
            Clicked { outcome: self.note(at, outcome), location }
        })
    }

    /// Where the link leads, for a click of which nothing is noted.
    pub fn landing_page(&self, name: &str) -> Option<String> {
        self.live.load().links.get(name).map(|link| link.landing_page.with(None))
    }

    fn draft_touch(
        &self,
        link: &Link,
        kind: TouchKind,
        visitor: &Visitor<'_>,
    ) -> Result<Drafted<'_>, Outcome> {
        let live = self.live.load();
        let heard = live.gate.hear(&visitor.signals);
        self.metrics.malformed_accounts.inc_by(u64::from(visitor.signals.malformed_accounts()));
        let about = Circumstances {
            heard: &heard,
            directed_to_children: false,
            opt_outs: &*self.opt_outs,
            now: visitor.at,
        };
        let touch = Touch {
            id: self.new_event_id(visitor.at),
            at: visitor.at,
            kind,
            placement: link.placement.clone(),
            browser_id: visitor.browser.id(),
            click_id: (kind == TouchKind::Click).then(|| self.new_click_id()),
            country: visitor.signals.country(),
        };
        let id = touch.id;
        let permitted = live.gate.admit(touch, &about).map_err(|refused| Outcome::Refused(refused.reason))?;
        let click_id = permitted.value().click_id;
        Ok(Drafted { id, append: self.log.append(Entry::Touch(permitted)), click_id })
    }

    fn new_click_id(&self) -> IssuedClickId {
        let mut random = [0; 16];
        self.rng.fill(&mut random);
        IssuedClickId::from_bytes(random)
    }

    fn note(&self, at: Timestamp, outcome: Outcome) -> Outcome {
        self.metrics.count(&outcome);
        if let Some(journal) = &self.journal {
            journal.note(at, &outcome);
        }
        outcome
    }
}

/// A page is felt to come at once up to about this. The touch goes on its way to the log even if that takes longer.
const CLICK_WAIT: Duration = Duration::from_millis(200);
