//! All that one request says about consent.
//!
//! Every `see_*` only ever moves a signal towards the stricter side, so that neither the order nor the repetition
//! of headers, parameters and cookies can make a difference.

use std::borrow::Cow;

use super::prefs::{AccountPrefsView, MalformedPrefs, Prefs};
use super::us_privacy::UsPrivacySet;
use crate::domain::conversion::Country;

/// What was seen so far. Starts as a request that says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals<'q> {
    pub(super) speculative: bool,
    pub(super) crawler: bool,
    pub(super) opt_out_cookie: bool,
    pub(super) prefs: Prefs,
    pub(super) prefs_malformed: bool,
    pub(super) opted_out_id: bool,
    pub(super) adchoices: Vec<Cow<'q, str>>,
    pub(super) gpc: bool,
    pub(super) dnt: bool,
    pub(super) lat: bool,
    pub(super) coppa: bool,
    pub(super) gdpr: GdprFlag,
    pub(super) gdpr_consent: Vec<Cow<'q, str>>,
    /// All Additional Consent strings, with a space between them, which none of them has.
    pub(super) additional_consent: Option<Cow<'q, str>>,
    pub(super) gpp: Vec<Cow<'q, str>>,
    /// All lists of sections, joined by commas.
    pub(super) gpp_sid: Option<Cow<'q, str>>,
    pub(super) us_privacy: UsPrivacySet,
    pub(super) country: Option<Country>,
    literal_macros: u32,
    malformed_accounts: u32,
}

/// Whether the request says that GDPR applies, from lenient to strict. Saying both is saying yes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum GdprFlag {
    #[default]
    Absent,
    NotInScope,
    InScope,
}

impl<'q> Signals<'q> {
    /// Takes note of one header, whatever it is. `name` in any case.
    pub fn see_header(&mut self, name: &str, value: &'q [u8]) {
        let value = value.trim_ascii();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            3 if is("dnt") => self.dnt |= value.first() == Some(&b'1'),
            5 if is("x-moz") => self.speculative |= is_prefetch(value),
            7 if is("sec-gpc") => self.gpc |= value == b"1",
            7 if is("purpose") => self.speculative |= is_prefetch(value),
            7 if is("cookie2") => self.see_adchoices(value),
            11 if is("sec-purpose") => self.speculative |= is_prefetch(value),
            11 if is("x-adchoices") => self.see_adchoices(value),
            _ => {}
        }
    }

    /// Whether [`Self::see_parameter`] takes note of a parameter of this name.
    pub fn reads_parameter(name: &str) -> bool {
        Parameter::from_name(name).is_some()
    }

    /// Takes note of one query parameter, decoded once. An empty value and a macro that nobody filled in count
    /// as absent.
    pub fn see_parameter(&mut self, name: &str, value: impl Into<Cow<'q, str>>) {
        let Some(signal) = Parameter::from_name(name) else { return };
        let value = trimmed(value.into());
        if value.is_empty() {
            return;
        }
        if is_literal_macro(&value) {
            self.literal_macros = self.literal_macros.saturating_add(1);
            return;
        }
        match signal {
            Parameter::Gdpr => self.gdpr = self.gdpr.max(GdprFlag::parse(&value)),
            Parameter::GdprConsent => keep(&mut self.gdpr_consent, value),
            Parameter::AdditionalConsent => join(&mut self.additional_consent, ' ', value),
            Parameter::Gpp => keep(&mut self.gpp, value),
            Parameter::GppSid => join(&mut self.gpp_sid, ',', value),
            Parameter::UsPrivacy => self.us_privacy.add(&value),
            Parameter::Coppa => self.coppa |= value != "0",
            Parameter::AdChoices => keep(&mut self.adchoices, value),
            Parameter::Lat => self.lat |= value != "0",
        }
    }

    /// Bytes that are no text are a malformed signal, as is a text with a character that stands for them.
    fn see_adchoices(&mut self, value: &'q [u8]) {
        if !value.is_empty() {
            keep(&mut self.adchoices, String::from_utf8_lossy(value));
        }
    }

    /// Takes note of one cookie.
    pub fn see_cookie(&mut self, name: &str, value: &str) {
        match name {
            OPT_OUT_COOKIE => self.opt_out_cookie |= !matches!(value, "" | "0"),
            PREFS_COOKIE => match Prefs::parse(value) {
                Ok(prefs) => self.see_prefs(prefs),
                Err(MalformedPrefs) => self.prefs_malformed = true,
            },
            _ => {}
        }
    }

    /// Takes note of the account that the person is signed in to: `hash` is its id's SHA-256 in hexadecimal digits,
    /// decoded once. An empty one and a macro that nobody filled in count as absent, and so does what is no hash.
    pub fn see_account(&mut self, hash: &str, accounts: &dyn AccountPrefsView) {
        match hash.trim() {
            "" => {}
            hash if is_literal_macro(hash) => self.literal_macros = self.literal_macros.saturating_add(1),
            hash => match hash.parse() {
                Ok(account) => self.see_prefs(accounts.prefs_of(account)),
                Err(_) => self.malformed_accounts = self.malformed_accounts.saturating_add(1),
            },
        }
    }

    /// Takes note of settings, the cookie's or those of a signed-in account. The strictest count.
    pub const fn see_prefs(&mut self, prefs: Prefs) {
        self.prefs = self.prefs.stricter(prefs);
    }

    /// The country that the request comes from, as far as a trusted source knows.
    pub fn set_country(&mut self, country: Option<Country>) {
        self.country = country;
    }

    /// The user agent is a known crawler.
    pub fn mark_crawler(&mut self) {
        self.crawler = true;
    }

    /// One of several ids that the browser shows has opted out.
    pub fn mark_opted_out_id(&mut self) {
        self.opted_out_id = true;
    }

    /// Whether nobody sees what was fetched: it was fetched ahead of time, or by a crawler.
    pub const fn is_unseen(&self) -> bool {
        self.speculative || self.crawler
    }

    /// Whether the browser carries our opt-out cookie, or among several ids one that has opted out.
    pub const fn is_opted_out(&self) -> bool {
        self.opt_out_cookie || self.opted_out_id
    }

    /// Whether the browser sends Global Privacy Control.
    pub const fn has_gpc(&self) -> bool {
        self.gpc
    }

    /// Whether the browser sends Do Not Track.
    pub const fn has_dnt(&self) -> bool {
        self.dnt
    }

    pub const fn country(&self) -> Option<Country> {
        self.country
    }

    /// The strictest of the settings that could be read.
    pub const fn prefs(&self) -> Prefs {
        self.prefs
    }

    /// How often something else stood where an account's hash belongs.
    pub const fn malformed_accounts(&self) -> u32 {
        self.malformed_accounts
    }

    /// How many consent parameters held a macro that nobody had filled in.
    pub const fn literal_macros(&self) -> u32 {
        self.literal_macros
    }
}

/// The same for everyone, so it identifies nobody.
pub const OPT_OUT_COOKIE: &str = "pg_optout";
/// Holds [`Prefs`] as they are written.
pub const PREFS_COOKIE: &str = "pg_prefs";

/// The query parameter for [`Signals::see_account`].
pub const ACCOUNT_PARAMETER: &str = "hashed_account_id";

enum Parameter {
    Gdpr,
    GdprConsent,
    AdditionalConsent,
    Gpp,
    GppSid,
    UsPrivacy,
    Coppa,
    AdChoices,
    Lat,
}

impl Parameter {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "gdpr" => Self::Gdpr,
            "gdpr_consent" => Self::GdprConsent,
            "addtl_consent" => Self::AdditionalConsent,
            "gpp" => Self::Gpp,
            "gpp_sid" => Self::GppSid,
            "us_privacy" | "ccpa" | "usp" => Self::UsPrivacy,
            "coppa" => Self::Coppa,
            "adchoices_signal" => Self::AdChoices,
            "lat" => Self::Lat,
            _ => return None,
        })
    }
}

impl GdprFlag {
    fn parse(value: &str) -> Self {
        if value == "0" { Self::NotInScope } else { Self::InScope }
    }
}

/// The same text twice says no more than once, and is not read twice.
fn keep<'q>(texts: &mut Vec<Cow<'q, str>>, text: Cow<'q, str>) {
    if !texts.contains(&text) {
        texts.push(text);
    }
}

/// Lists add up.
fn join<'q>(known: &mut Option<Cow<'q, str>>, separator: char, text: Cow<'q, str>) {
    *known = Some(match known.take() {
        Some(known) if known == text => known,
        Some(known) => Cow::Owned(format!("{known}{separator}{text}")),
        None => text,
    });
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// `prefetch`, and what follows it: `prefetch;prerender`, `prefetch;anonymous-client-ip`.
fn is_prefetch(value: &[u8]) -> bool {
    value.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"prefetch"))
}

/// `${GDPR_CONSENT_123}`, `{{gdpr}}`, and the former encoded once more.
fn is_literal_macro(value: &str) -> bool {
    let encoded = value.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("%24%7b"));
    encoded || value.starts_with("${") || value.starts_with("{{")
}

#[cfg(test)]
mod tests {
    use super::super::prefs::Setting;
    use super::*;
    use crate::domain::id::HashedAccountId;

    fn parameters<'q>(pairs: &[(&str, &'q str)]) -> Signals<'q> {
        let mut signals = Signals::default();
        for (name, value) in pairs {
            signals.see_parameter(name, *value);
        }
        signals
    }

    fn headers<'q>(pairs: &[(&str, &'q str)]) -> Signals<'q> {
        let mut signals = Signals::default();
        for (name, value) in pairs {
            signals.see_header(name, value.as_bytes());
        }
        signals
    }

    #[test]
    fn order_and_repetition_make_no_difference() {
        let pairs = [
            ("gdpr", "0"),
            ("gdpr", "1"),
            ("us_privacy", "1YYN"),
            ("usp", "1YNN"),
            ("lat", "1"),
            ("lat", "0"),
        ];
        let forwards = parameters(&pairs);
        let mut backwards = pairs;
        backwards.reverse();
        assert_eq!(forwards, parameters(&backwards));
        assert_eq!(forwards, parameters(&[pairs, backwards].concat()));
        assert_eq!(forwards.gdpr, GdprFlag::InScope);
    }

    #[test]
    fn gpc_is_exactly_1_and_dnt_starts_with_1() {
        assert!(headers(&[("Sec-GPC", "0"), ("sec-gpc", " 1 ")]).gpc);
        assert!(!headers(&[("Sec-GPC", "10"), ("Sec-GPC", "true")]).gpc);
        assert!(headers(&[("DNT", "1x")]).dnt);
        assert!(!headers(&[("DNT", "0"), ("DNT", "")]).dnt);
    }

    #[test]
    fn prefetches_are_known_by_three_headers() {
        for (name, value) in
            [("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Moz", "Prefetch")]
        {
            assert!(headers(&[(name, value)]).speculative, "{name}");
        }
        assert!(!headers(&[("Purpose", "preview"), ("Sec-Purpose", "")]).speculative);
    }

    #[test]
    fn macros_that_nobody_filled_in_count_as_absent() {
        let signals = parameters(&[
            ("gdpr", "${GDPR}"),
            ("gpp", "{{gpp}}"),
            ("us_privacy", "%24%7BUS_PRIVACY}"),
            ("usp", ""),
        ]);
        assert_eq!(signals.literal_macros(), 3);
        assert_eq!(Signals { literal_macros: 0, ..signals }, Signals::default());
    }

    struct Accounts;

    impl AccountPrefsView for Accounts {
        fn prefs_of(&self, account: HashedAccountId) -> Prefs {
            let off = if account.bytes() == [17; 32] { Setting::ALL } else { [Setting::Web; 4] };
            off.into_iter().fold(Prefs::default(), Prefs::without)
        }
    }

    #[test]
    fn of_cookie_and_account_the_stricter_counts_in_any_order() {
        let web_off = "ab".repeat(32);
        let mut signals = Signals::default();
        signals.see_account(&web_off, &Accounts);
        signals.see_cookie(PREFS_COOKIE, "0100");
        assert_eq!(signals.prefs().to_string(), "0101");
        signals.see_account(&format!(" {} ", "11".repeat(32)), &Accounts);
        signals.see_account(&web_off, &Accounts);
        assert_eq!(signals.prefs().to_string(), "1111");
        assert_eq!((signals.malformed_accounts(), signals.literal_macros()), (0, 0));
    }

    #[test]
    fn what_is_no_hash_of_an_account_counts_as_absent() {
        let mut signals = Signals::default();
        for hash in
            ["", " ", "${ACCOUNT}", "{{id}}", "jane@shop.example", "1", &"11".repeat(31), &"1g".repeat(32)]
        {
            signals.see_account(hash, &Accounts);
        }
        assert_eq!(signals.prefs(), Prefs::default());
        assert_eq!((signals.malformed_accounts(), signals.literal_macros()), (4, 2));
    }

    #[test]
    fn cookies_are_read_strictly() {
        let mut signals = Signals::default();
        signals.see_cookie(OPT_OUT_COOKIE, "0");
        signals.see_cookie(PREFS_COOKIE, "0000");
        assert_eq!(signals, Signals::default());
        signals.see_cookie(PREFS_COOKIE, "what");
        assert!(signals.prefs_malformed && signals.prefs == Prefs::default());
        signals.see_cookie(PREFS_COOKIE, "1000");
        signals.see_cookie(PREFS_COOKIE, "0001");
        signals.see_cookie(OPT_OUT_COOKIE, "1");
        signals.see_cookie(OPT_OUT_COOKIE, "0");
        assert!(signals.prefs_malformed && signals.opt_out_cookie);
        assert_eq!(signals.prefs.to_string(), "1001");
    }
}
