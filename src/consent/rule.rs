//! The rules of precedence, in the order in which a refusal is reported.
//!
//! Each rule looks at the circumstances alone and knows nothing of the others. The gate denies if any rule denies;
//! `explain` prints what each of them says. Both call [`Rule::judge`], so that they cannot differ.

use super::activity::Activity;
use super::evidence::Basis;
use super::heard::Heard;
use super::policy::{Honour, Policy, Regime, UsOptOut};
use super::prefs::Setting;
use super::refusal::Refusal;
use super::signals::{GdprFlag, Signals};
use super::us_privacy::UsPrivacySet;
use crate::domain::conversion::Country;
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
    Settings,
    AdChoices,
    Gpc,
    Dnt,
    LimitAdTracking,
    Children,
    WebHistory,
    Gdpr,
    Gpp,
    UnitedStates,
    DefaultRegime,
}

impl Rule {
    /// In the order of precedence.
    pub const ALL: [Self; 14] = [
        Self::Speculative,
        Self::Crawler,
        Self::OwnOptOut,
        Self::Settings,
        Self::AdChoices,
        Self::Gpc,
        Self::Dnt,
        Self::LimitAdTracking,
        Self::Children,
        Self::WebHistory,
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
            Self::Settings => "the person's settings",
            Self::AdChoices => "AdChoices signal",
            Self::Gpc => "Global Privacy Control",
            Self::Dnt => "Do Not Track",
            Self::LimitAdTracking => "limit ad tracking",
            Self::Children => "children",
            Self::WebHistory => "web history by region",
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
            Self::Settings => judge_settings(activity, signals),
            Self::AdChoices => deny_if(heard.adchoices_limits, Refusal::AdChoices),
            Self::Gpc if signals.gpc && gpc_counts(heard, policy) => Verdict::Deny(Refusal::Gpc),
            Self::Gpc => deny_if(heard.gpp.gpc, Refusal::GppGpc),
            Self::Dnt => deny_if(signals.dnt && dnt_counts(heard, policy), Refusal::Dnt),
            Self::LimitAdTracking => {
                deny_if(signals.lat && activity != Activity::Measure, Refusal::LimitAdTracking)
            }
            Self::Children if signals.coppa => Verdict::Deny(Refusal::Coppa),
            Self::Children if heard.gpp.known_child => Verdict::Deny(Refusal::KnownChild),
            Self::Children => deny_if(about.directed_to_children, Refusal::DirectedToChildren),
            Self::WebHistory if activity == Activity::WebHistory => judge_web_history(heard, policy),
            Self::WebHistory => Verdict::Abstain,
            Self::Gdpr => judge_gdpr(activity, heard, policy, about.now),
            Self::Gpp => judge_gpp(heard),
            Self::UnitedStates => judge_united_states(activity, heard, policy),
            Self::DefaultRegime => judge_default(heard, policy),
        }
    }
}

const fn deny_if(denied: bool, reason: Refusal) -> Verdict {
    if denied { Verdict::Deny(reason) } else { Verdict::Abstain }
}

fn gpc_counts(heard: &Heard<'_>, policy: &Policy) -> bool {
    let asks = |country: Country| country.is_united_states() || country.wants_consent_first();
    policy.gpc == Honour::Always
        || heard.gdpr_applies
        || heard.gpp.us_listed
        || !heard.signals.us_privacy.is_empty()
        || heard.signals.country.is_none_or(asks)
}

fn dnt_counts(heard: &Heard<'_>, policy: &Policy) -> bool {
    policy.dnt == Honour::Always
        || heard.gdpr_applies
        || heard.signals.country.is_none_or(|country| country.wants_consent_first())
}

fn judge_settings(activity: Activity, signals: &Signals<'_>) -> Verdict {
    let off = |setting| signals.prefs.is_off(setting);
    if off(Setting::Personalize) {
        return Verdict::Deny(Refusal::PersonalizeOff);
    }
    if signals.prefs_malformed {
        return Verdict::Deny(Refusal::PrefsMalformed);
    }
    match activity {
        Activity::Share(..) => deny_if(off(Setting::Partners), Refusal::PartnersOff),
        Activity::LinkDevices => deny_if(off(Setting::Devices), Refusal::DevicesOff),
        Activity::WebHistory => deny_if(off(Setting::Web), Refusal::WebOff),
        Activity::Measure | Activity::Identify | Activity::Match(_) | Activity::Audience => Verdict::Abstain,
    }
}

/// Never in the EEA or in Switzerland, whatever was consented to. A country that is not known is one of those where
/// the GDPR applies, or would by default.
fn judge_web_history(heard: &Heard<'_>, policy: &Policy) -> Verdict {
    let there = match heard.signals.country {
        Some(country) => country.is_eea_or_switzerland(),
        None => heard.gdpr_applies || policy.default_regime == Regime::Gdpr,
    };
    deny_if(there, Refusal::WebHistoryRegion)
}

fn judge_gdpr(activity: Activity, heard: &Heard<'_>, policy: &Policy, now: Timestamp) -> Verdict {
    if !heard.gdpr_applies {
        return Verdict::Abstain;
    }
    let Some(said) = heard.tcf(activity, policy) else {
        return Verdict::Deny(Refusal::GdprConsentAbsent);
    };
    // Here and not where the list is read, because a list ages while the server runs.
    let list = policy.vendors_at(now).map_err(Refusal::of_list_fault);
    match (said, list) {
        (Ok(basis), Ok(_)) => Verdict::Allow(Regime::Gdpr, basis),
        (Err(reason), Ok(_)) | (Ok(_), Err(reason)) => Verdict::Deny(reason),
        (Err(reason), Err(fault)) => Verdict::Deny(reason.min(fault)),
    }
}

/// What applies and cannot be read might say no.
fn judge_gpp(heard: &Heard<'_>) -> Verdict {
    let fault = heard.gpp.fault.map(Refusal::of_gpp_fault);
    fault.map_or(Verdict::Abstain, Verdict::Deny)
}

fn judge_united_states(activity: Activity, heard: &Heard<'_>, policy: &Policy) -> Verdict {
    let (signals, gpp) = (heard.signals, &heard.gpp);
    let us_privacy = signals.us_privacy;
    let opted_out = if us_privacy.has(UsPrivacySet::OPTED_OUT) {
        Some(Refusal::UsPrivacyOptOut)
    } else {
        gpp.us_denial.map(|denial| Refusal::of_us_reason(denial.reason))
    };
    let may_measure = activity == Activity::Measure && policy.us_opt_out == UsOptOut::MeasureWithoutId;
    if let Some(reason) = opted_out.filter(|_| !may_measure) {
        return Verdict::Deny(reason);
    }
    if us_privacy.has(UsPrivacySet::MALFORMED) && (gpp.us_listed || policy.default_regime == Regime::Us) {
        return Verdict::Deny(Refusal::UsPrivacyMalformed);
    }
    if opted_out.is_some() {
        return Verdict::Allow(Regime::Us, Basis::WithoutIdentifiers);
    }
    let from_there = signals.country.is_some_and(|country| country.is_united_states());
    if gpp.us_applies || us_privacy.has(UsPrivacySet::NOT_OPTED_OUT) || from_there {
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
