//! Every text of the pages, once a language. A language that lacks one does not compile.

use crate::consent::evidence::Basis;
use crate::domain::event::EventType;

/// The texts of one language.
#[derive(Debug)]
pub struct Texts {
    pub skip: &'static str,
    pub languages: &'static str,
    pub pages: &'static str,
    pub privacy: PrivacyTexts,
    pub opt_out: OptOutTexts,
    pub state: StateTexts,
    pub settings: SettingsTexts,
    pub reach: ReachTexts,
    pub data: DataTexts,
    pub receipt: ReceiptTexts,
    pub why: WhyTexts,
    pub events: EventTexts,
    /// Of dates: `22 Nov 2026, 09:41`.
    pub months: [&'static str; 12],
    /// Behind the day's number.
    pub day_mark: &'static str,
    pub decimal_mark: char,
}

/// Of the privacy page as a whole.
#[derive(Debug)]
pub struct PrivacyTexts {
    pub title: &'static str,
    pub intro: &'static str,
    pub saved: &'static str,
    pub opted_out: &'static str,
    pub opted_in: &'static str,
    pub erased: &'static str,
}

/// Of the page that only opts out.
#[derive(Debug)]
pub struct OptOutTexts {
    pub title: &'static str,
    pub title_done: &'static str,
    pub text: &'static str,
    pub text_done: &'static str,
    pub kept: &'static str,
    pub link: &'static str,
}

/// What holds for the browser at the moment.
#[derive(Debug)]
pub struct StateTexts {
    pub heading: &'static str,
    pub on: &'static str,
    /// By a signal, which every site sends along.
    pub off: &'static str,
    /// By a cookie, which some do not.
    pub off_by_choice: &'static str,
    pub by_opt_out: &'static str,
    pub by_setting: &'static str,
    pub by_gpc: &'static str,
    pub by_dnt: &'static str,
    pub no_signal: &'static str,
    pub opt_out_text: &'static str,
    pub opt_out: &'static str,
    pub opt_in_text: &'static str,
    pub opt_in: &'static str,
}

#[derive(Debug)]
pub struct SettingsTexts {
    pub heading: &'static str,
    pub intro: &'static str,
    pub legend: &'static str,
    /// What each one is called and what it does, in the order of the cookie.
    pub each: [(&'static str, &'static str); 4],
    pub save: &'static str,
}

/// Which sites and browsers a choice reaches.
#[derive(Debug)]
pub struct ReachTexts {
    pub heading: &'static str,
    /// The browser shows an id that it has shown on another site.
    pub everywhere: &'static str,
    /// It did not, which says nothing.
    pub unknown: &'static str,
    pub record: &'static str,
    pub not: &'static str,
    pub gpc: &'static str,
}

#[derive(Debug)]
pub struct DataTexts {
    pub heading: &'static str,
    pub no_id: &'static str,
    pub nothing: &'static str,
    pub some: &'static str,
    pub more: &'static str,
    pub busy: &'static str,
    pub unreadable: &'static str,
    pub when: &'static str,
    pub what: &'static str,
    pub site: &'static str,
    pub amount: &'static str,
    pub why: &'static str,
    pub opted_out: &'static str,
    pub opted_in: &'static str,
    pub embed: &'static str,
    pub matched: &'static str,
    pub unmatched: &'static str,
    pub audiences: &'static str,
    pub audiences_text: &'static str,
    pub advertiser: &'static str,
    pub audience: &'static str,
    pub partner: &'static str,
    /// An audience without a name.
    pub everybody: &'static str,
    pub ad_view: &'static str,
    pub ad_click: &'static str,
    pub download: &'static str,
    pub download_text: &'static str,
    pub erase: &'static str,
    pub erase_text: &'static str,
}

/// Of the receipt for a choice, which itself is in English.
#[derive(Debug)]
pub struct ReceiptTexts {
    pub heading: &'static str,
    pub text: &'static str,
    pub as_text: &'static str,
    pub as_json: &'static str,
    pub key: &'static str,
}

/// Why something was permitted.
#[derive(Debug)]
pub struct WhyTexts {
    pub not_required: &'static str,
    pub not_opted_out: &'static str,
    pub without_identifiers: &'static str,
    pub consent: &'static str,
    pub legitimate_interest: &'static str,
    pub default: &'static str,
    pub own_choice: &'static str,
}

impl WhyTexts {
    pub const fn of(&self, basis: Option<Basis>) -> &'static str {
        match basis {
            Some(Basis::NotRequired) => self.not_required,
            Some(Basis::NotOptedOut) => self.not_opted_out,
            Some(Basis::WithoutIdentifiers) => self.without_identifiers,
            Some(Basis::Consent) => self.consent,
            Some(Basis::LegitimateInterest) => self.legitimate_interest,
            Some(Basis::Default) => self.default,
            None => self.own_choice,
        }
    }
}

/// What can have happened on a site.
#[derive(Debug)]
pub struct EventTexts {
    pub added_payment_info: &'static str,
    pub add_to_cart: &'static str,
    pub add_to_wishlist: &'static str,
    pub checkout_initiated: &'static str,
    pub content_view: &'static str,
    pub custom: &'static str,
    pub download: &'static str,
    pub product_customization: &'static str,
    pub purchase: &'static str,
    pub search: &'static str,
    pub sign_up: &'static str,
    pub site_visit: &'static str,
    pub start_trial: &'static str,
    pub subscribe: &'static str,
}

impl EventTexts {
    pub const fn of(&self, event: EventType) -> &'static str {
        match event {
            EventType::AddedPaymentInfo => self.added_payment_info,
            EventType::AddToCart => self.add_to_cart,
            EventType::AddToWishlist => self.add_to_wishlist,
            EventType::CheckoutInitiated => self.checkout_initiated,
            EventType::ContentView => self.content_view,
            EventType::Custom => self.custom,
            EventType::Download => self.download,
            EventType::ProductCustomization => self.product_customization,
            EventType::Purchase => self.purchase,
            EventType::Search => self.search,
            EventType::SignUp => self.sign_up,
            EventType::SiteVisit => self.site_visit,
            EventType::StartTrial => self.start_trial,
            EventType::Subscribe => self.subscribe,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::http::pages::language::Language;

    /// Words that two languages share.
    const SHARED: [&str; 4] = ["Download", "Pages", "Site", ""];

    fn texts(language: Language) -> Vec<String> {
        let all = format!("{:?}", language.texts());
        all.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_language_has_every_text_in_its_own_words() {
        let english = texts(Language::English);
        assert!(english.len() > 80, "the texts have lost their fields");
        for language in [Language::German, Language::French, Language::Spanish] {
            let own = texts(language);
            assert_eq!(own.len(), english.len());
            let months_at = own.len() - 13;
            for (own, english) in own.iter().zip(&english).take(months_at) {
                assert!(!own.is_empty() && !own.contains("  ") && own.trim() == own, "{language:?}: {own:?}");
                assert!(own != english || SHARED.contains(&&**own), "{language:?}: {own:?} is English");
            }
        }
    }
}
