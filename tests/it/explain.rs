//! `GET /v1/explain`: the decision rule by rule, as it is made of a hit, and nothing stored for it.

use pixelgate::config::Mode;
use pixelgate::consent::policy::Regime;
use serde_json::Value;

use crate::consent::us_table::any_seed;
use crate::storage::support::Seeded;
use crate::world::{Kept, Reply, World, send};

const ID: &str = "__Host-Http-pg";
const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Consent to purposes 1 and 7 and to vendor 9999, which is us in development mode; without purpose 1; without 7.
const CONSENTED: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAABOHwAROHgAAAA";
const NOT_P1: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAAAAAABOHwAROHgAAAA";
const NOT_P7: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAAAAAABOHwAROHgAAAA";

fn decision<'a>(explained: &'a Value, activity: &str) -> &'a Value {
    let decisions = explained["decisions"].as_array().expect("a list");
    decisions.iter().find(|one| one["activity"] == activity).expect("the activity was asked about")
}

/// What was read of `what`, in one text.
fn read(explained: &Value, of: &str, what: &str) -> String {
    let facts = explained["read"].as_array().expect("a list").iter();
    let said = facts.filter(|fact| fact["of"] == of && fact["what"] == what);
    said.map(|fact| fact["says"].as_str().expect("a text").to_owned()).collect::<Vec<_>>().join("; ")
}

#[test]
fn explain_says_what_happens_to_a_hit_and_stores_nothing() {
    let seed = any_seed();
    println!("seed {seed}");
    let rng = Seeded::new(seed);
    let (mut stored, mut refused) = (0, std::collections::BTreeSet::new());
    for regime in Regime::ALL {
        let world = World::with(|config| config.policy.default_regime = regime);
        let known = world.get("/i/adsct?txn_id=o8z6j&gdpr=0", &[("User-Agent", BROWSER)]).cookie(ID);
        let mut hits = Kept::to(world.public());
        // Not on the listener for operators, where attempts to authenticate are few a second.
        let mut questions = Kept::to(world.public());
        for _ in 0..100 {
            let (query, headers) = any_hit(&rng, known.as_deref().expect("an id"));
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
            let row = format!("seed {seed}: {query} {headers:?}");
            let before = world.log_bytes();
            let explained = questions.get(&format!("/v1/explain?{query}"), &headers);
            assert_eq!((explained.status, world.log_bytes() == before), (200, true), "{row}");
            assert_eq!(explained.headers_named("Set-Cookie").count(), 0, "{row}");
            let explained = explained.json();
            let (measure, identify) = (decision(&explained, "measure"), decision(&explained, "identify"));
            let hit = hits.get(&format!("/i/adsct?{query}"), &headers);
            match measure["reason"].as_str() {
                None => {
                    assert!(hit.outcome().starts_with("stored"), "{}: {row}", hit.outcome());
                    let new = hit.cookie(ID).is_some_and(|pair| pair.contains("v1."));
                    let shown = headers.iter().any(|(_, value)| value.contains(ID));
                    assert_eq!(new, identify["permitted"] == true && !shown, "{row}");
                    stored += 1;
                }
                Some(reason @ ("speculative" | "bot")) => assert_eq!(hit.outcome(), reason, "{row}"),
                Some(reason) => {
                    assert_eq!(hit.outcome(), format!("suppressed; reason={reason}"), "{row}");
                    refused.insert(reason.to_owned());
                }
            }
        }
    }
    assert!(stored > 15 && refused.len() > 6, "{stored} stored, {refused:?}");
}

/// Any few of these, in any order.
fn any_hit(rng: &Seeded, known: &str) -> (String, Vec<(&'static str, String)>) {
    let pick = |of: &[&'static str]| of[rng.below(of.len() as u64) as usize];
    let tc = [CONSENTED, CONSENTED, NOT_P1, NOT_P7, "x"];
    let mut query = "txn_id=o8z6j".to_owned();
    let mut headers = vec![("User-Agent", BROWSER.to_owned())];
    for _ in 0..rng.below(4) {
        query += &match rng.below(8) {
            0 => format!("&gdpr={}", pick(&["0", "1", "${GDPR}"])),
            1 | 2 => format!("&gdpr_consent={}", pick(&tc)),
            3 => format!("&gpp=DBABMA~{}", pick(&tc)),
            4 => format!(
                "&gpp={}",
                pick(&["DBABLA~BVQqAAAAAAA.QA", "DBABBg~BUUAAABA.YA", "DBABLA~BVQqAAAACgA.QA"])
            ),
            5 => format!("&gpp_sid={}", pick(&["-1", "2", "7", "8", "x"])),
            6 => format!("&us_privacy={}", pick(&["1---", "1YNN", "1YYN", "x"])),
            _ => pick(&["&lat=1", "&coppa=1", "&adchoices_signal=BYVHiWQAAAAA"]).to_owned(),
        };
    }
    if rng.one_in(3) {
        let (name, value) = [
            ("Sec-GPC", "1"),
            ("DNT", "1"),
            ("DNT", "0"),
            ("Cookie", "pg_optout=1"),
            ("Cookie", "pg_prefs=0111"),
            ("Cookie", "pg_prefs=1000"),
            ("Purpose", "prefetch"),
            ("Cookie", known),
        ][rng.below(8) as usize];
        headers.push((name, value.to_owned()));
    }
    (query, headers)
}

#[test]
fn what_no_hit_asks_is_told_with_its_reason_and_the_bits_that_were_read() {
    let world = World::dev();
    let ask = |query: &str, headers: &[(&str, &str)]| -> Value {
        let reply = world.get(&format!("/v1/explain?{query}"), headers);
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        reply.json()
    };
    let tc = format!("gdpr=1&gdpr_consent={CONSENTED}");
    for (query, cookie, activity, reason) in [
        ("activity=share-rtb&partner=25".to_owned(), "pg_prefs=0100", "share-rtb", "partners-off"),
        ("activity=link-devices".to_owned(), "pg_prefs=0010", "link-devices", "devices-off"),
        ("activity=web-history".to_owned(), "pg_prefs=0001", "web-history", "web-off"),
        ("activity=web-history&country=CH&gdpr=0".to_owned(), "", "web-history", "web-history-region"),
        (format!("activity=share-measurement&partner=52&{tc}"), "", "share-measurement", "tcf-partner"),
        (format!("activity=share-measurement&{tc}"), "", "share-measurement", "tcf-partner"),
        (
            format!("activity=share-measurement&partner=atp:89&{tc}"),
            "",
            "share-measurement",
            "addtl-consent-absent",
        ),
        (
            format!("activity=share-measurement&partner=atp:89&addtl_consent=x&{tc}"),
            "",
            "share-measurement",
            "addtl-consent-malformed",
        ),
        (
            format!("activity=share-measurement&partner=atp:89&addtl_consent=2~7~dv.89&{tc}"),
            "",
            "share-measurement",
            "addtl-no-consent",
        ),
        (format!("activity=audience&{tc}"), "", "audience", "tcf-no-consent"),
        (format!("activity=match&partner=25&{tc}"), "", "match", "tcf-no-consent"),
    ] {
        let explained = ask(&query, &[("Cookie", cookie)]);
        let decided = decision(&explained, activity);
        assert_eq!((&decided["permitted"], &decided["reason"]), (&false.into(), &reason.into()), "{query}");
    }
    let shared = ask(&format!("activity=share-measurement&partner=atp:89&addtl_consent=2~89~dv.7&{tc}"), &[]);
    assert_eq!(decision(&shared, "share-measurement")["permitted"], true);
    assert_eq!(read(&shared, "addtl_consent", "provider 89 (partner)"), "consent yes, disclosed yes");
    let partner =
        ask(&format!("activity=match&partner=25&us_privacy=1YNN&adchoices_signal=BYVHiWSAAABAZEA&{tc}"), &[]);
    let head = read(&partner, "gdpr_consent", "");
    assert!(head.starts_with("CMP 0, vendor list 0, policy 4, created 20"), "{head}");
    assert_eq!(
        read(&partner, "gdpr_consent", "vendor 9999 (us)"),
        "consent yes, interest no, disclosed not said"
    );
    let purpose = read(&partner, "gdpr_consent", "vendor 9999 (us), purpose 1");
    assert_eq!(purpose, "consent yes, interest no, restriction none; basis consent");
    let theirs = read(&partner, "gdpr_consent", "vendor 25 (partner), purpose 3");
    assert_eq!(
        theirs,
        "consent no, interest no, restriction none; basis none: there is no consent to the purpose"
    );
    let us_privacy = read(&partner, "us_privacy", "1YNN");
    assert_eq!(us_privacy, "notice Y, opted out of sale N, service provider agreement N");
    assert_eq!(read(&partner, "adchoices_signal", "everybody"), "none");
    let section = ask("gpp=DBABLA~BVQqAAAACgA.QA&gpp_sid=7", &[]);
    let fields = read(&section, "gpp", "section 7");
    assert!(fields.contains("SaleOptOut 2,") && fields.contains("; denies by personal-data: "), "{fields}");
    // What `gpp_sid` leaves out was not read.
    assert_eq!(read(&ask("gpp=DBABLA~BVQqAAAACgA.QA&gpp_sid=-1", &[]), "gpp", "section 7"), "");
    assert_eq!(world.stored().len(), 0);
}

#[test]
fn only_the_operator_may_ask_and_the_public_only_in_development_mode() {
    let status = |reply: Reply| reply.status;
    let world = World::dev();
    let target = "/v1/explain?txn_id=o8z6j";
    assert_eq!(status(world.admin_get(target)), 401);
    assert_eq!(status(send(world.admin(), "GET", target, &[("Authorization", "Bearer x")], "")), 401);
    assert_eq!(status(send(world.admin(), "GET", target, &[TOKEN], "")), 200);
    assert_eq!(status(world.get(target, &[])), 200);
    assert_eq!(status(world.post(target, &[], "")), 405);
    for (partner, expect) in [("outbid", "match share-rtb"), ("meter", "share-measurement"), ("25", "")] {
        let explained = world.get(&format!("{target}&partner={partner}"), &[]).json();
        let decisions = explained["decisions"].as_array().expect("a list").iter();
        let asked: Vec<_> = decisions.filter_map(|one| one["activity"].as_str()).collect();
        assert_eq!(
            (&asked[..2], &*asked[2..].join(" ")),
            (&["measure", "identify"][..], expect),
            "{partner}"
        );
    }
    for wrong in ["activity=share", "partner=me", "country=Germany"] {
        assert_eq!(status(world.get(&format!("{target}&{wrong}"), &[])), 400, "{wrong}");
    }
    let production = World::with(|config| config.mode = Mode::Production);
    assert_eq!(status(production.get(target, &[])), 404);
    assert_eq!(status(send(production.admin(), "GET", target, &[TOKEN], "")), 200);
}
