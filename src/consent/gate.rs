//! The gate: the one place where a [`Permitted`] is made.

use super::activity::{Activity, ActivityKind, ActivitySet};
use super::evidence::{Basis, Evidence};
use super::heard::Heard;
use super::policy::{Policy, PolicyVersion, Regime};
use super::refusal::{Refusal, Refused};
use super::regulated::Regulated;
use super::rule::{Circumstances, Rule, Verdict};
use super::signals::Signals;
use crate::domain::opt_out::Subjects;

/// A value that may leave memory, with the evidence why.
///
/// It has no `new`, `map`, `DerefMut`, `Clone`, `Default` or `Deserialize`: each would be a second way in. What is
/// inside can be read, and it can be used up, but never changed.
#[derive(Debug, PartialEq)]
pub struct Permitted<T> {
    value: T,
    evidence: Evidence,
}

impl<T> Permitted<T> {
    pub const fn value(&self) -> &T {
        &self.value
    }

    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// Decides under one policy.
#[derive(Debug, Clone)]
pub struct Gate {
    policy: Policy,
    version: PolicyVersion,
}

impl Gate {
    pub fn new(policy: Policy) -> Self {
        let version = policy.version();
        Self { policy, version }
    }

    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Reads the strings among `signals`, once for all that is decided about the request.
    pub fn hear<'a>(&self, signals: &'a Signals<'_>) -> Heard<'a> {
        Heard::new(signals, &self.policy)
    }

    /// Lets `value` through, without its identifiers where identifying is not permitted, or drops it.
    pub fn admit<T: Regulated>(
        &self,
        mut value: T,
        about: &Circumstances<'_>,
    ) -> Result<Permitted<T>, Refused> {
        let subjects = value.subjects();
        let activity = value.activity();
        let (regime, basis) = self.decide(activity, &subjects, about)?;
        let identify = match activity {
            Activity::Identify => true,
            _ => match self.decide(Activity::Identify, &subjects, about) {
                Ok(_) => true,
                Err(_) if value.forget_identifiers() => false,
                Err(refused) => return Err(refused),
            },
        };
        let permitted = [activity.kind()].into_iter().chain(identify.then_some(ActivityKind::Identify));
        let noted = value.noted().iter().filter(|&&noted| self.decide(noted, &subjects, about).is_ok());
        let activities = ActivitySet::of(permitted.chain(noted.map(|noted| noted.kind())));
        let evidence = Evidence { regime, basis, activities, policy: self.version, decided_at: about.now };
        Ok(Permitted { value, evidence })
    }

    /// Deny if any rule denies; otherwise the first ground that a rule gives.
    fn decide(
        &self,
        activity: Activity,
        subjects: &Subjects,
        about: &Circumstances<'_>,
    ) -> Result<(Regime, Basis), Refused> {
        let mut ground = None;
        // All of them before any is looked at: unrolled, each costs a comparison or two.
        for verdict in Rule::ALL.map(|rule| rule.judge(activity, subjects, &self.policy, about)) {
            match verdict {
                Verdict::Deny(reason) => return Err(Refused { reason }),
                Verdict::Allow(regime, basis) => ground = ground.or(Some((regime, basis))),
                Verdict::Abstain => {}
            }
        }
        ground.ok_or(Refused { reason: Refusal::GdprConsentAbsent })
    }

    /// What each rule says about `activity`, in the order of precedence; the first that denies is the reason.
    pub fn explain(
        &self,
        activity: Activity,
        subjects: &Subjects,
        about: &Circumstances<'_>,
    ) -> impl Iterator<Item = (Rule, Verdict)> {
        Rule::ALL.into_iter().map(move |rule| (rule, rule.judge(activity, subjects, &self.policy, about)))
    }
}

#[cfg(test)]
mod tests;
