//! The languages of the pages, and which of them a reader wants.

use super::english::ENGLISH;
use super::french::FRENCH;
use super::german::GERMAN;
use super::spanish::SPANISH;
use super::texts::Texts;
use crate::http::request::Head;
use crate::http::visitor;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    German,
    French,
    Spanish,
}

impl Language {
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::French, Self::Spanish];

    /// What the address asks for (`?lang=de`), else what the browser prefers.
    pub fn of(head: &Head<'_>) -> Self {
        let chosen = visitor::parameters(head).find_map(|(name, value)| {
            (name == LANGUAGE_PARAMETER).then(|| Self::from_tag(&visitor::decode(value))).flatten()
        });
        let preferred = || head.header("accept-language").and_then(Self::preferred);
        chosen.or_else(preferred).unwrap_or_default()
    }

    /// BCP 47.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }

    /// In the language itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::French => "Français",
            Self::Spanish => "Español",
        }
    }

    pub const fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
            Self::French => &FRENCH,
            Self::Spanish => &SPANISH,
        }
    }

    /// Of `de`, `de-AT` and `DE_de` the language; what follows it makes no difference here.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The one of the highest weight in `Accept-Language` (RFC 9110, section 12.5.4); of equal ones the first.
    fn preferred(header: &str) -> Option<Self> {
        let mut best = None;
        for range in header.split(',').take(RANGES_MAX) {
            let mut parts = range.split(';').map(str::trim);
            let language = Self::from_tag(parts.next().unwrap_or_default());
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            if let (Some(language), Ok(weight)) = (language, weight)
                && weight > best.map_or(0.0, |(_, weight)| weight)
            {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

/// In the query of our pages, and in their forms.
pub const LANGUAGE_PARAMETER: &str = "lang";

/// No reader lists more.
const RANGES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[track_caller]
    fn check(query: &str, accept: Option<&str>, expect: Language) {
        let headers: Vec<_> =
            accept.map(|accept| ("Accept-Language", accept.as_bytes())).into_iter().collect();
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let head =
            Head { method: "GET", path: "/", query, headers: &headers, client, via_trusted_proxy: false };
        assert_eq!(Language::of(&head), expect, "{query:?} {accept:?}");
    }

    #[test]
    fn the_browser_says_which_language() {
        check("", None, Language::English);
        check("", Some("de-AT,de;q=0.9,en;q=0.8"), Language::German);
        check("", Some("pt, fr;q=0.5, es;q=0.7, en;q=0.3"), Language::Spanish);
        check("", Some("fr;q=0, en;q=0.1"), Language::English);
        check("", Some("fr, de"), Language::French);
        check("", Some("*"), Language::English);
        for odd in ["", ";;;", "de;q=x", "q=1", "ñ", "de;q=nan", "dexter"] {
            check("", Some(odd), Language::English);
        }
    }

    #[test]
    fn the_address_has_the_last_word() {
        check("lang=fr", Some("de"), Language::French);
        check("a=b&lang=ES", None, Language::Spanish);
        check("lang=xx", Some("de"), Language::German);
    }
}
