//! What the use cases count. One count a hit, made in one place.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::outcome::{Invalid, Outcome};
use crate::consent::refusal::Refusal;
use crate::storage::match_table::MatchRejection;

/// Counters of the pixel. Looked up once, because a look-up by label costs more than the rest of counting.
pub struct PixelMetrics {
    outcomes: Family<OutcomeLabels, Counter>,
    stored: Counter,
    duplicate: Counter,
    refused: Vec<Counter>,
    invalid: Vec<Counter>,
    rejected: Vec<Counter>,
    overloaded: Counter,
    unavailable: Counter,
    /// Fields left out because they held an e-mail address or a phone number in clear.
    pub personal_fields_dropped: Counter,
    /// Paths of pages left out because their words speak of a sensitive category.
    pub policy_fields_dropped: Counter,
    /// Consent parameters that held a macro nobody had filled in.
    pub literal_macros: Counter,
    /// Parameters that should have held the hash of an account and did not.
    pub malformed_accounts: Counter,
    /// AdChoices signals that could not be read.
    pub malformed_adchoices: Counter,
    /// Hits from a page that the pixel does not list.
    pub foreign_origins: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
    reason: &'static str,
}

impl Default for PixelMetrics {
    fn default() -> Self {
        let outcomes = Family::<OutcomeLabels, Counter>::default();
        let counter = |outcome, reason| outcomes.get_or_create_owned(&OutcomeLabels { outcome, reason });
        Self {
            stored: counter("stored", ""),
            duplicate: counter("duplicate", ""),
            refused: Refusal::ALL.iter().map(|reason| counter("suppressed", reason.code())).collect(),
            invalid: Invalid::ALL.iter().map(|reason| counter("invalid", reason.code())).collect(),
            rejected: MatchRejection::ALL.iter().map(|reason| counter("invalid", reason.code())).collect(),
            overloaded: counter("overloaded", "queue"),
            unavailable: counter("overloaded", "disk"),
            personal_fields_dropped: Counter::default(),
            policy_fields_dropped: Counter::default(),
            literal_macros: Counter::default(),
            malformed_accounts: Counter::default(),
            malformed_adchoices: Counter::default(),
            foreign_origins: Counter::default(),
            outcomes,
        }
    }
}

impl PixelMetrics {
    pub fn count(&self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Stored { .. } => &self.stored,
            Outcome::Duplicate { .. } | Outcome::Known => &self.duplicate,
            Outcome::Rejected(reason) => &self.rejected[*reason as usize],
            Outcome::Refused(reason) => &self.refused[*reason as usize],
            Outcome::Invalid(reason) => &self.invalid[*reason as usize],
            Outcome::Overloaded | Outcome::OverPartnerLimit => &self.overloaded,
            Outcome::Unavailable => &self.unavailable,
        };
        counter.inc();
    }

    pub fn register(&self, registry: &mut Registry) {
        registry.register("pixelgate_hits", "Hits by what became of them", self.outcomes.clone());
        registry.register(
            "pixelgate_personal_fields_dropped",
            "Fields left out because they held an e-mail address or a phone number in clear",
            self.personal_fields_dropped.clone(),
        );
        registry.register(
            "pixelgate_policy_fields_dropped",
            "Paths of pages left out because their words speak of a sensitive category",
            self.policy_fields_dropped.clone(),
        );
        registry.register(
            "pixelgate_literal_macros",
            "Consent parameters that held a macro nobody had filled in",
            self.literal_macros.clone(),
        );
        registry.register(
            "pixelgate_malformed_account_ids",
            "Parameters that should have held the hash of a signed-in account's id and did not",
            self.malformed_accounts.clone(),
        );
        registry.register(
            "pixelgate_malformed_adchoices",
            "AdChoices signals that could not be read",
            self.malformed_adchoices.clone(),
        );
        registry.register(
            "pixelgate_foreign_origins",
            "Hits from a page that the pixel does not list",
            self.foreign_origins.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        let metrics = PixelMetrics::default();
        for reason in Refusal::ALL {
            metrics.count(&Outcome::Refused(*reason));
        }
        for reason in Invalid::ALL {
            metrics.count(&Outcome::Invalid(*reason));
        }
        let ones = metrics.refused.iter().chain(&metrics.invalid).map(Counter::get);
        assert!(ones.into_iter().all(|count| count == 1));
        let codes = Refusal::ALL.iter().map(|reason| reason.code());
        let distinct: std::collections::HashSet<_> = codes.collect();
        assert_eq!(distinct.len(), Refusal::ALL.len());
    }
}
