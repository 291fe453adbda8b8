//! Web event types, and the names that tags send for them.

use std::fmt;

/// What happened on the page, as an event tag counts it. The names are those of the web event tag API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventType {
    AddedPaymentInfo,
    AddToCart,
    AddToWishlist,
    CheckoutInitiated,
    ContentView,
    Custom,
    Download,
    ProductCustomization,
    Purchase,
    Search,
    SignUp,
    SiteVisit,
    StartTrial,
    Subscribe,
}

impl EventType {
    pub const ALL: [Self; 14] = [
        Self::AddedPaymentInfo,
        Self::AddToCart,
        Self::AddToWishlist,
        Self::CheckoutInitiated,
        Self::ContentView,
        Self::Custom,
        Self::Download,
        Self::ProductCustomization,
        Self::Purchase,
        Self::Search,
        Self::SignUp,
        Self::SiteVisit,
        Self::StartTrial,
        Self::Subscribe,
    ];

    /// `PURCHASE`, as configuration, API and export write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddedPaymentInfo => "ADDED_PAYMENT_INFO",
            Self::AddToCart => "ADD_TO_CART",
            Self::AddToWishlist => "ADD_TO_WISHLIST",
            Self::CheckoutInitiated => "CHECKOUT_INITIATED",
            Self::ContentView => "CONTENT_VIEW",
            Self::Custom => "CUSTOM",
            Self::Download => "DOWNLOAD",
            Self::ProductCustomization => "PRODUCT_CUSTOMIZATION",
            Self::Purchase => "PURCHASE",
            Self::Search => "SEARCH",
            Self::SignUp => "SIGN_UP",
            Self::SiteVisit => "SITE_VISIT",
            Self::StartTrial => "START_TRIAL",
            Self::Subscribe => "SUBSCRIBE",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// What the tag's event name stands for: `purchase`, `addtocart`, `Page View`. Letter case, spaces, `_` and
    /// `-` make no difference, because the generations of tags disagree on them.
    pub fn from_wire(name: &str) -> Option<Self> {
        let mut plain = [0_u8; WIRE_NAME_CHARS_MAX];
        let mut length = 0;
        for byte in name.trim().bytes().filter(|byte| !matches!(byte, b' ' | b'_' | b'-')) {
            *plain.get_mut(length)? = byte.to_ascii_lowercase();
            length += 1;
        }
        let plain = std::str::from_utf8(&plain[..length]).ok()?;
        WIRE_NAMES.iter().find(|(wire, _)| *wire == plain).map(|&(_, event)| event)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const WIRE_NAME_CHARS_MAX: usize = 32;

/// The names that oct.js and uwt.js of all versions send, and the API's own without their underscores. The most
/// frequent come first.
const WIRE_NAMES: &[(&str, EventType)] = &[
    ("pageview", EventType::SiteVisit),
    ("purchase", EventType::Purchase),
    ("viewcontent", EventType::ContentView),
    ("contentview", EventType::ContentView),
    ("search", EventType::Search),
    ("addtocart", EventType::AddToCart),
    ("addtowishlist", EventType::AddToWishlist),
    ("initiatecheckout", EventType::CheckoutInitiated),
    ("checkoutinitiated", EventType::CheckoutInitiated),
    ("addpaymentinfo", EventType::AddedPaymentInfo),
    ("addedpaymentinfo", EventType::AddedPaymentInfo),
    ("completeregistration", EventType::SignUp),
    ("signup", EventType::SignUp),
    ("lead", EventType::SignUp),
    ("download", EventType::Download),
    ("sitevisit", EventType::SiteVisit),
    ("customizeproduct", EventType::ProductCustomization),
    ("productcustomization", EventType::ProductCustomization),
    ("starttrial", EventType::StartTrial),
    ("subscribe", EventType::Subscribe),
    ("custom", EventType::Custom),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_has_its_own_name_and_is_reachable_from_the_wire() {
        for event in EventType::ALL {
            assert_eq!(EventType::from_name(event.name()), Some(event));
            assert_eq!(EventType::from_wire(event.name()), Some(event), "{event}");
        }
    }

    #[test]
    fn tags_may_spell_names_as_they_like() {
        for (wire, event) in [
            ("PageView", EventType::SiteVisit),
            (" add_to_cart ", EventType::AddToCart),
            ("Complete Registration", EventType::SignUp),
            ("view-content", EventType::ContentView),
        ] {
            assert_eq!(EventType::from_wire(wire), Some(event), "{wire:?}");
        }
        for wire in ["", "nosuchevent", &"p".repeat(33), "purchäse"] {
            assert_eq!(EventType::from_wire(wire), None, "{wire:?}");
        }
    }
}
