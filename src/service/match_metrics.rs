//! What is counted of cookie matches.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::outcome::Outcome;
use super::storage_access::StorageAccess;

/// Matches by partner, by how far they got, and by whether the browser shares its cookies between sites.
#[derive(Debug, Default)]
pub struct MatchMetrics {
    matches: Family<Labels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// A registered partner's name, or nothing.
    partner: String,
    step: &'static str,
    storage_access: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

/// One step of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A browser was sent to be told the partner's id.
    Started,
    /// A browser was sent to tell the partner ours.
    Introduced,
    /// A browser brought the partner's id.
    Inbound,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Started => "start",
            Self::Introduced => "introduction",
            Self::Inbound => "inbound",
        }
    }
}

impl MatchMetrics {
    pub fn count(&self, step: Step, partner: Option<&str>, access: StorageAccess, outcome: &Outcome) {
        self.inc(step, partner, access, outcome.word(), outcome.reason());
    }

    pub fn count_sent<T>(
        &self,
        step: Step,
        partner: Option<&str>,
        access: StorageAccess,
        sent: &Result<T, Outcome>,
    ) {
        match sent {
            Ok(_) => self.inc(step, partner, access, "sent", None),
            Err(outcome) => self.count(step, partner, access, outcome),
        }
    }

    fn inc(
        &self,
        step: Step,
        partner: Option<&str>,
        access: StorageAccess,
        outcome: &'static str,
        reason: Option<&'static str>,
    ) {
        let labels = Labels {
            partner: partner.unwrap_or_default().to_owned(),
            step: step.name(),
            storage_access: access.name(),
            outcome,
            reason: reason.unwrap_or_default(),
        };
        self.matches.get_or_create(&labels).inc();
    }

    pub fn register(&self, registry: &mut Registry) {
        let text = "Cookie matches by partner, step, storage access and what became of them";
        registry.register("pixelgate_matches", text, self.matches.clone());
    }
}
