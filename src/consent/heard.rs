//! What the strings of one request say, each of them read once.
//!
//! Of several values of one parameter all count, and the strictest wins: every fact here only ever moves towards
//! refusing as values are added, and a list of sections is the union of all lists.

use super::activity::Activity;
use super::adchoices::AdChoices;
use super::gpp::Gpp;
use super::gpp::applicable::{Applicable, GppFault, UsDenial};
use super::need::{self, Granted, both};
use super::policy::{Policy, Regime};
use super::refusal::Refusal;
use super::signals::{GdprFlag, Signals};
use super::tcf::TcString;
use super::tcf::purpose::Purpose;

/// The signals of a request, with its strings decoded.
#[derive(Debug, Clone)]
pub struct Heard<'a> {
    pub(super) signals: &'a Signals<'a>,
    /// An AdChoices signal limits everybody, or us.
    pub(super) adchoices_limits: bool,
    adchoices_malformed: u32,
    pub(super) gpp: GppFacts,
    pub(super) gdpr_applies: bool,
    tc_in_gpp: Vec<&'a str>,
    tcf: Option<TcfFacts>,
}

/// What all TC strings come to together for the two activities that every hit is asked about. For all others they are
/// read when somebody asks, so that no hit pays for what it does not need.
#[derive(Debug, Clone, Copy)]
struct TcfFacts {
    measure: Granted,
    identify: Granted,
}

/// What all GPP strings come to together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GppFacts {
    pub(super) fault: Option<GppFault>,
    /// Section 2 applies.
    pub(super) tcf_applies: bool,
    pub(super) gpc: bool,
    pub(super) known_child: bool,
    pub(super) us_denial: Option<UsDenial>,
    pub(super) us_applies: bool,
    pub(super) us_listed: bool,
}

impl<'a> Heard<'a> {
    pub(super) fn new(signals: &'a Signals<'_>, policy: &Policy) -> Self {
        let mut heard = Self {
            signals,
            adchoices_limits: false,
            adchoices_malformed: 0,
            gpp: GppFacts::default(),
            gdpr_applies: false,
            tc_in_gpp: Vec::new(),
            tcf: None,
        };
        heard.hear_adchoices(policy.adchoices_participant);
        heard.hear_gpp();
        heard.gdpr_applies = gdpr_applies(signals, &heard.gpp, policy);
        if heard.gdpr_applies {
            heard.tcf = heard.tc_strings().map(|text| TcfFacts::of(text, policy)).reduce(TcfFacts::and);
        }
        heard
    }

    pub const fn signals(&self) -> &'a Signals<'a> {
        self.signals
    }

    /// How many AdChoices signals could not be read. They say nothing.
    pub const fn malformed_adchoices(&self) -> u32 {
        self.adchoices_malformed
    }

    /// Which section denies by which clause, and what could not be read: sentences for people.
    pub fn details(&self) -> impl Iterator<Item = String> {
        let denial =
            self.gpp.us_denial.map(|denial| format!("section {}: {}", denial.section, denial.reason));
        self.gpp.fault.map(|fault| fault.to_string()).into_iter().chain(denial)
    }

    fn hear_adchoices(&mut self, participant: Option<u16>) {
        for text in &self.signals.adchoices {
            match AdChoices::parse(text) {
                Ok(signal) => self.adchoices_limits |= signal.denies(participant),
                Err(_) => self.adchoices_malformed = self.adchoices_malformed.saturating_add(1),
            }
        }
    }

    fn hear_gpp(&mut self) {
        let sections = self.signals.gpp_sid.as_deref();
        if self.signals.gpp.is_empty() && sections.is_some() {
            self.gpp.add(&Applicable::find(sections, None));
        }
        for text in &self.signals.gpp {
            let parsed = Gpp::parse(text);
            let found = Applicable::find(sections, Some(parsed.as_ref().map_err(|error| *error)));
            self.gpp.add(&found);
            self.tc_in_gpp.extend(found.tc_string);
        }
    }

    /// Wherever they came in; all of them must allow.
    pub(super) fn tc_strings(&self) -> impl Iterator<Item = &str> {
        let said = self.signals.gdpr_consent.iter().map(|text| &**text);
        said.chain(self.tc_in_gpp.iter().copied())
    }

    /// The basis of `activity` where the GDPR applies; `None` without any TC string.
    pub(super) fn tcf(&self, activity: Activity, policy: &Policy) -> Option<Granted> {
        let facts = self.tcf?;
        match activity {
            Activity::Measure => Some(facts.measure),
            Activity::Identify => Some(facts.identify),
            _ => {
                let additional = self.signals.additional_consent.as_deref();
                let each = self.tc_strings().map(|text| {
                    let string = TcString::parse(text).map_err(|_| Refusal::TcMalformed)?;
                    need::granted(activity, &string, additional, policy)
                });
                each.reduce(both)
            }
        }
    }
}

impl GppFacts {
    /// Of several faults and denials the one is kept that is reported first, so that their order doesn't matter.
    fn add(&mut self, found: &Applicable<'_>) {
        let faults = self.fault.into_iter().chain(found.fault);
        self.fault = faults.min_by_key(|fault| Refusal::of_gpp_fault(*fault));
        let denials = self.us_denial.into_iter().chain(found.us_denial);
        self.us_denial = denials.min_by_key(|denial| Refusal::of_us_reason(denial.reason));
        self.tcf_applies |= found.tcf_applies;
        self.gpc |= found.gpc.is_some();
        self.known_child |= found.known_child.is_some();
        self.us_applies |= found.us_applies;
        self.us_listed |= found.us_listed;
    }
}

impl TcfFacts {
    fn of(text: &str, policy: &Policy) -> Self {
        let deny = |reason| Self { measure: Err(reason), identify: Err(reason) };
        let Ok(string) = TcString::parse(text) else { return deny(Refusal::TcMalformed) };
        let Some(us) = policy.vendor_id else { return deny(Refusal::TcNotOnList) };
        // One view for both: every further one would walk over the sets of vendors again.
        let (view, declaration) = (string.vendor(us), policy.declaration(us));
        let basis = |purpose| need::of_purpose(&view, purpose, declaration);
        Self { measure: basis(Purpose::P7), identify: basis(Purpose::P1) }
    }

    fn and(self, other: Self) -> Self {
        Self { measure: both(self.measure, other.measure), identify: both(self.identify, other.identify) }
    }
}

fn gdpr_applies(signals: &Signals<'_>, gpp: &GppFacts, policy: &Policy) -> bool {
    let unsaid = || {
        policy.default_regime == Regime::Gdpr
            || signals.country.is_some_and(|country| country.wants_consent_first())
    };
    gpp.tcf_applies
        || match signals.gdpr {
            GdprFlag::InScope => true,
            GdprFlag::NotInScope => false,
            GdprFlag::Absent => unsaid(),
        }
}
