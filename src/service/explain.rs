//! What the gate would say of a hit, rule by rule. Stores nothing.

use super::hit::{Browser, PixelHit, Visitor};
use super::live::Live;
use super::pixel::resolve;
use crate::consent::activity::{Activity, ActivityKind, Partner};
use crate::consent::rule::{Circumstances, Rule, Verdict};
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::time::Timestamp;

/// What is asked: activities by their names, each once, and the partner in those that have one (one on no list if it
/// is not named). Without a name: what every hit is asked about. `all` stands for all of them.
pub fn question<'n>(
    names: impl Iterator<Item = &'n str>,
    partner: Option<&str>,
) -> Result<Vec<Activity>, BadQuestion> {
    let partner = match partner {
        Some(text) => Partner::parse(text).ok_or(BadQuestion::Partner)?,
        None => Partner::Unlisted,
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
    }
    let asked = ActivityKind::ALL.into_iter().filter(|kind| kinds.contains(kind));
    Ok(asked.map(|kind| kind.with(partner)).collect())
}

/// Why nothing can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadQuestion {
    #[error("the activities are {}, and all", ActivityKind::ALL.map(ActivityKind::name).join(", "))]
    Activity,
    #[error("a partner is its id in the Global Vendor List (755), or in Google's list of providers (atp:89)")]
    Partner,
}

/// What was said, and what the rules make of it.
#[derive(Debug)]
pub struct Explanation {
    /// For each activity, what each rule says, in the order of precedence: the first that denies is the reason.
    pub decisions: Vec<(Activity, Vec<(Rule, Verdict)>)>,
    /// What the codes of refusals leave out: which section of a string, which clause, what was wrong with it.
    pub details: Vec<String>,
}

/// Asks the very rules that a hit is decided by. A hit that is invalid is explained as if its site were an ordinary
/// one.
pub fn explain(
    activities: &[Activity],
    hit: &PixelHit<'_>,
    visitor: &Visitor<'_>,
    live: &Live,
    opt_outs: &dyn OptOutView,
    now: Timestamp,
) -> Explanation {
    let drafts = resolve(hit, &live.registry);
    let directed_to_children = drafts.is_ok_and(|drafts| drafts.pixel.directed_to_children);
    let heard = live.gate.hear(&visitor.signals);
    let about = Circumstances { heard: &heard, directed_to_children, opt_outs, now };
    let browser = match visitor.browser {
        Browser::Known(known) => Some(Subject::Browser(known.cookie.browser_id)),
        Browser::New | Browser::Ambiguous => None,
    };
    let subjects = [browser, None, None];
    let ask = |activity| (activity, live.gate.explain(activity, &subjects, &about).collect());
    Explanation {
        decisions: activities.iter().copied().map(ask).collect(),
        details: heard.details().collect(),
    }
}
