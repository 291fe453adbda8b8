//! Whether a partner sends browsers back to us with its id for them, tried with a browser that does not exist.
//!
//! Nothing of it is stored, and no id of ours is in it.

use std::borrow::Cow;

use data_encoding::BASE64URL_NOPAD;
use form_urlencoded::parse;

use super::partners::{Partner, Target};
use crate::domain::partner::InvalidPartnerUserId;
use crate::domain::template::Macro;
use crate::domain::time::Rng;

/// A visit to one of a partner's addresses.
pub struct Probe {
    /// Of the partner, with every macro filled as for a browser.
    pub address: String,
    state: String,
    /// Whether the partner was given a state to bring back.
    has_state: bool,
}

/// What an address of ours that a partner leads back to says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// `None` where there is no id at all.
    pub user_id: Option<Result<(), InvalidPartnerUserId>>,
    pub state: BackState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackState {
    /// The template has no `{state}`.
    NotGiven,
    Kept,
    Lost,
}

impl Probe {
    /// `None` where the partner has no such address.
    pub fn new(partner: &Partner, target: Target, rng: &dyn Rng) -> Option<Self> {
        let template = partner.target(target)?;
        let [browser_id, state, cachebuster] = [16, 35, 8].map(|bytes| made_up(rng, bytes));
        let address = template.fill(|wanted| match wanted {
            Macro::BrowserId => Cow::Borrowed(&*browser_id),
            Macro::State => Cow::Borrowed(&*state),
            Macro::CacheBuster => Cow::Borrowed(&*cachebuster),
            Macro::Gdpr => Cow::Borrowed("0"),
            Macro::PartnerUserId | Macro::GdprConsent | Macro::UsPrivacy | Macro::Gpp | Macro::GppSid => {
                Cow::Borrowed("")
            }
        });
        Some(Self { address, state, has_state: template.has(Macro::State) })
    }

    /// What `address` says, if it is one of ours for this partner: `/match/{partner}`, `/i/adsct` or `/setuid`.
    pub fn read(&self, partner: &Partner, address: &str) -> Option<Back> {
        let (_, tail) = address.split_once("://")?;
        let (_, tail) = tail.split_once('/')?;
        let tail = tail.split('#').next()?;
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let value =
            |name: &str| parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value);
        let is_partner = |text: &str| text == partner.name || text == partner.id.to_string();
        let user_id = match path {
            "i/adsct" | "1/i/adsct" if value("p_id").is_some_and(|id| is_partner(&id)) => value("p_user_id"),
            "setuid" if value("bidder").is_some_and(|bidder| is_partner(&bidder)) => value("uid"),
            _ if path.strip_prefix("match/").is_some_and(is_partner) => value("uid"),
            _ => return None,
        };
        let state = match value("state") {
            _ if !self.has_state => BackState::NotGiven,
            Some(state) if state == self.state => BackState::Kept,
            _ => BackState::Lost,
        };
        let user_id = user_id.filter(|id| !id.is_empty());
        Some(Back { user_id: user_id.map(|id| partner.parse_user_id(&id).map(drop)), state })
    }
}

/// As long as what it stands for, and of the same letters.
fn made_up(rng: &dyn Rng, bytes: usize) -> String {
    let mut random = vec![0; bytes];
    rng.fill(&mut random);
    BASE64URL_NOPAD.encode(&random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::PartnerId;
    use crate::domain::partner::{PartnerKinds, PartnerListing};
    use crate::domain::template::Template;
    use crate::service::crypto::SystemRng;
    use crate::service::partners::PartnerSettings;
    use crate::service::targeting::TargetingTerms;

    fn partner(image: &str) -> Partner {
        let settings = PartnerSettings {
            id: PartnerId::from_number(222),
            name: "strict".into(),
            kinds: PartnerKinds::default(),
            listing: PartnerListing::Unlisted,
            takes_unsigned: false,
            id_pattern: Some(regex::Regex::new("^(?:[a-z]{3})$").expect("a pattern")),
            id_chars_max: 64,
            image: Some(Template::parse(image).expect("a template")),
            iframe: None,
            pixels: Vec::new(),
            limit: None,
            callbacks: Vec::new(),
            priority: 1,
            rematch_after_ms: 1,
            pairwise_epoch: 1,
            targeting: TargetingTerms { source: None, expires_after_ms: 1 },
        };
        Partner::new(settings, &[7; 32], None)
    }

    #[track_caller]
    fn check(address: &str, expect: Option<Back>) {
        let partner = partner("https://partner.example/sync?puid={browser_id}&state={state}&gdpr={gdpr}");
        let probe = Probe::new(&partner, Target::Image, &SystemRng::new()).expect("it has an image");
        assert!(probe.address.starts_with("https://partner.example/sync?puid="), "{}", probe.address);
        assert!(!probe.address.contains('{') && probe.address.ends_with("&gdpr=0"), "{}", probe.address);
        let address = address.replace("STATE", &probe.state);
        assert_eq!(probe.read(&partner, &address), expect, "{address}");
    }

    #[test]
    fn only_what_the_endpoints_would_take_counts() {
        let back = |user_id, state| Some(Back { user_id, state });
        let good = || back(Some(Ok(())), BackState::Kept);
        check("https://px.example/match/strict?uid=abc&state=STATE", good());
        check("https://px.example/match/222?uid=abc&state=STATE", good());
        check("https://px.example/i/adsct?p_id=222&p_user_id=abc&state=STATE", good());
        check("https://px.example/setuid?bidder=strict&uid=abc&state=STATE#top", good());
        check("https://px.example/match/strict?uid=abc", back(Some(Ok(())), BackState::Lost));
        check("https://px.example/match/strict?uid=abc&state=forged", back(Some(Ok(())), BackState::Lost));
        check("https://px.example/match/strict?state=STATE", back(None, BackState::Kept));
        check("https://px.example/match/strict?uid=&state=STATE", back(None, BackState::Kept));
        let invalid = |why| back(Some(Err(why)), BackState::Kept);
        check("https://px.example/match/strict?uid=%24UID&state=STATE", invalid(InvalidPartnerUserId::Macro));
        check("https://px.example/match/strict?uid=ABC&state=STATE", invalid(InvalidPartnerUserId::Pattern));
        check("https://px.example/match/other?uid=abc&state=STATE", None);
        check("https://px.example/i/adsct?p_id=111&p_user_id=abc", None);
        check("https://partner.example/again?uid=abc&state=STATE", None);
        check("nonsense", None);
    }
}
