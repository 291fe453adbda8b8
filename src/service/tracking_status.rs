//! Whether a request is tracked, in the words of "Tracking Preference Expression" (W3C Note of 17 January 2019).

use super::hit::Visitor;
use super::live::Live;
use super::outcome::Outcome;
use crate::consent::activity::Activity;
use crate::consent::evidence::Basis;
use crate::consent::rule::{Circumstances, Verdict};
use crate::domain::opt_out::{OptOutView, Subject};

/// What a `Tk` header and a tracking status resource can say here (section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackingStatus {
    /// `N`
    NotTracking,
    /// `T`
    Tracking,
    /// `C`
    Consented,
    /// `U`: the request changed it.
    Updated,
}

impl TrackingStatus {
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotTracking => "N",
            Self::Tracking => "T",
            Self::Consented => "C",
            Self::Updated => "U",
        }
    }

    /// What a hit of this visitor on an ordinary site would come to. Stores nothing.
    pub fn of_visitor(visitor: &Visitor<'_>, live: &Live, opt_outs: &dyn OptOutView) -> Self {
        let heard = live.gate.hear(&visitor.signals);
        let about = Circumstances { heard: &heard, directed_to_children: false, opt_outs, now: visitor.at };
        let browser = visitor.browser.id().map(Subject::Browser);
        let mut status = Self::NotTracking;
        for (_, verdict) in live.gate.explain(Activity::Measure, &[browser, None, None], &about) {
            match verdict {
                Verdict::Deny(_) => return Self::NotTracking,
                Verdict::Allow(_, Basis::Consent) if status == Self::NotTracking => status = Self::Consented,
                Verdict::Allow(..) if status == Self::NotTracking => status = Self::Tracking,
                Verdict::Allow(..) | Verdict::Abstain => {}
            }
        }
        status
    }

    /// The same after the hit: what was not kept was not tracked.
    pub fn after(self, outcomes: &[Outcome]) -> Self {
        if outcomes.iter().any(Outcome::is_kept) { self } else { Self::NotTracking }
    }
}
