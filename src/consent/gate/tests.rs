//! The gate's laws, over enumerated combinations of what a request can say.

mod activities;
mod knobs;
mod precedence;

use std::sync::Arc;

use super::*;
use crate::consent::activity::Sharing;
use crate::consent::prefs::Prefs;
use crate::consent::refusal::RefusalKind;
use crate::consent::regulated::{BrowserCookie, Regulated};
use crate::consent::signals::GdprFlag;
use crate::consent::tcf::vendor_list::{VendorDeclaration, VendorList};
use crate::domain::conversion::Country;
use crate::domain::id::{BrowserId, HashedEmail, HashedPhone};
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::partner::PartnerListing;
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
    signals: Signals<'static>,
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
        signals.see_cookie("pg_prefs", PREFS[pick(3)]);
        signals.see_parameter("adchoices_signal", ADCHOICES[pick(3)]);
        signals.gpc = pick(2) == 1;
        signals.dnt = pick(2) == 1;
        signals.lat = pick(2) == 1;
        signals.coppa = pick(2) == 1;
        signals.gdpr = GDPR[pick(3)];
        signals.see_parameter("gdpr_consent", CONSENT[pick(4)]);
        signals.see_parameter("gpp", GPP[pick(7)]);
        signals.see_parameter("gpp_sid", SECTIONS[pick(6)]);
        signals.see_parameter("us_privacy", US_PRIVACY[pick(5)]);
        signals
            .set_country([None, Country::parse("DE"), Country::parse("US"), Country::parse("JP")][pick(4)]);
        let (children, opted_out) = (pick(2) == 1, pick(2) == 1);
        Self { signals, children, opted_out, regime: Regime::ALL[pick(3)] }
    }

    fn decide(&self, activity: Activity) -> Result<(Regime, Basis), Refused> {
        self.with(|gate, about| gate.decide(activity, &COOKIE.subjects(), about))
    }

    fn with<T>(&self, ask: impl FnOnce(&Gate, &Circumstances<'_>) -> T) -> T {
        let gate = Gate::new(policy(self.regime));
        let heard = gate.hear(&self.signals);
        let opt_outs = OptedOut(self.opted_out);
        ask(
            &gate,
            &Circumstances {
                heard: &heard,
                directed_to_children: self.children,
                opt_outs: &opt_outs,
                now: Timestamp(7),
            },
        )
    }

    /// Each case that differs by one more refusal.
    fn stricter(&self) -> Vec<Self> {
        let mut cases =
            vec![Self { children: true, ..self.clone() }, Self { opted_out: true, ..self.clone() }];
        // From `us` it would be another law, not a stricter one.
        if self.regime == Regime::None {
            cases.push(Self { regime: Regime::Gdpr, ..self.clone() });
        }
        let changes: [fn(&mut Signals<'static>); 20] = [
            |signals| signals.speculative = true,
            |signals| signals.crawler = true,
            |signals| signals.opt_out_cookie = true,
            |signals| signals.see_prefs(Prefs::parse("1000").unwrap()),
            |signals| signals.see_parameter("adchoices_signal", ADCHOICES_LIMIT),
            |signals| signals.see_header("X-AdChoices", b"x"),
            |signals| signals.see_header("Sec-GPC", b"1"),
            |signals| signals.see_header("DNT", b"1"),
            |signals| signals.lat = true,
            |signals| signals.coppa = true,
            |signals| signals.gdpr = GdprFlag::InScope,
            |signals| signals.see_parameter("gdpr_consent", "x"),
            |signals| signals.see_parameter("gpp", USCA_OPTED_OUT),
            |signals| signals.see_parameter("gpp", "x"),
            |signals| signals.see_parameter("gpp", USNAT_PERSONAL_DATA),
            |signals| signals.see_parameter("gpp_sid", "5"),
            |signals| signals.see_parameter("gpp_sid", "x"),
            |signals| signals.see_parameter("us_privacy", "1YYN"),
            |signals| signals.see_parameter("ccpa", "x"),
            |signals| signals.see_parameter("gpp_sid", "2"),
        ];
        cases.extend(changes.map(|change| {
            let mut case = self.clone();
            change(&mut case.signals);
            case
        }));
        cases
    }
}

/// What every hit is asked about.
const OF_HITS: [Activity; 2] = [Activity::Measure, Activity::Identify];
/// All of them, with every kind of partner.
const ACTIVITIES: [Activity; 14] = [
    Activity::Measure,
    Activity::Identify,
    Activity::Match(PartnerListing::Vendor(25)),
    Activity::Match(PartnerListing::Provider(89)),
    Activity::Match(PartnerListing::Unlisted),
    Activity::Audience,
    Activity::Share(PartnerListing::Vendor(25), Sharing::Rtb),
    Activity::Share(PartnerListing::Provider(89), Sharing::Rtb),
    Activity::Share(PartnerListing::Unlisted, Sharing::Rtb),
    Activity::Share(PartnerListing::Vendor(25), Sharing::Measurement),
    Activity::Share(PartnerListing::Provider(89), Sharing::Measurement),
    Activity::Share(PartnerListing::Unlisted, Sharing::Measurement),
    Activity::LinkDevices,
    Activity::WebHistory,
];
const PREFS: [&str; 3] = ["0000", "0111", "x"];
/// Consent to purposes 1 and 7 and to vendor 9999, which is us; the same without purpose 1, and without us.
const CONSENTED: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAABOHwAROHgAAAA";
const NOT_P1: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAAAAAABOHwAROHgAAAA";
const CONSENT: [&str; 4] = ["", CONSENTED, NOT_P1, "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAAAAAAAAAAA"];
const P7_ONLY_BY_INTEREST: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAIAAAABOHwAROHk4fABE4eAA";

/// We ask for consent to purpose 1 and purpose 7.
fn policy(regime: Regime) -> Policy {
    let declaration =
        VendorDeclaration { consent: [1, 7].into_iter().collect(), ..VendorDeclaration::default() };
    Policy { adchoices_participant: Some(2), ..with_vendors(vec![(9_999, declaration)], regime) }
}

/// We are vendor 9999.
fn with_vendors(vendors: Vec<(u16, VendorDeclaration)>, regime: Regime) -> Policy {
    let vendors = VendorList::new(1, Timestamp(0), vendors).expect("each vendor once");
    Policy { vendor_id: Some(9_999), vendors: Some(Arc::new(vendors)), ..Policy::new(regime) }
}

const GDPR: [GdprFlag; 3] = [GdprFlag::Absent, GdprFlag::NotInScope, GdprFlag::InScope];
const SECTIONS: [&str; 6] = ["", "-1", "7", "2", "2,7", "8"];
/// Section 7 without an objection; the same beside section 2.
const USNAT: &str = "DBABLA~BVQqAAAAAAA.QA";
const TCF_AND_USNAT: &str = "DBACMM~CPXX~BVQqAAAAAAA.QA";
const USNAT_PERSONAL_DATA: &str = "DBABLA~BVQqAAAACgA.QA";
const USCA_OPTED_OUT: &str = "DBABBg~BUUAAABA.YA";
const GPP: [&str; 7] = ["", "x", "DBAA", USNAT, TCF_AND_USNAT, USNAT_PERSONAL_DATA, USCA_OPTED_OUT];
const US_PRIVACY: [&str; 5] = ["", "1---", "1YNN", "1YYN", "x"];
const ADCHOICES_LIMIT: &str = "BYVHiWQAAAAA";
/// Limits participants 1 and 3, allows 2, which is us.
const ADCHOICES: [&str; 3] = ["", "BYVHiWSADABAAIQAwABAZEA", ADCHOICES_LIMIT];
const CASES: u64 = (1 << 10) * 4 * 3 * 3 * 3 * 7 * 6 * 5 * 4 * 3;

/// Every 7993rd case: 7993 has no factor in common with the fields' bases, so each combination of a few fields comes.
fn cases() -> impl Iterator<Item = Case> {
    (0..CASES).step_by(7993).map(Case::numbered)
}

/// The same, each with what every hit is asked about and one of the other activities, in turn.
fn questions() -> impl Iterator<Item = (Case, [Activity; 3])> {
    let others = ACTIVITIES.into_iter().skip(OF_HITS.len()).cycle();
    cases().zip(others).map(|(case, other)| (case, [OF_HITS[0], OF_HITS[1], other]))
}

#[test]
fn adding_a_refusal_never_turns_deny_into_allow() {
    for (case, activities) in questions() {
        for activity in activities {
            if case.decide(activity).is_err() {
                for stricter in case.stricter() {
                    assert!(stricter.decide(activity).is_err(), "{activity:?}: {case:?} -> {stricter:?}");
                }
            }
        }
    }
}

/// But for TC strings that consent to purpose 1 and not to 7: they are asked about each on its own.
#[test]
fn identifying_is_permitted_only_where_measuring_is() {
    for case in cases() {
        let measure = case.decide(Activity::Measure).is_ok();
        assert!(measure || case.decide(Activity::Identify).is_err(), "{case:?}");
    }
}

#[test]
fn explain_equals_what_happens() {
    for (case, activities) in questions() {
        for activity in activities {
            let subjects = COOKIE.subjects();
            let first = case.with(|gate, about| {
                gate.explain(activity, &subjects, about).find_map(|(_, verdict)| match verdict {
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
    let permitted = Case::numbered(0).with(|gate, about| gate.admit(COOKIE, about)).expect("nothing denies");
    let evidence = permitted.evidence();
    assert_eq!((permitted.value(), evidence.decided_at), (&COOKIE, Timestamp(7)));
    assert_eq!(evidence.policy, policy(Regime::None).version());
    assert!(evidence.activities.contains(ActivityKind::Identify));
    assert!(!evidence.activities.contains(ActivityKind::Measure));
}

#[test]
fn only_opt_outs_are_of_the_kind_that_erases() {
    let erasing = Refusal::ALL.iter().filter(|reason| reason.kind() == RefusalKind::OptedOut);
    let codes: Vec<_> = erasing.map(|reason| reason.code()).collect();
    assert_eq!(codes, ["opt-out-cookie", "opted-out", "personalize-off"]);
}

/// What a request with these parameters gets for measuring, under `regime` and from a country that is not known.
#[track_caller]
fn check(regime: Regime, parameters: &[(&str, &'static str)], expect: Result<(Regime, Basis), Refusal>) {
    for activity in OF_HITS {
        let mut case = Case { regime, ..Case::numbered(0) };
        parameters.iter().for_each(|(name, value)| case.signals.see_parameter(name, *value));
        let decided = case.decide(activity).map_err(|refused| refused.reason);
        assert_eq!(decided, expect, "{activity:?} {parameters:?}");
        let mut backwards = Case { regime, ..Case::numbered(0) };
        let twice = parameters.iter().rev().chain(parameters);
        twice.for_each(|(name, value)| backwards.signals.see_parameter(name, *value));
        let decided = backwards.decide(activity).map_err(|refused| refused.reason);
        assert_eq!(decided, expect, "backwards and twice: {activity:?} {parameters:?}");
    }
}

const US_BASIS: Result<(Regime, Basis), Refusal> = Ok((Regime::Us, Basis::NotOptedOut));
const NO_BASIS: Result<(Regime, Basis), Refusal> = Ok((Regime::None, Basis::Default));

#[test]
fn us_sections_that_apply_decide() {
    let gpp = |text| [("gpp", text)];
    check(Regime::None, &gpp(USNAT), US_BASIS);
    check(Regime::None, &gpp("DBAA"), NO_BASIS);
    check(Regime::None, &gpp(USNAT_PERSONAL_DATA), Err(Refusal::UsPersonalData));
    check(Regime::None, &gpp(USCA_OPTED_OUT), Err(Refusal::GppGpc));
    check(Regime::None, &gpp("DBABLA~CEAQAAAAAABA.YA"), Err(Refusal::GppGpc));
    check(Regime::None, &gpp("DBABLA~CEAQAAAAAABA.QA"), Err(Refusal::UsOptOut));
    check(Regime::None, &gpp("DBABTA~1YYN"), Err(Refusal::UsOptOut));
    check(Regime::None, &gpp("x"), Err(Refusal::GppMalformed));
    check(Regime::None, &gpp("DBABLA~x"), Err(Refusal::GppSectionMalformed));
    check(Regime::None, &gpp("DBABYA~x"), Err(Refusal::GppSectionUnknown));
    check(Regime::None, &[("gpp_sid", "7")], Err(Refusal::GppSectionMissing));
    check(Regime::None, &[("gpp_sid", "5"), ("gpp", USNAT)], Err(Refusal::GppSectionUnknown));
    check(Regime::None, &[("gpp_sid", "seven"), ("gpp", USNAT)], Err(Refusal::GppSidMalformed));
    check(Regime::None, &[("gpp_sid", "-1"), ("gpp", USCA_OPTED_OUT)], NO_BASIS);
    check(Regime::None, &[("gpp_sid", "-1"), ("gpp", "x")], Err(Refusal::GppMalformed));
}

#[test]
fn of_repeated_strings_all_count() {
    check(Regime::None, &[("gpp", USNAT), ("gpp", USCA_OPTED_OUT)], Err(Refusal::GppGpc));
    check(Regime::None, &[("gpp", USNAT), ("gpp_sid", "-1"), ("gpp_sid", "7")], US_BASIS);
    check(
        Regime::None,
        &[("gpp", USNAT), ("gpp_sid", "7"), ("gpp_sid", "8")],
        Err(Refusal::GppSectionMissing),
    );
    check(Regime::None, &[("us_privacy", "1YNN"), ("usp", "1YYN")], Err(Refusal::UsPrivacyOptOut));
    check(
        Regime::None,
        &[("adchoices_signal", "BYVHiWSADABAAIQAwABAZEA"), ("adchoices_signal", ADCHOICES_LIMIT)],
        Err(Refusal::AdChoices),
    );
}

#[test]
fn a_malformed_us_privacy_string_denies_where_us_law_may_apply() {
    check(Regime::None, &[("us_privacy", "x")], NO_BASIS);
    check(Regime::Us, &[("us_privacy", "x")], Err(Refusal::UsPrivacyMalformed));
    check(Regime::None, &[("us_privacy", "x"), ("gpp", USNAT)], Err(Refusal::UsPrivacyMalformed));
    check(Regime::None, &[("us_privacy", "1YNN")], US_BASIS);
    check(Regime::None, &[("us_privacy", "1---")], NO_BASIS);
    check(Regime::None, &[("ccpa", "1YYN")], Err(Refusal::UsPrivacyOptOut));
}

#[test]
fn an_adchoices_signal_only_ever_denies() {
    let limits_us = |participant, signal| {
        let gate = Gate::new(Policy { adchoices_participant: participant, ..Policy::new(Regime::None) });
        let mut signals = Signals::default();
        signals.see_header("Cookie2", signal);
        let heard = gate.hear(&signals);
        (heard.adchoices_limits, heard.malformed_adchoices())
    };
    let (global, mixed) = (ADCHOICES_LIMIT.as_bytes(), ADCHOICES[1].as_bytes());
    assert_eq!(limits_us(None, global), (true, 0));
    assert_eq!(limits_us(None, mixed), (false, 0));
    assert_eq!(limits_us(Some(1), mixed), (true, 0));
    assert_eq!(limits_us(Some(2), mixed), (false, 0));
    assert_eq!(limits_us(Some(2), b"$Version=1"), (false, 1));
    assert_eq!(limits_us(Some(2), b"\xff"), (false, 1));
    check(Regime::Gdpr, &[("adchoices_signal", ADCHOICES[1])], Err(Refusal::GdprConsentAbsent));
}

/// Strings by what they grant: bit 0 consent to purpose 1, 1 consent to purpose 7, 2 interest in purpose 7, 3 consent
/// to us, 4 our interest.
const BY_BITS: [&str; 32] = [
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAAAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAAAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAAAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAIAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAIAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAIAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAIAAAAAAAAAAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAAAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAAAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAAAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAIAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAIAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAIAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAIAAAABOHwAROHgAAAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAAAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAAAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAAAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAIAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAIAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAIAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAIAAAAAAACcPgAicPAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAAAAAABOHwAROHk4fABE4eAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAAAAAABOHwAROHk4fABE4eAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAAAAAABOHwAROHk4fABE4eAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAABOHwAROHk4fABE4eAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAAAAAIAAAABOHwAROHk4fABE4eAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAIAAAABOHwAROHk4fABE4eAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAIAAAABOHwAROHk4fABE4eAA",
    "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAIAAAABOHwAROHk4fABE4eAA",
];

/// What `text` permits for measuring and for identifying, where our declaration of purpose 7 is `consent` or not.
fn granted(text: &'static str, consent: bool) -> [Result<(Regime, Basis), Refusal>; 2] {
    let only = |purposes: &[u8]| purposes.iter().copied().collect();
    let declaration = match consent {
        true => VendorDeclaration { consent: only(&[1, 7]), ..VendorDeclaration::default() },
        false => VendorDeclaration {
            consent: only(&[1]),
            legitimate_interest: only(&[7]),
            ..VendorDeclaration::default()
        },
    };
    let gate = Gate::new(with_vendors(vec![(9_999, declaration)], Regime::Gdpr));
    let mut signals = Signals::default();
    signals.see_parameter("gdpr_consent", text);
    let about = Circumstances {
        heard: &gate.hear(&signals),
        directed_to_children: false,
        opt_outs: &OptedOut(false),
        now: Timestamp(7),
    };
    OF_HITS.map(|activity| gate.decide(activity, &[None; 3], &about).map_err(|refused| refused.reason))
}

#[test]
fn the_declared_basis_is_what_counts_and_removing_a_bit_never_allows_more() {
    for consent in [true, false] {
        for (bits, text) in BY_BITS.iter().enumerate() {
            let has = |all: usize| bits & all == all;
            let measure = if consent { has(0b01010) } else { has(0b10100) };
            let [measured, identified] = granted(text, consent);
            assert_eq!(
                (measured.is_ok(), identified.is_ok()),
                (measure, has(0b01001)),
                "{bits:05b} {consent}"
            );
            let basis = if consent { Basis::Consent } else { Basis::LegitimateInterest };
            assert!(measured.is_err() || measured == Ok((Regime::Gdpr, basis)));
            for removed in 0..5 {
                let fewer = granted(BY_BITS[bits & !(1 << removed)], consent);
                assert!(measured.is_ok() || fewer[0].is_err());
                assert!(identified.is_ok() || fewer[1].is_err());
            }
        }
    }
}

#[test]
fn every_tc_string_must_allow_and_gpp_brings_one_too() {
    let consent = Ok((Regime::Gdpr, Basis::Consent));
    let gpp = |text: &str| -> &'static str { Box::leak(format!("DBABMA~{text}").into_boxed_str()) };
    check(Regime::Gdpr, &[("gdpr_consent", CONSENTED)], consent);
    check(Regime::None, &[("gdpr", "1"), ("gdpr_consent", CONSENTED)], consent);
    check(Regime::None, &[("gpp", gpp(CONSENTED))], consent);
    check(Regime::None, &[("gpp_sid", "2"), ("gdpr_consent", CONSENTED)], consent);
    let refused = Err(Refusal::TcNoConsent);
    check(
        Regime::Gdpr,
        &[("gdpr_consent", CONSENTED), ("gdpr_consent", P7_ONLY_BY_INTEREST), ("gdpr_consent", NOT_P1)],
        refused,
    );
    check(Regime::Gdpr, &[("gdpr_consent", CONSENTED), ("gpp_sid", "-1"), ("gpp", gpp(CONSENT[3]))], refused);
    check(
        Regime::None,
        &[("gpp_sid", "2"), ("gpp", "DBAA"), ("gdpr_consent", CONSENTED)],
        Err(Refusal::GppSectionMissing),
    );
    check(Regime::Gdpr, &[("gdpr_consent", CONSENTED), ("gdpr_consent", "x")], Err(Refusal::TcMalformed));
    check(Regime::None, &[("gdpr_consent", "x")], NO_BASIS);
}

/// Only this subject has opted out.
struct Only(Subject);

impl OptOutView for Only {
    fn is_opted_out(&self, subject: Subject) -> bool {
        subject == self.0
    }
}

#[test]
fn an_opt_out_of_anyone_whom_a_value_is_about_counts() {
    let (browser, email, phone) = (BrowserId::from_bytes([1; 16]), [2; 32], [3; 32]);
    let subjects = [
        Subject::Browser(browser),
        Subject::Email(HashedEmail::from_bytes(email)),
        Subject::Phone(HashedPhone::from_bytes(phone)),
    ];
    let gate = Gate::new(Policy::new(Regime::None));
    let decide = |opt_outs: &Only| {
        let signals = Signals::default();
        let heard = gate.hear(&signals);
        let about = Circumstances { heard: &heard, directed_to_children: false, opt_outs, now: Timestamp(0) };
        gate.decide(Activity::Measure, &subjects.map(Some), &about).map_err(|refused| refused.reason)
    };
    for subject in subjects {
        assert_eq!(decide(&Only(subject)), Err(Refusal::OptedOut), "{subject:?}");
    }
    let another = Subject::Email(HashedEmail::from_bytes(phone));
    assert!(decide(&Only(another)).is_ok());
}
