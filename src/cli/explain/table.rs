//! Shows a decision: what each rule said, and which of them was the reason.

use std::io::{self, Write};

use serde_json::json;

use crate::consent::activity::{Activity, Sharing};
use crate::consent::rule::{Rule, Verdict};

/// What the rules said about one activity, in the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub activity: Activity,
    pub verdicts: Vec<(Rule, Verdict)>,
}

impl Decision {
    /// The first rule that denies; its reason is the one that is reported.
    fn denied_by(&self) -> Option<Rule> {
        self.verdicts.iter().find(|(_, verdict)| matches!(verdict, Verdict::Deny(_))).map(|&(rule, _)| rule)
    }

    /// The first rule that allows, where none denies; its ground is the one that is stored.
    fn allowed_by(&self) -> Option<Rule> {
        let mut allowing = self.verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Allow(..)));
        allowing.next().map(|&(rule, _)| rule).filter(|_| self.denied_by().is_none())
    }

    /// A sentence for people.
    fn summary(&self) -> String {
        let about = match self.activity {
            Activity::Measure => "keeping the event, without identifiers",
            Activity::Identify => "browser id, click id and hashed addresses",
            Activity::Match(_) => "learning a partner's id, or telling it ours",
            Activity::Audience => "membership in audiences, and ads by it",
            Activity::Share(_, Sharing::Rtb) => "a row for a partner's auctions",
            Activity::Share(_, Sharing::Measurement) => "a row for a partner's measuring",
            Activity::LinkDevices => "joining two browsers or devices of an account",
            Activity::WebHistory => "remembering a page with embedded content",
        };
        let answer = if self.allowed_by().is_some() { "permitted" } else { "refused" };
        format!("{} ({about}): {answer}", self.activity.kind().name())
    }

    /// An aligned table; the rule that decided is marked with `>`.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.summary())?;
        let decisive = self.denied_by().or_else(|| self.allowed_by());
        let width = self.verdicts.iter().map(|(rule, _)| rule.name().len()).max().unwrap_or_default();
        for (rule, verdict) in &self.verdicts {
            let mark = if Some(*rule) == decisive { '>' } else { ' ' };
            let line = format!("{mark} {:width$}  {}", rule.name(), told(verdict));
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    pub(super) fn as_json(&self) -> serde_json::Value {
        let decisive = self.denied_by().or_else(|| self.allowed_by());
        let rules = self.verdicts.iter().map(|(rule, verdict)| rule_json(*rule, verdict));
        json!({
            "activity": self.activity.kind().name(),
            "permitted": self.allowed_by().is_some(),
            "decided_by": decisive.map(Rule::name),
            "rules": rules.collect::<Vec<_>>(),
        })
    }
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Abstain => "-".to_owned(),
        Verdict::Allow(regime, basis) => format!("allows  regime {}, basis {}", regime.name(), basis.name()),
        Verdict::Deny(reason) => format!("DENIES  {}: {reason}", reason.code()),
    }
}

fn rule_json(rule: Rule, verdict: &Verdict) -> serde_json::Value {
    match verdict {
        Verdict::Abstain => json!({"rule": rule.name(), "says": "abstain"}),
        Verdict::Allow(regime, basis) => {
            json!({"rule": rule.name(), "says": "allow", "regime": regime.name(), "basis": basis.name()})
        }
        Verdict::Deny(reason) => {
            json!({"rule": rule.name(), "says": "deny", "reason": reason.code(), "text": reason.text()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::evidence::Basis;
    use crate::consent::policy::Regime;
    use crate::consent::refusal::Refusal;

    fn shown(verdicts: &[(Rule, Verdict)]) -> String {
        let mut out = Vec::new();
        let decision = Decision { activity: Activity::Measure, verdicts: verdicts.to_vec() };
        decision.write(&mut out).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_first_rule_that_denies_is_marked() {
        let table = shown(&[
            (Rule::Crawler, Verdict::Abstain),
            (Rule::Gpc, Verdict::Deny(Refusal::Gpc)),
            (Rule::Dnt, Verdict::Deny(Refusal::Dnt)),
            (Rule::DefaultRegime, Verdict::Allow(Regime::None, Basis::Default)),
        ]);
        let expect = "\
measure (keeping the event, without identifiers): refused
  known crawler           -
> Global Privacy Control  DENIES  gpc: Global Privacy Control is on
  Do Not Track            DENIES  dnt: Do Not Track is on
  default regime          allows  regime none, basis default
";
        assert_eq!(table, expect);
    }

    #[test]
    fn without_a_denial_the_first_ground_is_marked() {
        let table = shown(&[
            (Rule::UnitedStates, Verdict::Allow(Regime::Us, Basis::NotOptedOut)),
            (Rule::DefaultRegime, Verdict::Allow(Regime::None, Basis::NotRequired)),
        ]);
        assert!(
            table.contains("permitted\n> United States   allows  regime us, basis not-opted-out\n  default"),
            "{table}"
        );
    }

    #[test]
    fn silence_is_a_refusal() {
        assert!(shown(&[(Rule::Crawler, Verdict::Abstain)]).contains("refused"));
    }
}
