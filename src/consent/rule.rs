//! The rules of precedence, in the order in which a refusal is reported.
//!
//! Each rule looks at the circumstances alone and knows nothing of the others. The gate denies if any rule denies;
//! `explain` prints what each of them says. Both call [`Rule::judge`], so that they cannot differ.

use super::activity::Activity;
use super::evidence::Basis;
use super::heard::Heard;
use super::policy::{Policy, Regime};
use super::refusal::Refusal;
use super::signals::{GdprFlag, Personalize, UsPrivacySaid};
use crate::domain::opt_out::{OptOutView, Subjects};
use crate::domain::time::Timestamp;

/// What a decision is made from, but for the value itself.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    pub heard: &'a Heard<'a>,
    pub directed_to_children: bool,
    pub opt_outs: &'a dyn OptOutView,
    pub now: Timestamp,
}

/// What one rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Abstain,
    /// Allowed on this ground, unless another rule denies.
    Allow(Regime, Basis),
    Deny(Refusal),
}

/// One row of the table of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Speculative,
    Crawler,
    OwnOptOut,
    PersonalizeAds,
    AdChoices,
    Gpc,
    Dnt,
    LimitAdTracking,
    Children,
    Gdpr,
    Gpp,
    UnitedStates,
    DefaultRegime,
}

impl Rule {
    /// In the order of precedence.
    pub const ALL: [Self; 13] = [
        Self::Speculative,
        Self::Crawler,
        Self::OwnOptOut,
        Self::PersonalizeAds,
        Self::AdChoices,
        Self::Gpc,
        Self::Dnt,
        Self::LimitAdTracking,
        Self::Children,
        Self::Gdpr,
        Self::Gpp,
        Self::UnitedStates,
        Self::DefaultRegime,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Speculative => "speculative request",
            Self::Crawler => "known crawler",
            Self::OwnOptOut => "our own opt-out",
            Self::PersonalizeAds => "\"Personalize ads\" setting",
            Self::AdChoices => "AdChoices signal",
            Self::Gpc => "Global Privacy Control",
            Self::Dnt => "Do Not Track",
            Self::LimitAdTracking => "limit ad tracking",
            Self::Children => "children",
            Self::Gdpr => "GDPR",
            Self::Gpp => "GPP string",
            Self::UnitedStates => "United States",
            Self::DefaultRegime => "default regime",
        }
    }

    /// What this rule says about `activity` with data of `subjects`.
    #[inline]
    pub fn judge(
        self,
        activity: Activity,
        subjects: &Subjects,
        policy: &Policy,
        about: &Circumstances<'_>,
    ) -> Verdict {
        let (heard, signals) = (about.heard, about.heard.signals);
        match self {
            Self::Speculative => deny_if(signals.speculative, Refusal::Speculative),
            Self::Crawler => deny_if(signals.crawler, Refusal::Crawler),
            Self::OwnOptOut if signals.opt_out_cookie => Verdict::Deny(Refusal::OptOutCookie),
            Self::OwnOptOut if signals.opted_out_id => Verdict::Deny(Refusal::OptedOut),
            Self::OwnOptOut => deny_if(about.opt_outs.is_any_opted_out(subjects), Refusal::OptedOut),
            Self::PersonalizeAds => match signals.personalize {
                Personalize::On => Verdict::Abstain,
                Personalize::Malformed => Verdict::Deny(Refusal::PrefsMalformed),
                Personalize::Off => Verdict::Deny(Refusal::PersonalizeOff),
            },
            Self::AdChoices => deny_if(heard.adchoices_limits, Refusal::AdChoices),
            Self::Gpc if signals.gpc => Verdict::Deny(Refusal::Gpc),
            Self::Gpc => deny_if(heard.gpp.gpc, Refusal::GppGpc),
            Self::Dnt => deny_if(signals.dnt, Refusal::Dnt),
            Self::LimitAdTracking => {
                deny_if(signals.lat && activity != Activity::Measure, Refusal::LimitAdTracking)
            }
            Self::Children if signals.coppa => Verdict::Deny(Refusal::Coppa),
            Self::Children if heard.gpp.known_child => Verdict::Deny(Refusal::KnownChild),
            Self::Children => deny_if(about.directed_to_children, Refusal::DirectedToChildren),
            Self::Gdpr => judge_gdpr(activity, heard),
            Self::Gpp => judge_gpp(heard),
            Self::UnitedStates => judge_united_states(heard, policy),
            Self::DefaultRegime => judge_default(heard, policy),
        }
    }
}

const fn deny_if(denied: bool, reason: Refusal) -> Verdict {
    if denied { Verdict::Deny(reason) } else { Verdict::Abstain }
}

fn judge_gdpr(activity: Activity, heard: &Heard<'_>) -> Verdict {
    if !heard.gdpr_applies {
        return Verdict::Abstain;
    }
    match heard.tcf(activity) {
        Some(Ok(basis)) => Verdict::Allow(Regime::Gdpr, basis),
        Some(Err(reason)) => Verdict::Deny(reason),
        None => Verdict::Deny(Refusal::GdprConsentAbsent),
    }
}

/// What applies and cannot be read might say no.
fn judge_gpp(heard: &Heard<'_>) -> Verdict {
    let fault = heard.gpp.fault.map(Refusal::of_gpp_fault);
    fault.map_or(Verdict::Abstain, Verdict::Deny)
}

fn judge_united_states(heard: &Heard<'_>, policy: &Policy) -> Verdict {
    let (signals, gpp) = (heard.signals, &heard.gpp);
    let us_privacy = signals.us_privacy;
    if us_privacy.has(UsPrivacySaid::OPTED_OUT) {
        return Verdict::Deny(Refusal::UsPrivacyOptOut);
    }
    if let Some(denial) = gpp.us_denial {
        return Verdict::Deny(Refusal::of_us_reason(denial.reason));
    }
    if us_privacy.has(UsPrivacySaid::MALFORMED) && (gpp.us_listed || policy.default_regime == Regime::Us) {
        return Verdict::Deny(Refusal::UsPrivacyMalformed);
    }
    let from_there = signals.country.is_some_and(|country| country.is_united_states());
    if gpp.us_applies || us_privacy.has(UsPrivacySaid::NOT_OPTED_OUT) || from_there {
        Verdict::Allow(Regime::Us, Basis::NotOptedOut)
    } else {
        Verdict::Abstain
    }
}

fn judge_default(heard: &Heard<'_>, policy: &Policy) -> Verdict {
    if heard.gdpr_applies {
        return Verdict::Abstain;
    }
    if heard.signals.country.is_some() || heard.signals.gdpr == GdprFlag::NotInScope {
        return Verdict::Allow(Regime::None, Basis::NotRequired);
    }
    match policy.default_regime {
        Regime::None => Verdict::Allow(Regime::None, Basis::Default),
        Regime::Us => Verdict::Allow(Regime::Us, Basis::NotOptedOut),
        // Never reached: where nothing is said, this default is what makes the GDPR apply.
        Regime::Gdpr => Verdict::Deny(Refusal::GdprConsentAbsent),
    }
}
