//! Google's Additional Consent string: consent to companies that are not on the vendor list, by their ids in Google's
//! list of ad technology providers.
//!
//! Source: "Google's Additional Consent technical specification", versions 1 and 2. It goes with a TC string and says
//! nothing about purposes.

use std::fmt;

/// `1~ids` or `2~ids~dv.ids`, ids separated by dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdditionalConsent<'a> {
    version: u8,
    consented: &'a str,
    /// Disclosed and not consented to; `None` in version 1.
    refused: Option<&'a str>,
}

impl<'a> AdditionalConsent<'a> {
    /// Strict: another version, a part more or less, or anything but decimal ids is an error.
    pub fn parse(text: &'a str) -> Result<Self, AdditionalConsentError> {
        if text.len() > ADDITIONAL_CONSENT_BYTES_MAX {
            return Err(AdditionalConsentError::TooLong);
        }
        let (version, rest) = text.split_once('~').ok_or(AdditionalConsentError::Malformed)?;
        let (version, consented, refused) = match version {
            "1" => (1, rest, None),
            "2" => {
                let (consented, refused) =
                    rest.split_once("~dv.").ok_or(AdditionalConsentError::Malformed)?;
                (2, consented, Some(refused))
            }
            _ => return Err(AdditionalConsentError::Version),
        };
        if !is_list(consented) || !refused.is_none_or(is_list) {
            return Err(AdditionalConsentError::Malformed);
        }
        Ok(Self { version, consented, refused })
    }

    pub const fn version(self) -> u8 {
        self.version
    }

    /// Never for one that the string also has among those without consent.
    pub fn consented(self, provider: u32) -> bool {
        contains(self.consented, provider) && !self.refused.is_some_and(|refused| contains(refused, provider))
    }

    /// `None`: a string of version 1 doesn't say who was disclosed.
    pub fn disclosed(self, provider: u32) -> Option<bool> {
        let refused = self.refused?;
        Some(contains(self.consented, provider) || contains(refused, provider))
    }
}

/// Why a text is no Additional Consent string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdditionalConsentError {
    TooLong,
    Version,
    Malformed,
}

impl fmt::Display for AdditionalConsentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {ADDITIONAL_CONSENT_BYTES_MAX} bytes"),
            Self::Version => write!(f, "neither version 1 nor 2"),
            Self::Malformed => write!(f, "neither 1~ids nor 2~ids~dv.ids"),
        }
    }
}

impl std::error::Error for AdditionalConsentError {}

/// Room for three times as many providers as Google lists.
pub const ADDITIONAL_CONSENT_BYTES_MAX: usize = 16 * 1024;

/// No ids at all, or dots between ids of up to 9 digits, which is more than any is and less than a `u32` holds.
fn is_list(ids: &str) -> bool {
    let is_id = |id: &str| (1..=9).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    ids.is_empty() || ids.split('.').all(is_id)
}

fn contains(ids: &str, provider: u32) -> bool {
    ids.split('.').any(|id| id.parse() == Ok(provider))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn consent_and_disclosure_are_told_apart() {
        let both = AdditionalConsent::parse("2~1.35.41.101~dv.9.21.35").unwrap();
        for (id, consented, disclosed) in [
            (1, true, true),
            (101, true, true),
            (9, false, true),
            (35, false, true),
            (10, false, false),
            (0, false, false),
        ] {
            assert_eq!((both.consented(id), both.disclosed(id)), (consented, Some(disclosed)), "{id}");
        }
        let first = AdditionalConsent::parse("1~1.35.41").unwrap();
        assert_eq!(
            (first.version(), first.consented(35), first.consented(4), first.disclosed(35)),
            (1, true, false, None)
        );
    }

    #[test]
    fn lists_may_be_empty() {
        for text in ["1~", "2~~dv.", "2~1~dv.", "2~~dv.1"] {
            let string = AdditionalConsent::parse(text).unwrap();
            assert_eq!(string.consented(1), text == "2~1~dv.", "{text:?}");
            assert!(!string.consented(0), "{text:?}");
        }
    }

    #[test]
    fn whatever_else_is_malformed() {
        for text in [
            "",
            "1",
            "2",
            "1~1~",
            "1~1~dv.2",
            "2~1",
            "2~1~",
            "2~1~2",
            "2~1~dv",
            "2~1~dv2",
            "2~1~dv.2~",
            "2~1~dv.2~dv.3",
            "1~1..2",
            "1~.1",
            "1~1.",
            "1~a",
            "1~+1",
            "1~-1",
            "1~ 1",
            "1~1234567890",
            "2~1~dv..",
            "2~1.~dv.2",
        ] {
            assert_eq!(AdditionalConsent::parse(text), Err(AdditionalConsentError::Malformed), "{text:?}");
        }
        for text in ["3~1~dv.2", "0~1", "01~1", "~1", "one~1"] {
            assert_eq!(AdditionalConsent::parse(text), Err(AdditionalConsentError::Version), "{text:?}");
        }
    }

    #[test]
    fn a_string_may_be_so_long_and_no_longer() {
        let mut text = format!("1~{}", "12345678.".repeat(ADDITIONAL_CONSENT_BYTES_MAX.div_ceil(9)));
        text.truncate(ADDITIONAL_CONSENT_BYTES_MAX - 1);
        text.push('1');
        assert_eq!(AdditionalConsent::parse(&text).map(|string| string.consented(12_345_678)), Ok(true));
        text.push('1');
        assert_eq!(AdditionalConsent::parse(&text), Err(AdditionalConsentError::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9~.dv]{0,30}|.*", id: u32) {
            if let Ok(string) = AdditionalConsent::parse(&text) {
                prop_assert!(!string.consented(id) || string.disclosed(id) != Some(false));
            }
        }
    }
}
