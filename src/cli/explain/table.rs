//! Shows a decision: what each rule said, and which of them was the reason.

use std::io::{self, Write};

use crate::consent::activity::{Activity, Sharing};
use crate::consent::facts::Fact;
use crate::consent::refusal::Refusal;
use crate::consent::rule::Verdict;
use crate::service::explain::Decision;

/// An aligned table; the rule that decided is marked with `>`.
pub(super) fn write(decision: &Decision, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", summary(decision))?;
    let decisive = decision.decided_by();
    let width = decision.verdicts.iter().map(|(rule, _)| rule.name().len()).max().unwrap_or_default();
    for (rule, verdict) in &decision.verdicts {
        let mark = if Some(*rule) == decisive { '>' } else { ' ' };
        let line = format!("{mark} {:width$}  {}", rule.name(), told(verdict));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The bits that were read, one a line.
pub(super) fn write_facts(facts: &[Fact], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "read")?;
    let name = |fact: &Fact| match &*fact.what {
        "" => fact.of.to_owned(),
        what => format!("{}, {what}", fact.of),
    };
    let width = facts.iter().map(|fact| name(fact).len()).max().unwrap_or_default();
    facts.iter().try_for_each(|fact| writeln!(out, "  {:width$}  {}", name(fact), fact.says))
}

/// Every code that a refusal can have, with its sentence.
pub(super) fn write_reasons(out: &mut dyn Write) -> io::Result<()> {
    let width = Refusal::ALL.iter().map(|reason| reason.code().len()).max().unwrap_or_default();
    Refusal::ALL.iter().try_for_each(|reason| writeln!(out, "{:width$}  {reason}", reason.code()))
}

/// A sentence for people.
fn summary(decision: &Decision) -> String {
    let about = match decision.activity {
        Activity::Measure => "keeping the event, without identifiers",
        Activity::Identify => "browser id, click id and hashed addresses",
        Activity::Match(_) => "learning a partner's id, or telling it ours",
        Activity::Audience => "membership in audiences, and ads by it",
        Activity::Share(_, Sharing::Rtb) => "a row for a partner's auctions",
        Activity::Share(_, Sharing::Measurement) => "a row for a partner's measuring",
        Activity::LinkDevices => "joining two browsers or devices of an account",
        Activity::WebHistory => "remembering a page with embedded content",
    };
    let answer = if decision.is_permitted() { "permitted" } else { "refused" };
    format!("{} ({about}): {answer}", decision.activity.kind().name())
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Abstain => "-".to_owned(),
        Verdict::Allow(regime, basis) => format!("allows  regime {}, basis {}", regime.name(), basis.name()),
        Verdict::Deny(reason) => format!("DENIES  {}: {reason}", reason.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::evidence::Basis;
    use crate::consent::policy::Regime;
    use crate::consent::rule::Rule;

    fn shown(verdicts: &[(Rule, Verdict)]) -> String {
        let mut out = Vec::new();
        let decision = Decision { activity: Activity::Measure, verdicts: verdicts.to_vec() };
        write(&decision, &mut out).expect("memory takes everything");
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
