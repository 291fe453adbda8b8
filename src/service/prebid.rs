//! Which partners a page is to ask for their ids: the use case behind Prebid's `/cookie_sync`, and behind the old tag's
//! list of partners.

use super::hit::Visitor;
use super::match_frame;
use super::matching::{Errand, ErrandTarget, Sent};
use super::outcome::{Invalid, Outcome};
use super::partners::{ConsentTexts, Partner, Target};
use super::pixel::PixelService;
use super::storage_access::StorageAccess;
use crate::consent::gate::Permitted;
use crate::consent::regulated::BrowserCookie;
use crate::domain::opt_out::OptOutView;

/// What a page asks.
#[derive(Debug, Clone)]
pub struct Asking<'q> {
    /// Partners' names; `None` stands for all of them.
    pub names: Option<&'q [String]>,
    /// Whether others may fill up what is left of the limit, by their priority.
    pub cooperative: bool,
    pub limit: usize,
    pub image: Filter,
    pub iframe: Filter,
    pub storage_access: StorageAccess,
    /// The host and port that we were asked at, for the pages of ours among the answers.
    pub host: Option<&'q str>,
}

/// Which partners may be asked in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    All,
    Only(Vec<String>),
    AllBut(Vec<String>),
}

impl Filter {
    fn lets(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| known == name),
            Self::AllBut(names) => names.iter().all(|known| known != name),
        }
    }
}

/// One partner to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToAsk {
    pub partner: String,
    /// [`Target::Image`], [`Target::Iframe`] or [`Target::Frame`].
    pub target: Target,
    pub location: String,
}

/// One partner that is not asked, and why: a word for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAsked {
    pub partner: String,
    pub code: &'static str,
    pub text: String,
}

/// The answer to a page.
pub struct Asked {
    /// Whether some partner's id for the browser is known already.
    pub is_known: bool,
    pub ask: Vec<ToAsk>,
    pub not_asked: Vec<NotAsked>,
    /// The id to give the browser, where it has none and is to be sent to somebody.
    pub cookie: Option<Permitted<BrowserCookie>>,
}

impl<V: OptOutView + Send + Sync> PixelService<V> {
    /// Chooses partners whose ids are not known, or too old, and makes the way to each. Stores nothing.
    pub fn partners_to_ask(
        &self,
        asking: &Asking<'_>,
        visitor: &Visitor<'_>,
        texts: &ConsentTexts<'_>,
    ) -> Asked {
        let live = self.live.load();
        let mut asked = Asked {
            is_known: visitor.browser.id().is_some_and(|id| !self.matches.of_browser(id).is_empty()),
            ask: Vec::new(),
            not_asked: Vec::new(),
            cookie: None,
        };
        let Some(cookie) = self.cookie_of(visitor) else {
            let names = asking.names.unwrap_or_default().iter();
            let text = || Invalid::NoBrowserId.text().to_owned();
            asked.not_asked.extend(names.map(|name| NotAsked {
                partner: name.clone(),
                code: Invalid::NoBrowserId.code(),
                text: text(),
            }));
            return asked;
        };
        let mut seen: Vec<&str> = Vec::new();
        let named = asking.names.unwrap_or_default().iter().map(String::as_str);
        let all = asking.names.is_none() || asking.cooperative;
        let others = live.partners.matched().map(|partner| &*partner.name).filter(|_| all);
        for name in named.chain(others) {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            if asked.ask.len() >= asking.limit {
                asked.refuse(name, "limit", "as many as the limit allows are asked already");
                continue;
            }
            let partner = match live.partners.find_matched(name) {
                Ok(partner) => partner,
                Err(why) => {
                    asked.refuse(name, why.code(), why.text());
                    continue;
                }
            };
            let Some(target) = target(partner, asking) else {
                asked.refuse(name, "no-address", "the partner has no address of a kind that is allowed");
                continue;
            };
            if self.is_fresh(partner, visitor) {
                asked.refuse(name, "known", "the partner's id for the browser is known");
                continue;
            }
            let frame = asking.host.filter(|_| target == Target::Frame);
            // What may load the first image of a page may load the page.
            let first = if frame.is_some() { Target::Pixel(0) } else { target };
            let errand = Errand {
                partner: name,
                target: ErrandTarget::Ask(first),
                storage_access: asking.storage_access,
            };
            match self.send_as(&errand, visitor, cookie, texts) {
                Ok(Sent { location, cookie }) => {
                    let location = frame.map_or(location, |host| match_frame::address(host, partner, texts));
                    asked.ask.push(ToAsk { partner: partner.name.clone(), target, location });
                    asked.cookie = asked.cookie.take().or(cookie);
                }
                Err(outcome) => asked.refuse(name, code(&outcome), &outcome.text()),
            }
        }
        asked
    }

    fn is_fresh(&self, partner: &Partner, visitor: &Visitor<'_>) -> bool {
        let heard = visitor.browser.id().and_then(|id| self.matches.heard_at(partner.id, id));
        heard.is_some_and(|at| visitor.at.0.saturating_sub(at.0) < partner.rematch_after_ms)
    }
}

impl Asked {
    fn refuse(&mut self, partner: &str, code: &'static str, text: &str) {
        self.not_asked.push(NotAsked { partner: partner.to_owned(), code, text: text.to_owned() });
    }
}

/// All pixels where the partner has several and the page allows a frame; else an image where it allows one: it costs the
/// page less than a frame.
fn target(partner: &Partner, asking: &Asking<'_>) -> Option<Target> {
    let has_frame = !partner.pixels.is_empty() && asking.host.is_some();
    if has_frame && asking.iframe.lets(&partner.name) {
        return Some(Target::Frame);
    }
    let image = partner.image.is_some() && asking.image.lets(&partner.name);
    let iframe = partner.iframe.is_some() && asking.iframe.lets(&partner.name);
    if image { Some(Target::Image) } else { iframe.then_some(Target::Iframe) }
}

fn code(outcome: &Outcome) -> &'static str {
    outcome.reason().unwrap_or(outcome.word())
}
