//! The gate: the one place where a [`Permitted`] is made.

use super::activity::{Activity, ActivitySet};
use super::evidence::{Basis, Evidence};
use super::policy::{Policy, PolicyVersion, Regime};
use super::refusal::{Refusal, Refused};
use super::regulated::Regulated;
use super::rule::{Circumstances, Rule, Verdict};
use crate::domain::opt_out::Subject;

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
        Self { policy, version: policy.version() }
    }

    /// Lets `value` through, without its identifiers where identifying is not permitted, or drops it.
    pub fn admit<T: Regulated>(
        &self,
        mut value: T,
        about: &Circumstances<'_>,
    ) -> Result<Permitted<T>, Refused> {
        let subject = value.subject();
        let (regime, basis) = self.decide(T::ACTIVITY, subject, about)?;
        let identify =
            T::ACTIVITY == Activity::Identify || self.decide(Activity::Identify, subject, about).is_ok();
        if !identify {
            value.forget_identifiers();
        }
        let permitted = [T::ACTIVITY].into_iter().chain(identify.then_some(Activity::Identify));
        let activities = ActivitySet::of(permitted);
        let evidence = Evidence { regime, basis, activities, policy: self.version, decided_at: about.now };
        Ok(Permitted { value, evidence })
    }

    /// Deny if any rule denies; otherwise the first ground that a rule gives.
    fn decide(
        &self,
        activity: Activity,
        subject: Option<Subject>,
        about: &Circumstances<'_>,
    ) -> Result<(Regime, Basis), Refused> {
        let mut ground = None;
        // All of them before any is looked at: unrolled, each costs a comparison or two.
        for verdict in Rule::ALL.map(|rule| rule.judge(activity, subject, &self.policy, about)) {
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
        subject: Option<Subject>,
        about: &Circumstances<'_>,
    ) -> impl Iterator<Item = (Rule, Verdict)> {
        Rule::ALL.into_iter().map(move |rule| (rule, rule.judge(activity, subject, &self.policy, about)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::refusal::RefusalKind;
    use crate::consent::regulated::BrowserCookie;
    use crate::consent::signals::{GdprFlag, GppSections, Personalize, Signals};
    use crate::domain::conversion::Country;
    use crate::domain::id::BrowserId;
    use crate::domain::opt_out::OptOutView;
    use crate::domain::time::Timestamp;

    struct OptedOut(bool);

    impl OptOutView for OptedOut {
        fn is_opted_out(&self, _: Subject) -> bool {
            self.0
        }
    }

    const COOKIE: BrowserCookie = BrowserCookie { browser_id: BrowserId::from_bytes([1; 16]), issued_day: 1 };

    /// Everything that a decision depends on, so that all of it can be enumerated.
    #[derive(Debug, Clone, PartialEq)]
    struct Case {
        signals: Signals,
        children: bool,
        opted_out: bool,
        regime: Regime,
    }

    impl Case {
        /// One case for each number; the digits of the number, in mixed bases, are its fields.
        fn numbered(mut number: u64) -> Self {
            let mut pick = |count: u64| {
                let picked = number % count;
                number /= count;
                picked as usize
            };
            let mut signals = Signals::default();
            signals.speculative = pick(2) == 1;
            signals.crawler = pick(2) == 1;
            signals.opt_out_cookie = pick(2) == 1;
            signals.personalize = PERSONALIZE[pick(3)];
            signals.adchoices = pick(2) == 1;
            signals.gpc = pick(2) == 1;
            signals.dnt = pick(2) == 1;
            signals.lat = pick(2) == 1;
            signals.coppa = pick(2) == 1;
            signals.gdpr = GDPR[pick(3)];
            signals.gdpr_consent = pick(2) == 1;
            signals.gpp = pick(2) == 1;
            signals.gpp_sid = SECTIONS[pick(4)];
            signals.us_privacy = pick(2) == 1;
            signals.additional_consent = pick(2) == 1;
            signals.set_country(
                [None, Country::parse("DE"), Country::parse("US"), Country::parse("JP")][pick(4)],
            );
            let (children, opted_out) = (pick(2) == 1, pick(2) == 1);
            Self { signals, children, opted_out, regime: Regime::ALL[pick(3)] }
        }

        fn decide(&self, activity: Activity) -> Result<(Regime, Basis), Refused> {
            self.with(|gate, about| gate.decide(activity, Some(Subject::Browser(COOKIE.browser_id)), about))
        }

        fn with<T>(&self, ask: impl FnOnce(&Gate, &Circumstances<'_>) -> T) -> T {
            let gate = Gate::new(Policy { default_regime: self.regime });
            let opt_outs = OptedOut(self.opted_out);
            ask(
                &gate,
                &Circumstances {
                    signals: &self.signals,
                    directed_to_children: self.children,
                    opt_outs: &opt_outs,
                    now: Timestamp(7),
                },
            )
        }

        /// Each case that differs by one more refusal.
        fn stricter(&self) -> Vec<Self> {
            let mut cases = vec![
                Self { children: true, ..self.clone() },
                Self { opted_out: true, ..self.clone() },
                Self { regime: Regime::Gdpr, ..self.clone() },
            ];
            let changes: [fn(&mut Signals); 15] = [
                |signals| signals.speculative = true,
                |signals| signals.crawler = true,
                |signals| signals.opt_out_cookie = true,
                |signals| signals.personalize = Personalize::Off,
                |signals| signals.adchoices = true,
                |signals| signals.see_header("Sec-GPC", b"1"),
                |signals| signals.see_header("DNT", b"1"),
                |signals| signals.lat = true,
                |signals| signals.coppa = true,
                |signals| signals.gdpr = GdprFlag::InScope,
                |signals| signals.gdpr_consent = true,
                |signals| signals.gpp = true,
                |signals| signals.gpp_sid = signals.gpp_sid.max(GppSections::Other),
                |signals| signals.us_privacy = true,
                |signals| signals.additional_consent = true,
            ];
            cases.extend(changes.map(|change| {
                let mut case = self.clone();
                change(&mut case.signals);
                case
            }));
            cases
        }
    }

    const PERSONALIZE: [Personalize; 3] = [Personalize::On, Personalize::Malformed, Personalize::Off];
    const GDPR: [GdprFlag; 3] = [GdprFlag::Absent, GdprFlag::NotInScope, GdprFlag::InScope];
    const SECTIONS: [GppSections; 4] =
        [GppSections::Absent, GppSections::NotApplicable, GppSections::Other, GppSections::WithGdpr];
    const CASES: u64 = (1 << 13) * 3 * 3 * 4 * 4 * 3 * 2;

    /// Every 37th case: 37 has no factor in common with the fields' bases, so each combination of a few fields comes.
    fn cases() -> impl Iterator<Item = Case> {
        (0..CASES).step_by(37).map(Case::numbered)
    }

    #[test]
    fn adding_a_refusal_never_turns_deny_into_allow() {
        for case in cases() {
            for activity in Activity::ALL {
                if case.decide(activity).is_err() {
                    for stricter in case.stricter() {
                        assert!(stricter.decide(activity).is_err(), "{activity:?}: {case:?} -> {stricter:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn identifying_is_permitted_only_where_measuring_is() {
        for case in cases() {
            let measure = case.decide(Activity::Measure).is_ok();
            assert!(measure || case.decide(Activity::Identify).is_err(), "{case:?}");
        }
    }

    #[test]
    fn explain_equals_what_happens() {
        for case in cases() {
            for activity in Activity::ALL {
                let subject = Some(Subject::Browser(COOKIE.browser_id));
                let first = case.with(|gate, about| {
                    gate.explain(activity, subject, about).find_map(|(_, verdict)| match verdict {
                        Verdict::Deny(reason) => Some(reason),
                        _ => None,
                    })
                });
                assert_eq!(case.decide(activity).err().map(|refused| refused.reason), first, "{case:?}");
            }
        }
    }

    #[test]
    fn a_request_that_says_nothing_gets_the_default_regime() {
        let decide = |regime| Case { regime, ..Case::numbered(0) }.decide(Activity::Identify);
        assert_eq!(decide(Regime::None), Ok((Regime::None, Basis::Default)));
        assert_eq!(decide(Regime::Us), Ok((Regime::Us, Basis::NotOptedOut)));
        assert_eq!(decide(Regime::Gdpr), Err(Refused { reason: Refusal::GdprConsentAbsent }));
    }

    #[test]
    fn the_country_decides_where_the_request_does_not() {
        let decide = |code, gdpr| {
            let mut case = Case::numbered(0);
            case.signals.set_country(Country::parse(code));
            case.signals.gdpr = gdpr;
            case.decide(Activity::Measure)
        };
        assert_eq!(decide("DE", GdprFlag::Absent), Err(Refused { reason: Refusal::GdprConsentAbsent }));
        assert_eq!(decide("DE", GdprFlag::NotInScope), Ok((Regime::None, Basis::NotRequired)));
        assert_eq!(decide("US", GdprFlag::Absent), Ok((Regime::Us, Basis::NotOptedOut)));
        assert_eq!(decide("JP", GdprFlag::Absent), Ok((Regime::None, Basis::NotRequired)));
    }

    #[test]
    fn a_permit_carries_its_evidence() {
        let permitted =
            Case::numbered(0).with(|gate, about| gate.admit(COOKIE, about)).expect("nothing denies");
        let evidence = permitted.evidence();
        assert_eq!((permitted.value(), evidence.decided_at), (&COOKIE, Timestamp(7)));
        assert_eq!(evidence.policy, Policy { default_regime: Regime::None }.version());
        assert!(evidence.activities.contains(Activity::Identify));
        assert!(!evidence.activities.contains(Activity::Measure));
    }

    #[test]
    fn only_opt_outs_are_of_the_kind_that_erases() {
        let erasing = Refusal::ALL.iter().filter(|reason| reason.kind() == RefusalKind::OptedOut);
        let codes: Vec<_> = erasing.map(|reason| reason.code()).collect();
        assert_eq!(codes, ["opt-out-cookie", "opted-out", "personalize-off"]);
    }
}
