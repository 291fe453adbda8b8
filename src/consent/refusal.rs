//! Why something was not permitted.

use std::fmt;

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
    PrefsMalformed = "prefs-malformed", Malformed, "the settings cookie is not four bits, so it is read as off";
    AdChoicesUnread = "adchoices-unread", Malformed, "there is an AdChoices signal, which is not decoded";
    Gpc = "gpc", Denied, "Global Privacy Control is on";
    Dnt = "dnt", Denied, "Do Not Track is on";
    LimitAdTracking = "lat", Denied, "the device limits ad tracking";
    Coppa = "coppa", Denied, "the request is flagged as concerning a child";
    DirectedToChildren = "child-site", Denied, "the site is directed to children";
    GdprConsentAbsent = "gdpr-no-consent", Absent, "GDPR applies and there is no consent string";
    GdprConsentUnread = "gdpr-unread", Malformed, "GDPR applies and its consent string is not decoded";
    TcStringUnread = "tcf-unread", Malformed, "there is a TC string, which is not decoded";
    GppUnread = "gpp-unread", Malformed, "there is a GPP string or section list, which is not decoded";
    UsPrivacyUnread = "us-privacy-unread", Malformed, "there is a US Privacy string, which is not decoded";
    AdditionalConsentUnread = "addtl-consent-unread", Malformed, "there is an Additional Consent string, which is not decoded";
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
