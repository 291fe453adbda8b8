//! What the gate would say of a hit, rule by rule. Stores nothing.

use super::hit::{Browser, PixelHit, Visitor};
use super::live::Live;
use super::pixel::resolve;
use crate::consent::activity::Activity;
use crate::consent::rule::{Circumstances, Rule, Verdict};
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::time::Timestamp;

/// For each activity, what each rule says, in the order of precedence: the first that denies is the reason.
pub type Explanation = Vec<(Activity, Vec<(Rule, Verdict)>)>;

/// Asks the very rules that a hit is decided by. A hit that is invalid is explained as if its site were an ordinary
/// one.
pub fn explain(
    hit: &PixelHit<'_>,
    visitor: &Visitor,
    live: &Live,
    opt_outs: &dyn OptOutView,
    now: Timestamp,
) -> Explanation {
    let drafts = resolve(hit, &live.registry);
    let directed_to_children = drafts.is_ok_and(|drafts| drafts.pixel.directed_to_children);
    let about = Circumstances { signals: &visitor.signals, directed_to_children, opt_outs, now };
    let subject = match visitor.browser {
        Browser::Known(known) => Some(Subject::Browser(known.cookie.browser_id)),
        Browser::New | Browser::Ambiguous => None,
    };
    let ask = |activity| (activity, live.gate.explain(activity, subject, &about).collect());
    Activity::ALL.into_iter().map(ask).collect()
}
