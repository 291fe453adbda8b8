//! What each activity needs: of TC strings, of partners, of a person's settings, and of the region.

use super::*;
use crate::consent::gpp::base64url;
use crate::domain::id::{EventId, PartnerId};
use crate::domain::matching::{MatchProof, MatchScope, PartnerMatch};
use crate::domain::partner::PartnerUserId;

const PARTNER: u16 = 25;
const PROVIDER: u32 = 89;
const BOTH: [u16; 2] = [PARTNER, 9_999];

/// A TC string of 2025 with consent to these purposes and vendors, and the opt-in to special feature 2 or not.
fn tc_string(purposes: &[u8], vendors: &[u16], opt_in: bool) -> String {
    let bit = |on: bool| if on { '1' } else { '0' };
    let purposes: String = (1..=24).map(|id| bit(purposes.contains(&id))).collect();
    let ranges: String = vendors.iter().map(|id| format!("0{id:016b}")).collect();
    let created = 17_500_000_000_u64;
    let mut bits = format!("000010{created:036b}{created:036b}{:054b}00010110", 0);
    bits += &format!("0{}{:010b}{purposes}{:037b}", bit(opt_in), 0, 0);
    bits += &format!("{:016b}1{:012b}{ranges}{:017b}{:012b}", 65_535, vendors.len(), 0, 0);
    base64url(&bits)
}

/// Both ask for consent to all purposes; we link devices, and don't scan them.
fn both_on_list() -> Policy {
    let all = (1..=11).collect();
    let partner = VendorDeclaration { consent: all, ..VendorDeclaration::default() };
    let us = VendorDeclaration { features: [2].into_iter().collect(), ..partner };
    with_vendors(vec![(9_999, us), (PARTNER, partner)], Regime::Gdpr)
}

pub(super) fn decide(
    activity: Activity,
    policy: &Policy,
    parameters: &[(&str, &str)],
) -> Result<Basis, Refusal> {
    let gate = Gate::new(policy.clone());
    let mut signals = Signals::default();
    for (name, value) in parameters {
        match *name {
            "pg_prefs" => signals.see_cookie(name, value),
            "Sec-GPC" | "DNT" => signals.see_header(name, value.as_bytes()),
            "country" => signals.set_country(Country::parse(value)),
            name => signals.see_parameter(name, (*value).to_owned()),
        }
    }
    let heard = gate.hear(&signals);
    let opt_outs = OptedOut(false);
    let about =
        Circumstances { heard: &heard, directed_to_children: false, opt_outs: &opt_outs, now: Timestamp(7) };
    gate.decide(activity, &[None; 3], &about).map(|(_, basis)| basis).map_err(|refused| refused.reason)
}

/// The table of needs, in plain words.
fn needs(activity: Activity, purpose: impl Fn(u8) -> bool) -> bool {
    match activity {
        Activity::Measure | Activity::Share(_, Sharing::Measurement) => purpose(7),
        Activity::Identify => purpose(1),
        Activity::Match(_) => purpose(1) && (purpose(3) || purpose(4)),
        Activity::Audience => purpose(1) && purpose(3) && purpose(4),
        Activity::Share(_, Sharing::Rtb) => purpose(2) && purpose(4),
        Activity::LinkDevices => purpose(1) && purpose(3),
        Activity::WebHistory => purpose(1) && purpose(9),
    }
}

#[test]
fn every_activity_needs_its_purposes_for_us_and_for_the_partner() {
    let policy = both_on_list();
    let (mut permitted, named) = (0, [1, 2, 3, 4, 7, 9]);
    for bits in 0..1_u32 << 8 {
        let purposes: Vec<u8> = named
            .into_iter()
            .filter(|id| bits & 1 << (id % 7) != 0 || *id == 9 && bits & 1 << 5 != 0)
            .collect();
        let (us, partner) = (bits & 1 << 6 != 0, bits & 1 << 7 != 0);
        let vendors: Vec<u16> = [(PARTNER, partner), (9_999, us)]
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(id, _)| id)
            .collect();
        let text = tc_string(&purposes, &vendors, false);
        for activity in ACTIVITIES {
            let both = match activity {
                Activity::Match(PartnerListing::Vendor(_))
                | Activity::Share(PartnerListing::Vendor(_), _) => us && partner,
                Activity::Match(_) | Activity::Share(..) => us && purposes.contains(&1),
                _ => us,
            };
            let unlisted = matches!(
                activity,
                Activity::Match(PartnerListing::Unlisted) | Activity::Share(PartnerListing::Unlisted, _)
            );
            let expect = both && !unlisted && needs(activity, |id| purposes.contains(&id));
            let parameters = [("gdpr_consent", &*text), ("addtl_consent", "1~7.89"), ("country", "GB")];
            let found = decide(activity, &policy, &parameters);
            assert_eq!(found.is_ok(), expect, "{activity:?} {purposes:?} {vendors:?}: {found:?}");
            permitted += usize::from(expect);
        }
    }
    assert!(permitted > 300, "{permitted}");
}

#[test]
fn the_evidence_of_a_match_says_whether_it_may_be_used_for_audiences() {
    let gate = Gate::new(both_on_list());
    for (purposes, expect) in [
        (&[1, 3, 4][..], &["identify", "match", "audience"][..]),
        (&[1, 3], &["identify", "match"]),
        (&[1, 4, 7], &["identify", "match"]),
        (&[3, 4], &[]),
    ] {
        let mut signals = Signals::default();
        signals.see_parameter("gdpr_consent", tc_string(purposes, &BOTH, false));
        let heard = gate.hear(&signals);
        let about = Circumstances {
            heard: &heard,
            directed_to_children: false,
            opt_outs: &OptedOut(false),
            now: Timestamp(7),
        };
        let admitted = gate.admit(partner_match(), &about);
        let noted: Vec<_> = admitted.iter().flat_map(|found| found.evidence().activities.names()).collect();
        assert_eq!(noted, expect, "{purposes:?}");
    }
}

fn partner_match() -> PartnerMatch {
    PartnerMatch {
        id: EventId::from_bytes([1; 16]),
        at: Timestamp(7),
        partner_id: PartnerId::from_number(1),
        listing: PartnerListing::Vendor(PARTNER),
        partner_user_id: PartnerUserId::from_stored("u1", |_| [7; 32]),
        browser_id: BrowserId::from_bytes([1; 16]),
        scope: MatchScope::Global,
        proof: MatchProof::Signed,
        country: None,
    }
}

#[test]
fn a_partner_without_a_basis_is_told_from_us() {
    let policy = both_on_list();
    let match_it = Activity::Match(PartnerListing::Vendor(PARTNER));
    let ask = |activity, purposes: &[u8], vendors: &[u16]| {
        decide(activity, &policy, &[("gdpr_consent", &tc_string(purposes, vendors, false))])
    };
    assert_eq!(ask(match_it, &[1, 3], &BOTH), Ok(Basis::Consent));
    assert_eq!(ask(match_it, &[1, 3], &[9_999]), Err(Refusal::TcPartner));
    assert_eq!(ask(match_it, &[1, 3], &[PARTNER]), Err(Refusal::TcNoConsent));
    assert_eq!(
        ask(Activity::Match(PartnerListing::Vendor(26)), &[1, 3], &[26, 9_999]),
        Err(Refusal::TcPartner)
    );
    assert_eq!(ask(Activity::Match(PartnerListing::Unlisted), &[1, 3], &BOTH), Err(Refusal::TcPartner));
    assert_eq!(decide(match_it, &policy, &[("gdpr_consent", "x")]), Err(Refusal::TcMalformed));
    assert_eq!(decide(match_it, &policy, &[]), Err(Refusal::GdprConsentAbsent));
    // Outside the GDPR nobody has to be on a list.
    let elsewhere = Policy { default_regime: Regime::None, ..policy.clone() };
    assert_eq!(decide(Activity::Match(PartnerListing::Unlisted), &elsewhere, &[]), Ok(Basis::Default));
}

#[test]
fn additional_consent_counts_for_providers_only_and_with_purpose_1_only() {
    let policy = both_on_list();
    let (all, not_p1) = (tc_string(&[1, 3, 7], &[9_999], false), tc_string(&[3, 7], &[9_999], false));
    let ask = |partner, tc: &str, additional: &[&str]| {
        let mut parameters = vec![("gdpr_consent", tc)];
        parameters.extend(additional.iter().map(|text| ("addtl_consent", *text)));
        decide(Activity::Share(partner, Sharing::Measurement), &policy, &parameters)
    };
    let provider = PartnerListing::Provider(PROVIDER);
    assert_eq!(ask(provider, &all, &["1~7.89"]), Ok(Basis::Consent));
    assert_eq!(ask(provider, &all, &["2~7.89~dv.9", "1~7.89", "1~89"]), Ok(Basis::Consent));
    assert_eq!(ask(provider, &not_p1, &["1~7.89"]), Err(Refusal::TcNoConsent));
    assert_eq!(ask(provider, &all, &[]), Err(Refusal::AdditionalConsentAbsent));
    assert_eq!(ask(provider, &all, &["1~7", "1~89"]), Err(Refusal::AdditionalConsentMissing));
    assert_eq!(ask(provider, &all, &["2~7~dv.89"]), Err(Refusal::AdditionalConsentMissing));
    assert_eq!(ask(provider, &all, &["1~89", "89"]), Err(Refusal::AdditionalConsentMalformed));
    assert_eq!(ask(provider, &all, &["1~89 "]), Ok(Basis::Consent));
    assert_eq!(ask(provider, &all, &["1~89  1~89"]), Err(Refusal::AdditionalConsentMalformed));
    assert_eq!(ask(PartnerListing::Vendor(PARTNER), &all, &["1~25"]), Err(Refusal::TcPartner));
}

#[test]
fn linking_devices_takes_the_feature_and_scanning_them_the_opt_in() {
    let declaring = |features: &[u8], special: &[u8]| {
        let declaration = VendorDeclaration {
            consent: (1..=11).collect(),
            features: features.iter().copied().collect(),
            special_features: special.iter().copied().collect(),
            ..VendorDeclaration::default()
        };
        with_vendors(vec![(9_999, declaration)], Regime::Gdpr)
    };
    let ask = |policy: Policy, opt_in| {
        decide(Activity::LinkDevices, &policy, &[("gdpr_consent", &tc_string(&[1, 3], &[9_999], opt_in))])
    };
    assert_eq!(ask(declaring(&[2], &[1]), false), Ok(Basis::Consent));
    assert_eq!(ask(declaring(&[1, 3], &[]), true), Err(Refusal::TcNotDeclared));
    assert_eq!(ask(declaring(&[2], &[2]), false), Err(Refusal::TcNoOptIn));
    assert_eq!(ask(declaring(&[2], &[2]), true), Ok(Basis::Consent));
}

#[test]
fn each_setting_denies_what_it_is_about() {
    let policy = Policy::new(Regime::None);
    let share = Activity::Share(PartnerListing::Vendor(PARTNER), Sharing::Rtb);
    for (prefs, activity, expect) in [
        ("0100", share, Some(Refusal::PartnersOff)),
        ("0010", Activity::LinkDevices, Some(Refusal::DevicesOff)),
        ("0001", Activity::WebHistory, Some(Refusal::WebOff)),
        ("1011", share, Some(Refusal::PersonalizeOff)),
        ("1011", Activity::Measure, Some(Refusal::PersonalizeOff)),
        ("011", Activity::Measure, Some(Refusal::PrefsMalformed)),
        ("0111", Activity::Measure, None),
        ("0111", Activity::Identify, None),
        ("0111", Activity::Audience, None),
        ("1000", Activity::Audience, Some(Refusal::PersonalizeOff)),
        ("1011", Activity::LinkDevices, Some(Refusal::PersonalizeOff)),
        ("0011", share, None),
        ("0101", Activity::LinkDevices, None),
        ("0110", Activity::WebHistory, None),
    ] {
        let decided = decide(activity, &policy, &[("pg_prefs", prefs)]);
        assert_eq!(decided.err(), expect, "{prefs} {activity:?}");
    }
}

#[test]
fn web_history_is_never_kept_in_the_eea_or_switzerland() {
    let text = tc_string(&(1..=11).collect::<Vec<_>>(), &BOTH, true);
    let there = Err(Refusal::WebHistoryRegion);
    for (regime, country, gdpr, expect) in [
        (Regime::None, "DE", "0", there),
        (Regime::None, "CH", "0", there),
        (Regime::None, "NO", "1", there),
        (Regime::None, "", "1", there),
        (Regime::Gdpr, "", "", there),
        (Regime::Gdpr, "", "0", there),
        (Regime::Gdpr, "US", "1", Ok(Basis::Consent)),
        (Regime::None, "GB", "1", Ok(Basis::Consent)),
        (Regime::None, "", "0", Ok(Basis::NotRequired)),
        (Regime::None, "", "", Ok(Basis::Default)),
        (Regime::None, "US", "", Ok(Basis::NotOptedOut)),
    ] {
        let policy = Policy { default_regime: regime, ..both_on_list() };
        let parameters = [("country", country), ("gdpr", gdpr), ("gdpr_consent", &*text)];
        let decided = decide(Activity::WebHistory, &policy, &parameters);
        assert_eq!(decided, expect, "{regime:?} {country} gdpr={gdpr}");
    }
}
