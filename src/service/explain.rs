//! What the gate would say of a hit, rule by rule. Stores nothing.

use super::hit::{Browser, PixelHit, Visitor};
use super::live::Live;
use super::pixel::resolve;
use crate::consent::activity::Activity;
use crate::consent::rule::{Circumstances, Rule, Verdict};
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::time::Timestamp;

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
        decisions: Activity::ALL.into_iter().map(ask).collect(),
        details: heard.details().collect(),
    }
}
