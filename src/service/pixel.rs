//! The pixel: a hit becomes a page view or a conversion, if it may.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::hit::{Browser, EventDetails, PixelHit, Visitor};
use super::identity::Known;
use super::journal::Journal;
use super::live::{Live, SharedLive};
use super::match_metrics::MatchMetrics;
use super::metrics::PixelMetrics;
use super::outcome::{Invalid, Outcome};
use super::resolve::{Resolved, resolve};
use super::tag_watch::Whose;
use super::test_event::Sent;
use super::test_events::TestCode;
use super::watch::{Testing, Watch, Watched};
use crate::consent::gate::Permitted;
use crate::consent::regulated::BrowserCookie;
use crate::consent::rule::Circumstances;
use crate::domain::conversion::{Conversion, Identifiers, ShortText, Source};
use crate::domain::id::{BrowserId, ClickId, EventId, HashedEmail, HashedPhone};
use crate::domain::money::{Currency, Money};
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::page::PageAddress;
use crate::domain::personal::looks_personal;
use crate::domain::policy_terms::WordList;
use crate::domain::settings::Pixel;
use crate::domain::time::{Clock, Rng, Timestamp};
use crate::storage::entry::Entry;
use crate::storage::match_table::MatchTable;
use crate::storage::worker::{Append, Appender};

/// The answer to one hit.
pub struct Recorded {
    /// One for each event of the hit, at least one.
    pub outcomes: SmallVec<[Outcome; 1]>,
    /// The id to give the browser, where it has none or one signed with an old key.
    pub cookie: Option<Permitted<BrowserCookie>>,
}

/// The use case. One per worker, because the appender is.
pub struct PixelService<V> {
    pub live: SharedLive,
    pub log: Appender,
    pub opt_outs: Arc<V>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub metrics: Arc<PixelMetrics>,
    pub journal: Option<Arc<Journal>>,
    pub watch: Watch,
    pub matches: Arc<MatchTable>,
    pub matches_seen: Arc<MatchMetrics>,
}

impl<V: OptOutView + Send + Sync> PixelService<V> {
    /// Decides, and hands to the log what may be stored. What is returned is ready once that is as safe as it has to
    /// be, and says what became of each event. `code` changes nothing: whose test it is sees what happens.
    pub fn record<'s>(
        &'s self,
        hit: &PixelHit<'_>,
        visitor: &Visitor<'_>,
        code: Option<TestCode>,
    ) -> impl Future<Output = Recorded> + Send + use<'s, V> {
        let testing = self.watch.testing(code, visitor.at);
        let (events, cookie) = self.decide(hit, visitor, testing);
        let at = visitor.at;
        async move {
            let mut outcomes = SmallVec::with_capacity(events.len());
            for event in events {
                let (outcome, watched) = match event {
                    Fate::Unresolved(why) => (Outcome::Invalid(why), None),
                    Fate::Over(outcome, watched) => (outcome, Some(watched)),
                    Fate::Appended(id, append, watched) => {
                        (Outcome::of_append(id, append.await), Some(watched))
                    }
                };
                if let Some(watched) = watched {
                    self.watch.conclude(watched, &outcome);
                }
                self.metrics.count(&outcome);
                if let Some(journal) = &self.journal {
                    journal.note(at, &outcome);
                }
                outcomes.push(outcome);
            }
            // A browser that opted out while its hit waited, or after it was stored, must not get an id from the answer.
            let cookie = cookie.filter(|cookie| {
                let subject = Subject::Browser(cookie.value().browser_id);
                outcomes.iter().all(Outcome::is_kept) && !self.opt_outs.is_opted_out(subject)
            });
            Recorded { outcomes, cookie }
        }
    }

    /// Everything up to the log's answers; holds the settings only as long as it takes.
    fn decide(
        &self,
        hit: &PixelHit<'_>,
        visitor: &Visitor<'_>,
        testing: Option<Testing>,
    ) -> (Fates<'_>, Option<Permitted<BrowserCookie>>) {
        let live = self.live.load();
        let drafts = match resolve(hit, &live.registry) {
            Ok(drafts) => drafts,
            Err(unresolved) => {
                self.watch.note_unresolved(&unresolved, testing, visitor.at);
                return (smallvec![Fate::Unresolved(unresolved.why)], None);
            }
        };
        let heard = live.gate.hear(&visitor.signals);
        let about = Circumstances {
            heard: &heard,
            directed_to_children: drafts.pixel.directed_to_children,
            opt_outs: &*self.opt_outs,
            now: visitor.at,
        };
        self.metrics.literal_macros.inc_by(u64::from(visitor.signals.literal_macros()));
        self.metrics.malformed_accounts.inc_by(u64::from(visitor.signals.malformed_accounts()));
        self.metrics.malformed_adchoices.inc_by(u64::from(heard.malformed_adchoices()));
        let (browser_id, cookie) = self.identify(&live, visitor.browser, &about);
        let fates = drafts.events.iter().map(|event| {
            let whose = Whose::of(drafts.pixel, event.tag);
            let mut watched = Watched::new(whose, Source::Pixel, testing, visitor.at, event.name);
            let draft = match self.draft(hit, event, drafts.pixel, browser_id, &about) {
                Ok(draft) => draft,
                Err(invalid) => return Fate::Over(Outcome::Invalid(invalid), watched),
            };
            watched.note_draft(&draft, || sent(hit, event));
            let id = draft.id;
            match live.gate.admit(draft, &about) {
                Ok(permitted) => {
                    watched.note_permitted(&permitted);
                    Fate::Appended(id, self.log.append(Entry::Conversion(permitted)), watched)
                }
                Err(refused) => Fate::Over(Outcome::Refused(refused.reason), watched),
            }
        });
        (fates.collect(), cookie)
    }

    /// The browser's id, and the permit to give it one or to sign it anew.
    fn identify(
        &self,
        live: &Live,
        browser: Browser,
        about: &Circumstances<'_>,
    ) -> (Option<BrowserId>, Option<Permitted<BrowserCookie>>) {
        let cookie = match browser {
            Browser::Ambiguous => return (None, None),
            Browser::Known(Known { cookie, of_old_key: false }) => return (Some(cookie.browser_id), None),
            Browser::Known(Known { cookie, of_old_key: true }) => cookie,
            Browser::New => self.draft_cookie(about.now),
        };
        let permitted = live.gate.admit(cookie, about).ok();
        (permitted.as_ref().map(|cookie| cookie.value().browser_id), permitted)
    }

    pub(super) fn draft_cookie(&self, now: Timestamp) -> BrowserCookie {
        let mut random = [0; 16];
        self.rng.fill(&mut random);
        BrowserCookie { browser_id: BrowserId::from_bytes(random), issued_day: now.day() }
    }

    fn draft(
        &self,
        hit: &PixelHit<'_>,
        event: &Resolved<'_>,
        pixel: &Pixel,
        browser_id: Option<BrowserId>,
        about: &Circumstances<'_>,
    ) -> Result<Conversion, Invalid> {
        let details = event.details;
        let page = hit.page.as_deref().and_then(|page| self.page(page));
        let origin_ok = pixel.expects(page.as_ref());
        if !origin_ok {
            self.metrics.foreign_origins.inc();
        }
        Ok(Conversion {
            id: self.new_event_id(about.now),
            at: about.now,
            account_id: pixel.account_id,
            pixel_id: pixel.id,
            event_tag_id: event.tag.map(|tag| tag.id),
            windows: event.tag.map(|tag| tag.windows),
            event: event.event,
            source: Source::Pixel,
            event_id: self.short_text(hit.event_id.as_deref()).map_err(|()| Invalid::BadEventId)?,
            conversion_id: self
                .short_text(pick(&details.conversion_id, &hit.common.conversion_id))
                .map_err(|()| Invalid::BadConversionId)?,
            value: money(details, &hit.common)?,
            quantity: quantity(pick(&details.quantity, &hit.common.quantity))?,
            identifiers: self.identifiers(hit, details, browser_id),
            page,
            country: about.heard.signals().country(),
            restricted_data_use: hit.restricted_data_use,
            origin_ok,
        })
    }

    /// What may be kept of a page's address.
    pub(super) fn page(&self, address: &str) -> Option<PageAddress> {
        let page = PageAddress::reduce(address)?;
        if !WordList::shipped().is_in_path(page.path()) {
            return Some(page);
        }
        self.metrics.policy_fields_dropped.inc();
        Some(page.without_path())
    }

    pub(super) fn new_event_id(&self, now: Timestamp) -> EventId {
        let mut random = [0; 10];
        self.rng.fill(&mut random);
        EventId::new(now.0, random)
    }

    fn identifiers(
        &self,
        hit: &PixelHit<'_>,
        details: &EventDetails<'_>,
        browser_id: Option<BrowserId>,
    ) -> Identifiers {
        let email = pick(&details.hashed_email, &hit.common.hashed_email);
        let phone = pick(&details.hashed_phone, &hit.common.hashed_phone);
        Identifiers {
            browser_id,
            click_id: hit.click_id.as_deref().and_then(|id| id.parse::<ClickId>().ok()),
            hashed_email: self.hash(email, str::parse::<HashedEmail>),
            hashed_phone: self.hash(phone, str::parse::<HashedPhone>),
        }
    }

    /// Anything but a hash in a field for hashes is taken for an address or a number in clear.
    fn hash<T, E>(&self, text: Option<&str>, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let hash = parse(text?).ok();
        if hash.is_none() {
            self.metrics.personal_fields_dropped.inc();
        }
        hash
    }

    /// `Ok(None)` for an absent text and for one that names a person; an error for one that cannot be kept.
    fn short_text(&self, text: Option<&str>) -> Result<Option<ShortText>, ()> {
        let Some(text) = text else { return Ok(None) };
        match ShortText::parse(text) {
            Some(kept) => Ok(Some(kept)),
            None if looks_personal(text) => {
                self.metrics.personal_fields_dropped.inc();
                Ok(None)
            }
            None => Err(()),
        }
    }
}

/// Nearly every hit has one event.
type Fates<'s> = SmallVec<[Fate<'s>; 1]>;

/// What becomes of one event.
enum Fate<'s> {
    Unresolved(Invalid),
    Over(Outcome, Watched),
    Appended(EventId, Append<'s>, Watched),
}

pub(super) fn pick<'a>(own: &'a Option<Cow<'_, str>>, common: &'a Option<Cow<'_, str>>) -> Option<&'a str> {
    own.as_deref().or(common.as_deref())
}

/// What a test is told besides the draft.
fn sent(hit: &PixelHit<'_>, event: &Resolved<'_>) -> Sent {
    let (own, common) = (event.details, &hit.common);
    Sent {
        has_currency: pick(&own.currency, &common.currency).is_some(),
        has_email: pick(&own.hashed_email, &common.hashed_email).is_some(),
        has_phone: pick(&own.hashed_phone, &common.hashed_phone).is_some(),
    }
}

/// US dollars where no currency is named, as the base code has it.
fn money(details: &EventDetails<'_>, common: &EventDetails<'_>) -> Result<Option<Money>, Invalid> {
    let currency = pick(&details.currency, &common.currency).map_or(Ok(Currency::USD), Currency::parse)?;
    let amount = pick(&details.value, &common.value);
    Ok(amount.map(|amount| Money::parse(amount, currency)).transpose()?)
}

/// The base code sends 0 where it has nothing to say.
fn quantity(text: Option<&str>) -> Result<Option<u32>, Invalid> {
    let Some(text) = text else { return Ok(None) };
    let number: u32 = text.trim().parse().map_err(|_| Invalid::BadQuantity)?;
    if number > QUANTITY_MAX {
        return Err(Invalid::BadQuantity);
    }
    Ok((number > 0).then_some(number))
}

const QUANTITY_MAX: u32 = 1_000_000;
