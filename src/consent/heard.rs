//! What the strings of one request say, each of them read once.
//!
//! Of several values of one parameter all count, and the strictest wins: every fact here only ever moves towards
//! refusing as values are added, and a list of sections is the union of all lists.

use super::adchoices::AdChoices;
use super::gpp::Gpp;
use super::gpp::applicable::{Applicable, GppFault, UsDenial};
use super::policy::Policy;
use super::refusal::Refusal;
use super::signals::Signals;

/// The signals of a request, with its strings decoded.
#[derive(Debug, Clone)]
pub struct Heard<'a> {
    pub(super) signals: &'a Signals<'a>,
    /// An AdChoices signal limits everybody, or us.
    pub(super) adchoices_limits: bool,
    adchoices_malformed: u32,
    pub(super) gpp: GppFacts,
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
        let mut heard =
            Self { signals, adchoices_limits: false, adchoices_malformed: 0, gpp: GppFacts::default() };
        heard.hear_adchoices(policy.adchoices_participant);
        heard.hear_gpp();
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
