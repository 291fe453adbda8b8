//! The partners that the operator has registered, ready to be looked up.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use regex::Regex;

use super::crypto::MacKey;
use super::outcome::Invalid;
use super::targeting::TargetingTerms;
use crate::consent::gate::Permitted;
use crate::domain::id::{BrowserId, PartnerId};
use crate::domain::matching::Introduction;
use crate::domain::partner::{InvalidPartnerUserId, PartnerKinds, PartnerListing, PartnerUserId};
use crate::domain::template::{Macro, Template};
use crate::domain::time::{MS_PER_MINUTE, Timestamp};
use crate::storage::digest::sha256;

/// One partner.
pub struct Partner {
    pub id: PartnerId,
    /// In addresses, and as Prebid's `bidder`.
    pub name: String,
    pub kinds: PartnerKinds,
    pub listing: PartnerListing,
    /// Whether what anybody could have sent is stored, as unverified.
    pub takes_unsigned: bool,
    /// What the partner signs its matches with.
    pub signing_key: Option<MacKey>,
    pub id_pattern: Option<Regex>,
    pub id_chars_max: usize,
    pub image: Option<Template>,
    pub iframe: Option<Template>,
    /// The images of the page `/match/…/frame`.
    pub pixels: Vec<Template>,
    /// Where `/getuid` and `/match/…/start?r=` may lead, by name.
    pub callbacks: Vec<(String, Template)>,
    /// 1 first.
    pub priority: u8,
    /// After this time the partner is asked for its id again.
    pub rematch_after_ms: u64,
    pub limit: Option<MatchLimit>,
    pub targeting: TargetingTerms,
    /// Makes what the partner sees as our ids.
    pairwise: MacKey,
}

/// What a partner's entry is made of besides its keys.
#[derive(Debug, Clone)]
pub struct PartnerSettings {
    pub id: PartnerId,
    pub name: String,
    pub kinds: PartnerKinds,
    pub listing: PartnerListing,
    pub takes_unsigned: bool,
    pub id_pattern: Option<Regex>,
    pub id_chars_max: usize,
    pub image: Option<Template>,
    pub iframe: Option<Template>,
    pub pixels: Vec<Template>,
    pub callbacks: Vec<(String, Template)>,
    pub priority: u8,
    pub rematch_after_ms: u64,
    /// Another number, other ids for this partner.
    pub pairwise_epoch: u32,
    pub limit: Option<MatchLimit>,
    pub targeting: TargetingTerms,
}

/// How many of a partner's ids are taken in: `burst` at once, `per_s` in the long run. All clones count together.
#[derive(Clone)]
pub struct MatchLimit {
    pub per_s: u32,
    pub burst: u32,
    /// Whether one more is within the limit at that time; then it is counted.
    pub takes: TakesMatch,
}

pub type TakesMatch = Arc<dyn Fn(Timestamp) -> bool + Send + Sync>;

impl fmt::Debug for MatchLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MatchLimit({} per second, {} at once)", self.per_s, self.burst)
    }
}

/// Which of a partner's addresses is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    Image,
    Iframe,
    /// By its place among the callbacks.
    Callback(u8),
    /// By its place among the pixels.
    Pixel(u8),
    /// The page of ours with all pixels.
    Frame,
}

impl Target {
    /// Within a signed state.
    pub const fn code(self) -> u8 {
        match self {
            Self::Image => 0,
            Self::Iframe => 1,
            Self::Callback(at) => at.saturating_add(2),
            Self::Pixel(at) => u8::MAX - at,
            Self::Frame => FRAME_CODE,
        }
    }
}

/// Below the pixels' codes.
const FRAME_CODE: u8 = u8::MAX / 2;

/// How a partner proves that a match comes from it: the time in seconds since 1970, and in hexadecimal digits the
/// HMAC-SHA-256 of `<partner number>\n<partner user id>\n<time>`.
#[derive(Debug, Clone, Copy)]
pub struct PartnerSignature<'q> {
    pub time: &'q str,
    pub code: &'q str,
}

impl Partner {
    /// `matching_secret` is ours, `signing_secret` is the partner's.
    pub fn new(settings: PartnerSettings, matching_secret: &[u8], signing_secret: Option<&[u8]>) -> Self {
        let purpose = format!("partner {} epoch {}", settings.id, settings.pairwise_epoch);
        let PartnerSettings { id, name, kinds, listing, takes_unsigned, id_pattern, id_chars_max, .. } =
            settings;
        let PartnerSettings {
            image,
            iframe,
            pixels,
            callbacks,
            priority,
            rematch_after_ms,
            limit,
            targeting,
            ..
        } = settings;
        Self {
            pairwise: MacKey::derive(matching_secret, &purpose),
            signing_key: signing_secret.map(MacKey::new),
            id,
            name,
            kinds,
            listing,
            takes_unsigned,
            id_pattern,
            id_chars_max,
            image,
            iframe,
            pixels,
            callbacks,
            priority,
            rematch_after_ms,
            limit,
            targeting,
        }
    }

    /// Our id for the browser, as this partner alone knows it: 22 letters, digits, `-` and `_`. Nobody without our key
    /// can tell that two of them are one browser.
    pub fn pairwise_id(&self, introduction: &Permitted<Introduction>) -> String {
        self.pairwise_id_of(introduction.value().browser_id)
    }

    /// The same for lists that go to the partner of rows whose evidence covers that.
    pub(super) fn pairwise_id_of(&self, browser_id: BrowserId) -> String {
        let code = self.pairwise.sign(&[&browser_id.bytes()]);
        BASE64URL_NOPAD.encode(&code[..PAIRWISE_BYTES])
    }

    /// The partner's address; `None` where it has none, and for the page of ours.
    pub fn target(&self, target: Target) -> Option<&Template> {
        match target {
            Target::Image => self.image.as_ref(),
            Target::Iframe => self.iframe.as_ref(),
            Target::Callback(at) => self.callbacks.get(usize::from(at)).map(|(_, template)| template),
            Target::Pixel(at) => self.pixels.get(usize::from(at)),
            Target::Frame => None,
        }
    }

    /// Where `start` leads to: the callback of that name; without a name the image, or the iframe.
    pub fn target_named(&self, name: Option<&str>) -> Option<Target> {
        match name {
            Some(name) => {
                let at = self.callbacks.iter().position(|(known, _)| known == name)?;
                u8::try_from(at).ok().map(Target::Callback)
            }
            None if self.image.is_some() => Some(Target::Image),
            None => self.iframe.as_ref().map(|_| Target::Iframe),
        }
    }

    /// A text that this partner's ids look like.
    pub fn parse_user_id(&self, text: &str) -> Result<PartnerUserId, InvalidPartnerUserId> {
        if text.len() > self.id_chars_max {
            return Err(InvalidPartnerUserId::TooLong);
        }
        let id = PartnerUserId::parse(text, sha256)?;
        match &self.id_pattern {
            Some(pattern) if !pattern.is_match(text) => Err(InvalidPartnerUserId::Pattern),
            _ => Ok(id),
        }
    }

    /// Whether the partner signed this id within the last minutes.
    pub fn has_signed(&self, user_id: &str, signature: PartnerSignature<'_>, now: Timestamp) -> bool {
        let Some(key) = &self.signing_key else { return false };
        let digits = signature.time.bytes().all(|byte| byte.is_ascii_digit());
        let Some(time_s) = signature.time.parse::<u64>().ok().filter(|_| digits) else { return false };
        let is_fresh = (now.0 / 1_000).abs_diff(time_s) <= SIGNATURE_MINUTES_MAX * MS_PER_MINUTE / 1_000;
        let number = self.id.to_string();
        let parts = [number.as_bytes(), b"\n", user_id.as_bytes(), b"\n", signature.time.as_bytes()];
        let code = data_encoding::HEXLOWER_PERMISSIVE.decode(signature.code.as_bytes());
        is_fresh && code.is_ok_and(|code| key.verify(&parts, &code))
    }
}

/// Half of an HMAC-SHA-256.
const PAIRWISE_BYTES: usize = 16;
const SIGNATURE_MINUTES_MAX: u64 = 10;

/// All of them.
#[derive(Default)]
pub struct Partners {
    /// By priority, then by number.
    list: Vec<Partner>,
}

impl Partners {
    pub fn new(mut list: Vec<Partner>) -> Self {
        list.sort_by_key(|partner| (partner.priority, partner.id));
        Self { list }
    }

    /// By priority, then by number.
    pub fn iter(&self) -> impl Iterator<Item = &Partner> {
        self.list.iter()
    }

    pub fn get(&self, id: PartnerId) -> Option<&Partner> {
        self.list.iter().find(|partner| partner.id == id)
    }

    pub fn named(&self, name: &str) -> Option<&Partner> {
        self.list.iter().find(|partner| partner.name == name)
    }

    /// By its name, or by its number in digits.
    pub fn find(&self, text: &str) -> Option<&Partner> {
        self.named(text).or_else(|| self.get(text.parse().ok()?))
    }

    /// The same, if it takes part in cookie matching.
    pub fn find_matched(&self, text: &str) -> Result<&Partner, Invalid> {
        let partner = self.find(text).ok_or(Invalid::UnknownPartner)?;
        if partner.kinds.are_matched() { Ok(partner) } else { Err(Invalid::NotMatched) }
    }

    /// Those that take part in cookie matching, by priority, then by number.
    pub fn matched(&self) -> impl Iterator<Item = &Partner> {
        self.iter().filter(|partner| partner.kinds.are_matched())
    }
}

/// What a template is filled with besides our own values: what the request said about consent, to be passed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsentTexts<'q> {
    pub gdpr: Option<Cow<'q, str>>,
    pub gdpr_consent: Option<Cow<'q, str>>,
    pub us_privacy: Option<Cow<'q, str>>,
    pub gpp: Option<Cow<'q, str>>,
    pub gpp_sid: Option<Cow<'q, str>>,
}

impl ConsentTexts<'_> {
    /// Those that are there, by the names of their parameters.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let pairs = [
            ("gdpr", &self.gdpr),
            ("gdpr_consent", &self.gdpr_consent),
            ("us_privacy", &self.us_privacy),
            ("gpp", &self.gpp),
            ("gpp_sid", &self.gpp_sid),
        ];
        pairs.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }

    /// `None` for macros that are not about consent.
    pub fn value(&self, wanted: Macro) -> Option<Cow<'_, str>> {
        let field = match wanted {
            Macro::Gdpr => &self.gdpr,
            Macro::GdprConsent => &self.gdpr_consent,
            Macro::UsPrivacy => &self.us_privacy,
            Macro::Gpp => &self.gpp,
            Macro::GppSid => &self.gpp_sid,
            Macro::BrowserId | Macro::PartnerUserId | Macro::State | Macro::CacheBuster => return None,
        };
        Some(field.as_deref().map(Cow::Borrowed).unwrap_or_default())
    }
}
