//! Cookie matches: what a partner calls a browser is stored, and what we call it is told to the partner, if they may.

use std::borrow::Cow;
use std::future::Future;

use super::hit::{Browser, Visitor};
use super::live::Live;
use super::match_metrics::Step;
use super::match_state::MatchState;
use super::outcome::{Invalid, Outcome};
use super::partners::{ConsentTexts, Partner, PartnerSignature, Target};
use super::pixel::PixelService;
use super::storage_access::StorageAccess;
use crate::consent::gate::Permitted;
use crate::consent::regulated::BrowserCookie;
use crate::consent::rule::Circumstances;
use crate::domain::id::{BrowserId, EventId};
use crate::domain::matching::{Introduction, MatchProof, MatchScope, PartnerMatch, Unmatch};
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::template::{Macro, Template};
use crate::storage::entry::Entry;
use crate::storage::worker::Append;

/// A partner's id for the browser that sends it, as it came.
#[derive(Debug, Clone)]
pub struct GivenMatch<'q> {
    /// A partner's name or number.
    pub partner: Cow<'q, str>,
    pub user_id: Option<Cow<'q, str>>,
    pub state: Option<Cow<'q, str>>,
    /// Time and code.
    pub signature: Option<(Cow<'q, str>, Cow<'q, str>)>,
    pub storage_access: StorageAccess,
}

/// What became of it.
pub struct RecordedMatch {
    pub outcome: Outcome,
    /// The id to give the browser, where it has none.
    pub cookie: Option<Permitted<BrowserCookie>>,
    /// Whether that goes into the jar of this site alone.
    pub for_one_site: bool,
}

/// Where a browser is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'q> {
    /// A partner's name or number.
    pub partner: &'q str,
    pub target: ErrandTarget<'q>,
    pub storage_access: StorageAccess,
}

#[derive(Debug, Clone, Copy)]
pub enum ErrandTarget<'q> {
    /// To be told the partner's id: to the callback of that name, or to the partner's own address for it.
    Start(Option<&'q str>),
    /// To tell the partner ours: to the callback of that name.
    Introduce(&'q str),
    /// One of the addresses for browsers that are to bring the partner's id.
    Ask(Target),
}

/// The way to a partner.
pub struct Sent {
    pub location: String,
    /// The id to give the browser, where it has none.
    pub cookie: Option<Permitted<BrowserCookie>>,
}

/// A match that the gate let through, on its way to the log.
struct Drafted<'s> {
    id: EventId,
    append: Append<'s>,
    cookie: Option<Permitted<BrowserCookie>>,
    for_one_site: bool,
}

impl<V: OptOutView + Send + Sync> PixelService<V> {
    /// Decides, and hands to the log what may be stored.
    pub fn record_match<'s>(
        &'s self,
        given: &GivenMatch<'_>,
        visitor: &Visitor<'_>,
    ) -> impl Future<Output = RecordedMatch> + Send + use<'s, V> {
        let (at, storage_access) = (visitor.at, given.storage_access);
        let partner = self.live.load().partners.find(&given.partner).map(|partner| partner.name.clone());
        let drafted = self.draft_match(given, visitor);
        async move {
            let (outcome, cookie, for_one_site) = match drafted {
                Ok(Drafted { id, append, cookie, for_one_site }) => {
                    (Outcome::of_append(id, append.await), cookie, for_one_site)
                }
                Err(outcome) => (outcome, None, true),
            };
            self.matches_seen.count(Step::Inbound, partner.as_deref(), storage_access, &outcome);
            if let Some(journal) = &self.journal {
                journal.note(at, &outcome);
            }
            // As with the pixel: who opted out meanwhile gets no id from the answer.
            let cookie = cookie.filter(|cookie| {
                outcome.is_kept() && !self.opt_outs.is_opted_out(Subject::Browser(cookie.value().browser_id))
            });
            RecordedMatch { outcome, cookie, for_one_site }
        }
    }

    fn draft_match(&self, given: &GivenMatch<'_>, visitor: &Visitor<'_>) -> Result<Drafted<'_>, Outcome> {
        let live = self.live.load();
        let invalid = Outcome::Invalid;
        let partner = live.partners.find_matched(&given.partner).map_err(invalid)?;
        let user_id = given.user_id.as_deref().unwrap_or_default();
        let partner_user_id =
            partner.parse_user_id(user_id).map_err(|why| invalid(Invalid::of_user_id(why)))?;
        let (proof, storage_access) = prove(given, partner, visitor, &live).map_err(invalid)?;
        // Not before it is known to come from the partner: nobody else uses up what the partner may send.
        if partner.limit.as_ref().is_some_and(|limit| !(limit.takes)(visitor.at)) {
            return Err(Outcome::OverPartnerLimit);
        }
        let cookie = self.cookie_of(visitor).ok_or(invalid(Invalid::NoBrowserId))?;
        let scope = scope(visitor, storage_access);
        let heard = live.gate.hear(&visitor.signals);
        let about = Circumstances {
            heard: &heard,
            directed_to_children: false,
            opt_outs: &*self.opt_outs,
            now: visitor.at,
        };
        let found = PartnerMatch {
            id: self.new_event_id(visitor.at),
            at: visitor.at,
            partner_id: partner.id,
            listing: partner.listing,
            partner_user_id,
            browser_id: cookie.browser_id,
            scope,
            proof,
            country: visitor.signals.country(),
        };
        let id = found.id;
        let permitted = live.gate.admit(found, &about).map_err(|refused| Outcome::Refused(refused.reason))?;
        let cookie = self.new_cookie(visitor, cookie, &live, &about);
        // An id that the browser has stays in the jar that it is in.
        let for_one_site = match visitor.browser {
            Browser::New => scope == MatchScope::Site,
            Browser::Known(_) | Browser::Ambiguous => !visitor.has_shared_id,
        };
        Ok(Drafted { id, append: self.log.append(Entry::Match(permitted)), cookie, for_one_site })
    }

    /// The way to a partner for this browser, or why it does not go there. Stores nothing.
    pub fn send(
        &self,
        errand: &Errand<'_>,
        visitor: &Visitor<'_>,
        texts: &ConsentTexts<'_>,
    ) -> Result<Sent, Outcome> {
        let cookie = self.cookie_of(visitor).ok_or(Outcome::Invalid(Invalid::NoBrowserId))?;
        self.send_as(errand, visitor, cookie, texts)
    }

    /// The same for who asks about several partners: a browser that is new is the same one to all of them.
    pub(super) fn send_as(
        &self,
        errand: &Errand<'_>,
        visitor: &Visitor<'_>,
        cookie: BrowserCookie,
        texts: &ConsentTexts<'_>,
    ) -> Result<Sent, Outcome> {
        let live = self.live.load();
        let partner = live.partners.find_matched(errand.partner);
        let sent = partner
            .map_err(Outcome::Invalid)
            .and_then(|partner| self.send_to(partner, errand, (visitor, cookie), texts, &live));
        let name = live.partners.find(errand.partner).map(|partner| &*partner.name);
        let step = match errand.target {
            ErrandTarget::Introduce(_) => Step::Introduced,
            ErrandTarget::Start(_) | ErrandTarget::Ask(_) => Step::Started,
        };
        self.matches_seen.count_sent(step, name, errand.storage_access, &sent);
        sent
    }

    pub(super) fn send_to(
        &self,
        partner: &Partner,
        errand: &Errand<'_>,
        (visitor, cookie): (&Visitor<'_>, BrowserCookie),
        texts: &ConsentTexts<'_>,
        live: &Live,
    ) -> Result<Sent, Outcome> {
        let invalid = Outcome::Invalid;
        let target = match errand.target {
            ErrandTarget::Start(name) => partner.target_named(name),
            ErrandTarget::Introduce(name) => partner.target_named(Some(name)),
            ErrandTarget::Ask(target) => Some(target),
        };
        let found = target.and_then(|target| Some((target, partner.target(target)?)));
        let (target, template) = found.ok_or(invalid(Invalid::UnknownCallback))?;
        // Not where it says nothing, either: it may be a request without cookies, which keeps none that it is given, and
        // the partner would be told of a new browser each time.
        if errand.storage_access != StorageAccess::Active {
            return Err(invalid(Invalid::NoStorage));
        }
        let heard = live.gate.hear(&visitor.signals);
        let about = Circumstances {
            heard: &heard,
            directed_to_children: false,
            opt_outs: &*self.opt_outs,
            now: visitor.at,
        };
        let introduction =
            Introduction { browser_id: cookie.browser_id, partner_id: partner.id, listing: partner.listing };
        let introduction =
            live.gate.admit(introduction, &about).map_err(|refused| Outcome::Refused(refused.reason))?;
        let state = MatchState {
            nonce: self.random(),
            partner_id: partner.id,
            target: target.code(),
            storage_access: errand.storage_access,
        };
        let state = || state.sign(&live.match_state_key, cookie.browser_id, visitor.at);
        let location = self.fill(template, partner, &introduction, texts, state);
        let cookie = self.new_cookie(visitor, cookie, live, &about);
        Ok(Sent { location, cookie })
    }

    fn fill(
        &self,
        template: &Template,
        partner: &Partner,
        introduction: &Permitted<Introduction>,
        texts: &ConsentTexts<'_>,
        state: impl Fn() -> String,
    ) -> String {
        template.fill(|wanted| match wanted {
            Macro::BrowserId => partner.pairwise_id(introduction).into(),
            Macro::PartnerUserId => {
                let known = self.matches.get(partner.id, introduction.value().browser_id);
                known.map(|known| String::from(known.partner_user_id)).unwrap_or_default().into()
            }
            Macro::State => state().into(),
            Macro::CacheBuster => self.random().to_string().into(),
            consent => texts.value(consent).unwrap_or_default().into_owned().into(),
        })
    }

    /// Takes back what the partner called the browser, if that comes from the partner. Says whether it got to the log.
    pub fn unmatch<'s>(
        &'s self,
        given: &GivenMatch<'_>,
        visitor: &Visitor<'_>,
    ) -> impl Future<Output = Outcome> + Send + use<'s, V> {
        let id = self.new_event_id(visitor.at);
        let appended = self.draft_unmatch(given, visitor).map(|gone| self.log.append(Entry::Unmatch(gone)));
        async move {
            match appended {
                Ok(append) => Outcome::of_append(id, append.await),
                Err(outcome) => outcome,
            }
        }
    }

    fn draft_unmatch(&self, given: &GivenMatch<'_>, visitor: &Visitor<'_>) -> Result<Unmatch, Outcome> {
        let live = self.live.load();
        let partner = live.partners.find_matched(&given.partner).map_err(Outcome::Invalid)?;
        prove(given, partner, visitor, &live).map_err(Outcome::Invalid)?;
        let known = visitor.browser.id().filter(|id| self.matches.get(partner.id, *id).is_some());
        let browser_id = known.ok_or(Outcome::Known)?;
        Ok(Unmatch { browser_id, partner_id: partner.id, at: visitor.at })
    }

    /// Who the browser is: its own id, or a new one. `None` for one that shows two.
    pub(super) fn cookie_of(&self, visitor: &Visitor<'_>) -> Option<BrowserCookie> {
        match visitor.browser {
            Browser::Known(known) => Some(known.cookie),
            Browser::New => Some(self.draft_cookie(visitor.at)),
            Browser::Ambiguous => None,
        }
    }

    /// The permit to give the browser its id, where it has none or one signed with an old key.
    fn new_cookie(
        &self,
        visitor: &Visitor<'_>,
        cookie: BrowserCookie,
        live: &Live,
        about: &Circumstances<'_>,
    ) -> Option<Permitted<BrowserCookie>> {
        match visitor.browser {
            Browser::Known(known) if !known.of_old_key => None,
            _ => live.gate.admit(cookie, about).ok(),
        }
    }

    fn random(&self) -> u64 {
        let mut random = [0; 8];
        self.rng.fill(&mut random);
        u64::from_be_bytes(random)
    }
}

/// How it is known to come from the partner, and what the browser said of its cookies at the first hop.
fn prove(
    given: &GivenMatch<'_>,
    partner: &Partner,
    visitor: &Visitor<'_>,
    live: &Live,
) -> Result<(MatchProof, StorageAccess), Invalid> {
    if let Some(state) = &given.state {
        let browser_id = visitor.browser.id().ok_or(Invalid::BadState)?;
        let state = MatchState::verify(state, &live.match_state_key, partner.id, browser_id, visitor.at);
        let state = state.ok_or(Invalid::BadState)?;
        let storage_access = match given.storage_access {
            StorageAccess::None => StorageAccess::None,
            StorageAccess::Active | StorageAccess::Unknown => state.storage_access,
        };
        return Ok((MatchProof::State(state.nonce), storage_access));
    }
    if let Some((time, code)) = &given.signature {
        let signature = PartnerSignature { time, code };
        let user_id = given.user_id.as_deref().unwrap_or_default();
        let signed = partner.has_signed(user_id, signature, visitor.at);
        return if signed {
            Ok((MatchProof::Signed, given.storage_access))
        } else {
            Err(Invalid::BadSignature)
        };
    }
    match partner.takes_unsigned {
        true => Ok((MatchProof::Unsigned, given.storage_access)),
        false => Err(Invalid::Unsigned),
    }
}

/// An id that the browser shows everywhere, or one of this site alone. Where the browser does not say, it counts for the
/// latter, whatever the cookie's name: Firefox keeps all cookies apart for each site, and says nothing behind a redirect.
const fn scope(visitor: &Visitor<'_>, storage_access: StorageAccess) -> MatchScope {
    let is_shared = visitor.has_shared_id || matches!(visitor.browser, Browser::New);
    match storage_access {
        StorageAccess::Active if is_shared => MatchScope::Global,
        StorageAccess::Active | StorageAccess::None | StorageAccess::Unknown => MatchScope::Site,
    }
}

/// What all partners of `live` call the browser, by their names, where they may be told of it.
pub fn partner_user_ids<V: OptOutView + Send + Sync>(
    service: &PixelService<V>,
    visitor: &Visitor<'_>,
) -> Vec<(String, String)> {
    let live = service.live.load();
    let Some(browser_id) = visitor.browser.id() else { return Vec::new() };
    let heard = live.gate.hear(&visitor.signals);
    let about = Circumstances {
        heard: &heard,
        directed_to_children: false,
        opt_outs: &*service.opt_outs,
        now: visitor.at,
    };
    let of = |partner: &Partner| {
        let known = service.matches.get(partner.id, browser_id)?;
        permits(&live, partner, browser_id, &about)
            .then(|| (partner.name.clone(), known.partner_user_id.into()))
    };
    live.partners.matched().filter_map(of).collect()
}

fn permits(live: &Live, partner: &Partner, browser_id: BrowserId, about: &Circumstances<'_>) -> bool {
    let introduction = Introduction { browser_id, partner_id: partner.id, listing: partner.listing };
    live.gate.admit(introduction, about).is_ok()
}
