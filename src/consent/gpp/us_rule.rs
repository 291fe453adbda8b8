//! What in a section of the United States means no.

use std::fmt;

use super::layout::Field::{
    Gpc, KnownChildSensitiveDataConsents, MspaMode, MspaServiceProviderMode, PersonalDataConsents,
    ProcessingNotice, SaleOptOut, SaleOptOutNotice, SharingNotice, SharingOptOut, SharingOptOutNotice,
    TargetedAdvertisingOptOut, TargetedAdvertisingOptOutNotice,
};
use super::us::UsSection;

macro_rules! us_reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal: $($field:ident = $value:literal)&&+;)*) => {
        /// One clause of the rule for the United States. Order is that of the rule, and decides which one is told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum UsReason {
            $($(#[$doc])* $name,)*
        }

        impl UsReason {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// A stable word for machines.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// A sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether `section` says so. A field that the section lacks says nothing.
            pub fn holds(self, section: &UsSection) -> bool {
                let any = |field, value: u8| section.values(field).contains(&value);
                match self { $(Self::$name => $(any($field, $value))&&+,)* }
            }
        }
    };
}

us_reasons! {
    ServiceProvider = "service-provider", "the site works as a service provider only":
        MspaServiceProviderMode = 1;
    GlobalPrivacyControl = "gpc", "Global Privacy Control is on":
        Gpc = 1;
    SaleOptedOut = "sale-opt-out", "the person opted out of the sale of their data":
        SaleOptOut = 1;
    SaleUnnoticed = "sale-no-notice", "no notice was given of the right to opt out of sale":
        SaleOptOutNotice = 2;
    SaleNoticeUnclear = "sale-notice-na", "an answer about sale, but no notice that asked for it":
        SaleOptOutNotice = 0 && SaleOptOut = 2;
    SharingUntold = "sharing-not-told", "no notice was given that data is shared":
        SharingNotice = 2;
    SharingUnnoticed = "sharing-no-notice", "no notice was given of the right to opt out of sharing":
        SharingOptOutNotice = 2;
    SharingNoticeUnclear = "sharing-notice-na", "an answer about sharing, but no notice that asked for it":
        SharingOptOutNotice = 0 && SharingOptOut = 2;
    SharingUntoldUnclear = "sharing-told-na", "an answer about sharing, but no notice that data is shared":
        SharingNotice = 0 && SharingOptOut = 2;
    SharingOptedOut = "sharing-opt-out", "the person opted out of sharing":
        SharingOptOut = 1;
    AdvertisingUnnoticed = "advertising-no-notice", "no notice was given of the right to opt out of targeted advertising":
        TargetedAdvertisingOptOutNotice = 2;
    AdvertisingOptedOut = "advertising-opt-out", "the person opted out of targeted advertising":
        TargetedAdvertisingOptOut = 1;
    AdvertisingNoticeUnclear = "advertising-notice-na", "an answer about targeted advertising, but no notice that asked for it":
        TargetedAdvertisingOptOutNotice = 0 && TargetedAdvertisingOptOut = 2;
    /// Also denies as one of the rules about children.
    KnownChildRefused = "known-child-no-consent", "the person is known to be a child, without consent":
        KnownChildSensitiveDataConsents = 1;
    /// Also denies as one of the rules about children.
    KnownChild = "known-child", "the person is known to be a child":
        KnownChildSensitiveDataConsents = 2;
    PersonalData = "personal-data", "consent was given to uses beyond what was told, which is no basis here":
        PersonalDataConsents = 2;
    ProcessingUntold = "processing-not-told", "no notice was given that data is processed":
        ProcessingNotice = 2;
    ServiceProviderMode = "service-provider-mode", "the site has chosen service provider mode":
        MspaMode = 2;
}

impl fmt::Display for UsReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The first clause by which `section` denies. Source: "Deny when" of the rules for sections 7 to 27.
pub fn us_section_denies(section: &UsSection) -> Option<UsReason> {
    UsReason::ALL.iter().copied().find(|reason| reason.holds(section))
}
