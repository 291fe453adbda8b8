//! What the gate would say of a hit, rule by rule. Stores nothing.

use serde_json::{Value, json};

use super::hit::{PixelHit, Visitor};
use super::live::Live;
use super::partners::Partners;
use super::resolve::resolve;
use crate::consent::activity::{Activity, ActivityKind};
use crate::consent::facts::Fact;
use crate::consent::rule::{Circumstances, Rule, Verdict};
use crate::domain::conversion::Country;
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::partner::{PartnerKind, PartnerKinds, PartnerListing};
use crate::domain::time::Timestamp;

/// What is asked: activities by their names, each once, and the partner in those that have one (one on no list if it
/// is not named). Without a name: what every hit is asked about, and what a partner that is named as it is registered is
/// there for. `all` stands for all of them.
pub fn activities<'n>(
    names: impl Iterator<Item = &'n str>,
    partner: Option<&str>,
    partners: &Partners,
) -> Result<Vec<Activity>, BadQuestion> {
    let (partner, registered_as) = match partner {
        Some(text) => asked_partner(text, partners).ok_or(BadQuestion::Partner)?,
        None => (PartnerListing::Unlisted, None),
    };
    let mut kinds = Vec::new();
    for name in names {
        match ActivityKind::from_name(name) {
            Some(kind) => kinds.push(kind),
            None if name == "all" => kinds.extend(ActivityKind::ALL),
            None => return Err(BadQuestion::Activity),
        }
    }
    if kinds.is_empty() {
        kinds.extend([ActivityKind::Measure, ActivityKind::Identify]);
        kinds.extend(registered_as.into_iter().flat_map(activities_of));
    }
    let asked = ActivityKind::ALL.into_iter().filter(|kind| kinds.contains(kind));
    Ok(asked.map(|kind| kind.with(partner)).collect())
}

/// How a partner is listed, and its kinds where it is called by the name that it is registered by. No name is a number.
fn asked_partner(text: &str, partners: &Partners) -> Option<(PartnerListing, Option<PartnerKinds>)> {
    let listed = PartnerListing::parse(text).map(|listing| (listing, None));
    listed.or_else(|| partners.named(text).map(|partner| (partner.listing, Some(partner.kinds))))
}

/// What a partner of these kinds gets data for.
fn activities_of(kinds: PartnerKinds) -> impl Iterator<Item = ActivityKind> {
    let all = [
        (kinds.are_matched(), ActivityKind::Match),
        (kinds.contains(PartnerKind::Rtb), ActivityKind::ShareRtb),
        (kinds.contains(PartnerKind::Measurement), ActivityKind::ShareMeasurement),
    ];
    all.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, kind)| kind)
}

/// What is asked about a hit.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub activities: &'a [Activity],
    /// Instead of the one that the request seems to come from.
    pub country: Option<Country>,
}

/// Why nothing can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadQuestion {
    #[error("the activities are {}, and all", ActivityKind::ALL.map(ActivityKind::name).join(", "))]
    Activity,
    #[error(
        "a partner is the name of one that is registered, or its id in the Global Vendor List (755) or in Google's list of \
         providers (atp:89)"
    )]
    Partner,
}

/// What was said, and what the rules make of it.
#[derive(Debug)]
pub struct Explanation {
    pub decisions: Vec<Decision>,
    /// The bits that were read.
    pub facts: Vec<Fact>,
    /// What the codes of refusals leave out: which section of a string, which clause, what was wrong with it.
    pub details: Vec<String>,
}

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

    pub fn is_permitted(&self) -> bool {
        self.allowed_by().is_some()
    }

    /// The rule that decided; `None` where all abstain, which is a refusal.
    pub fn decided_by(&self) -> Option<Rule> {
        self.denied_by().or_else(|| self.allowed_by())
    }

    fn as_json(&self) -> Value {
        let reason = self.verdicts.iter().find_map(|(_, verdict)| match verdict {
            Verdict::Deny(reason) => Some(reason.code()),
            _ => None,
        });
        let rules = self.verdicts.iter().map(|(rule, verdict)| rule_json(*rule, verdict));
        json!({
            "activity": self.activity.kind().name(),
            "permitted": self.is_permitted(),
            "decided_by": self.decided_by().map(Rule::name),
            "reason": reason,
            "rules": rules.collect::<Vec<_>>(),
        })
    }
}

fn rule_json(rule: Rule, verdict: &Verdict) -> Value {
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

impl Explanation {
    pub fn as_json(&self) -> Value {
        let facts =
            self.facts.iter().map(|fact| json!({"of": fact.of, "what": fact.what, "says": fact.says}));
        json!({
            "decisions": self.decisions.iter().map(Decision::as_json).collect::<Vec<_>>(),
            "read": facts.collect::<Vec<_>>(),
            "details": self.details,
        })
    }
}

/// Asks the very rules that a hit is decided by. A hit that is invalid is explained as if its site were an ordinary
/// one; of several events the first is meant, as the addresses of each may have opted out.
pub fn explain(
    activities: &[Activity],
    hit: &PixelHit<'_>,
    visitor: &Visitor<'_>,
    live: &Live,
    opt_outs: &dyn OptOutView,
    now: Timestamp,
) -> Explanation {
    let drafts = resolve(hit, &live.registry).ok();
    let directed_to_children = drafts.as_ref().is_some_and(|drafts| drafts.pixel.directed_to_children);
    let (email, phone) = drafts.as_ref().map_or((None, None), |drafts| drafts.addresses(hit));
    let heard = live.gate.hear(&visitor.signals);
    let about = Circumstances { heard: &heard, directed_to_children, opt_outs, now };
    let browser = visitor.browser.id().map(Subject::Browser);
    let subjects = [browser, email.map(Subject::Email), phone.map(Subject::Phone)];
    let ask =
        |activity| Decision { activity, verdicts: live.gate.explain(activity, &subjects, &about).collect() };
    Explanation {
        decisions: activities.iter().copied().map(ask).collect(),
        facts: live.gate.facts(&heard, activities),
        details: heard.details().collect(),
    }
}
