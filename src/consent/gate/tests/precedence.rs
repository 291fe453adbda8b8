//! One test for each row of the table of precedence: a case in which that row alone decides, so that the case comes
//! out otherwise where the row is gone.

use super::*;

/// A request that nothing speaks against.
fn quiet() -> Case {
    Case::numbered(0)
}

/// `case` is refused for `reason`, by `rule` and by no other.
#[track_caller]
fn check(rule: Rule, case: &Case, activity: Activity, reason: Refusal) {
    let denying = case.with(|gate, about| {
        let denies = |(rule, verdict)| matches!(verdict, Verdict::Deny(_)).then_some(rule);
        gate.explain(activity, &COOKIE.subjects(), about).filter_map(denies).collect::<Vec<_>>()
    });
    assert_eq!(denying, [rule]);
    assert_eq!(case.decide(activity), Err(Refused { reason }));
}

macro_rules! rows {
    ($($test:ident: $rule:ident, $activity:expr, $reason:ident, $change:expr;)*) => {$(
        #[test]
        fn $test() {
            let mut case = quiet();
            assert_eq!(case.decide($activity).map_err(|refused| refused.reason), Ok((Regime::None, Basis::Default)));
            let change: fn(&mut Case) = $change;
            change(&mut case);
            check(Rule::$rule, &case, $activity, Refusal::$reason);
        }
    )*};
}

rows! {
    speculative_requests_count_for_nothing: Speculative, Activity::Measure, Speculative,
        |case| case.signals.see_header("Purpose", b"prefetch");
    crawlers_count_for_nothing: Crawler, Activity::Measure, Crawler,
        |case| case.signals.mark_crawler();
    row_1_our_own_opt_out: OwnOptOut, Activity::Measure, OptOutCookie,
        |case| case.signals.see_cookie("pg_optout", "1");
    row_1_the_opt_out_that_the_server_knows: OwnOptOut, Activity::Measure, OptedOut,
        |case| case.opted_out = true;
    row_2_personalize: Settings, Activity::Measure, PersonalizeOff,
        |case| case.signals.see_cookie("pg_prefs", "1000");
    row_2_partners: Settings, Activity::Share(PartnerListing::Unlisted, Sharing::Rtb), PartnersOff,
        |case| case.signals.see_cookie("pg_prefs", "0100");
    row_2_devices: Settings, Activity::LinkDevices, DevicesOff,
        |case| case.signals.see_cookie("pg_prefs", "0010");
    row_2_web: Settings, Activity::WebHistory, WebOff,
        |case| case.signals.see_cookie("pg_prefs", "0001");
    row_3_adchoices: AdChoices, Activity::Measure, AdChoices,
        |case| case.signals.see_parameter("adchoices_signal", ADCHOICES_LIMIT);
    row_4_global_privacy_control: Gpc, Activity::Measure, Gpc,
        |case| case.signals.see_header("Sec-GPC", b"1");
    row_5_do_not_track: Dnt, Activity::Measure, Dnt,
        |case| case.signals.see_header("DNT", b"1");
    row_6_limited_ad_tracking: LimitAdTracking, Activity::Identify, LimitAdTracking,
        |case| case.signals.see_parameter("lat", "1");
    row_7_children: Children, Activity::Measure, Coppa,
        |case| case.signals.see_parameter("coppa", "1");
    row_7_sites_for_children: Children, Activity::Measure, DirectedToChildren,
        |case| case.children = true;
    web_history_stays_out_of_europe: WebHistory, Activity::WebHistory, WebHistoryRegion,
        |case| {
            case.signals.set_country(Country::parse("NO"));
            case.signals.see_parameter("gdpr", "0");
        };
    row_8_the_gdpr: Gdpr, Activity::Measure, TcMalformed,
        |case| {
            case.signals.see_parameter("gdpr", "1");
            case.signals.see_parameter("gdpr_consent", "x");
        };
    row_9_gpp: Gpp, Activity::Measure, GppMalformed,
        |case| case.signals.see_parameter("gpp", "x");
    row_9_united_states: UnitedStates, Activity::Measure, UsPrivacyOptOut,
        |case| case.signals.see_parameter("us_privacy", "1YYN");
}

/// Two rows have the bit: as GPC of a section, and as a clause of that section.
#[test]
fn rows_4_and_7_read_gpp_sections_too() {
    let of = |text, rule| {
        let mut case = quiet();
        case.signals.see_parameter("gpp", text);
        case.with(|gate, about| {
            gate.explain(Activity::Measure, &[None; 3], about)
                .find(|(found, _)| *found == rule)
                .map(|(_, said)| said)
        })
    };
    assert_eq!(of(USCA_OPTED_OUT, Rule::Gpc), Some(Verdict::Deny(Refusal::GppGpc)));
    assert_eq!(of("DBABLA~BVQqAAAAQAA.QA", Rule::Children), Some(Verdict::Deny(Refusal::KnownChild)));
    assert_eq!(of(USNAT, Rule::Gpc), Some(Verdict::Abstain));
}

#[test]
fn row_10_the_default_is_what_permits_where_nothing_is_said() {
    assert_eq!(quiet().decide(Activity::Measure), Ok((Regime::None, Basis::Default)));
    let us = Case { regime: Regime::Us, ..quiet() };
    assert_eq!(us.decide(Activity::Measure), Ok((Regime::Us, Basis::NotOptedOut)));
}
