//! Why something was not permitted.

use std::fmt;

use super::gpp::applicable::GppFault;
use super::gpp::us_rule::UsReason;
use super::tcf::basis::NoBasis;
use super::tcf::vendor_list::ListFault;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $kind:ident, $text:literal;)*) => {
        /// One reason for a refusal. [`Self::code`] is what answers and metrics carry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// A stable word for machines.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            pub const fn kind(self) -> RefusalKind {
                match self { $(Self::$name => RefusalKind::$kind,)* }
            }

            /// A sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

refusals! {
    Speculative = "speculative", NotApplicable, "the browser fetched this ahead of time; nobody has seen the page";
    Crawler = "bot", NotApplicable, "the user agent is a known crawler";
    OptOutCookie = "opt-out-cookie", OptedOut, "the browser carries our opt-out cookie";
    OptedOut = "opted-out", OptedOut, "this browser id has opted out";
    PersonalizeOff = "personalize-off", OptedOut, "\"Personalize ads\" is off";
    PartnersOff = "partners-off", Denied, "\"Share your data with business partners\" is off";
    DevicesOff = "devices-off", Denied, "\"Personalize across your devices\" is off";
    WebOff = "web-off", Denied, "\"Track where you see content across the web\" is off";
    PrefsMalformed = "prefs-malformed", Malformed, "the settings cookie is not four bits, so it is read as off";
    AdChoices = "adchoices", Denied, "the AdChoices signal limits everybody, or us";
    Gpc = "gpc", Denied, "Global Privacy Control is on";
    GppGpc = "gpp-gpc", Denied, "Global Privacy Control is on, as a section of the GPP string says";
    Dnt = "dnt", Denied, "Do Not Track is on";
    LimitAdTracking = "lat", Denied, "the device limits ad tracking";
    Coppa = "coppa", Denied, "the request is flagged as concerning a child";
    KnownChild = "known-child", Denied, "a section of the GPP string is about a known child";
    DirectedToChildren = "child-site", Denied, "the site is directed to children";
    WebHistoryRegion = "web-history-region", Denied, "pages with embedded content are not remembered in the EEA or in Switzerland, nor where it may be one of them";
    GdprConsentAbsent = "gdpr-no-consent", Absent, "GDPR applies and there is no consent string";
    TcMalformed = "tcf-malformed", Malformed, "GDPR applies and the TC string cannot be read";
    TcInvalid = "tcf-invalid", Malformed, "GDPR applies and the TC string must not be relied on";
    TcListMissing = "tcf-list-missing", Absent, "GDPR applies and there is no vendor list that says what we declared";
    TcListTooOld = "tcf-list-too-old", Absent, "GDPR applies and the vendor list is older than it may be";
    TcListFromFuture = "tcf-list-from-future", Malformed, "GDPR applies and the vendor list is dated in the future";
    TcNotOnList = "tcf-not-on-list", Absent, "GDPR applies and we are not on the vendor list, or were deleted from it";
    TcNotDeclared = "tcf-not-declared", Denied, "GDPR applies and our entry in the vendor list lacks the purpose";
    TcRestricted = "tcf-restricted", Denied, "GDPR applies and the publisher's restrictions leave us no basis";
    TcNotDisclosed = "tcf-not-disclosed", Denied, "GDPR applies and the person was not told about us";
    TcNoConsent = "tcf-no-consent", Denied, "GDPR applies and there is no consent to the purpose, or none to us";
    TcNoInterest = "tcf-no-interest", Denied, "GDPR applies and our legitimate interest was not shown, or was objected to";
    TcNoOptIn = "tcf-no-opt-in", Denied, "GDPR applies and there is no opt-in to the special feature that our entry in the vendor list declares";
    TcPartner = "tcf-partner", Denied, "GDPR applies and the TC string gives the partner no basis";
    AdditionalConsentAbsent = "addtl-consent-absent", Absent, "GDPR applies, the partner is not on the vendor list, and there is no Additional Consent string";
    AdditionalConsentMalformed = "addtl-consent-malformed", Malformed, "GDPR applies and the Additional Consent string cannot be read";
    AdditionalConsentMissing = "addtl-no-consent", Denied, "GDPR applies and the Additional Consent string has no consent to the partner";
    GppMalformed = "gpp-malformed", Malformed, "the GPP string cannot be read";
    GppSidMalformed = "gpp-sid-malformed", Malformed, "`gpp_sid` is no list of section ids";
    GppSectionMissing = "gpp-section-missing", Absent, "a section applies and is not in the GPP string";
    GppSectionMalformed = "gpp-section-malformed", Malformed, "a section of the GPP string applies and cannot be read";
    GppSectionUnknown = "gpp-section-unknown", Malformed, "a section of the GPP string applies and there is no rule for it";
    UsOptOut = "us-opt-out", Denied, "a US section says that the person opted out of sale, sharing or targeted advertising";
    UsNoNotice = "us-no-notice", Denied, "a US section says that no notice was given, or does not say that one was";
    UsServiceProvider = "us-service-provider", Denied, "a US section says that the site works as a service provider only";
    UsPersonalData = "us-personal-data", Denied, "a US section has consent to uses beyond what was told, which is no basis here";
    UsPrivacyOptOut = "us-privacy-opt-out", Denied, "the US Privacy string says that the person opted out of sale";
    UsPrivacyMalformed = "us-privacy-malformed", Malformed, "the US Privacy string cannot be read where US law may apply";
}

impl Refusal {
    pub(super) const fn of_no_basis(reason: NoBasis) -> Self {
        match reason {
            NoBasis::Invalid(_) => Self::TcInvalid,
            NoBasis::NotOnList | NoBasis::Deleted => Self::TcNotOnList,
            NoBasis::NotDeclared => Self::TcNotDeclared,
            NoBasis::NotAllowed
            | NoBasis::Contradictory
            | NoBasis::ConsentRequired
            | NoBasis::InterestRequired => Self::TcRestricted,
            NoBasis::NotDisclosed => Self::TcNotDisclosed,
            NoBasis::ConsentOnly | NoBasis::PurposeNotConsented | NoBasis::VendorNotConsented => {
                Self::TcNoConsent
            }
            NoBasis::PurposeInterestNotShown | NoBasis::VendorInterestNotShown => Self::TcNoInterest,
        }
    }

    pub(super) const fn of_list_fault(fault: ListFault) -> Self {
        match fault {
            ListFault::Missing => Self::TcListMissing,
            ListFault::TooOld => Self::TcListTooOld,
            ListFault::FromFuture => Self::TcListFromFuture,
        }
    }

    pub(super) const fn of_gpp_fault(fault: GppFault) -> Self {
        match fault {
            GppFault::NotGpp(_) => Self::GppMalformed,
            GppFault::List => Self::GppSidMalformed,
            GppFault::Missing(_) => Self::GppSectionMissing,
            GppFault::Section(..) => Self::GppSectionMalformed,
            GppFault::NoRule(_) | GppFault::Unknown(_) => Self::GppSectionUnknown,
        }
    }

    pub(super) const fn of_us_reason(reason: UsReason) -> Self {
        match reason {
            UsReason::GlobalPrivacyControl => Self::GppGpc,
            UsReason::KnownChildRefused | UsReason::KnownChild => Self::KnownChild,
            UsReason::SaleOptedOut | UsReason::SharingOptedOut | UsReason::AdvertisingOptedOut => {
                Self::UsOptOut
            }
            UsReason::SaleUnnoticed
            | UsReason::SaleNoticeUnclear
            | UsReason::SharingUntold
            | UsReason::SharingUnnoticed
            | UsReason::SharingNoticeUnclear
            | UsReason::SharingUntoldUnclear
            | UsReason::AdvertisingUnnoticed
            | UsReason::AdvertisingNoticeUnclear
            | UsReason::ProcessingUntold => Self::UsNoNotice,
            UsReason::ServiceProvider | UsReason::ServiceProviderMode => Self::UsServiceProvider,
            UsReason::PersonalData => Self::UsPersonalData,
        }
    }
}

/// What kind of "no" it is. Only an opt-out may ever lead to erasing what was stored before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    Absent,
    Malformed,
    Denied,
    OptedOut,
    NotApplicable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The gate's "no". Does not contain the value that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub reason: Refusal,
}
