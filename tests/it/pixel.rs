//! The pixel over real sockets: what is answered, and what is stored.

use std::time::Duration;

use serde_json::Value;

use crate::world::{Reply, World};

const ID: &str = "__Host-Http-pg";
const BROWSER: (&str, &str) = (
    "User-Agent",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
);

fn id_of(reply: &Reply) -> String {
    let outcome = reply.outcome();
    let id = outcome.split("; ").find_map(|part| part.strip_prefix("id="));
    id.unwrap_or_else(|| panic!("no id in {outcome:?}")).to_owned()
}

#[test]
fn a_page_view_is_stored_and_the_browser_gets_an_id() {
    let world = World::dev();
    let reply = world.get(
        "/i/adsct?txn_id=o8z6j&p_id=Twitter&tw_document_href=http://shop.localhost:8090/a%3Fq=1",
        &[BROWSER],
    );
    assert_eq!((reply.status, reply.body.len()), (200, 43));
    assert!(reply.outcome().ends_with("; ack=os"), "{}", reply.outcome());
    for (name, value) in [
        ("Content-Type", "image/gif"),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert!(["ETag", "Last-Modified", "Accept-CH"].iter().all(|name| reply.header(name).is_none()));
    let cookie = reply.headers_named("Set-Cookie").next().expect("an id cookie");
    for attribute in ["HttpOnly", "SameSite=None", "Secure", "Path=/", "Max-Age=7776000"] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    let rows = world.stored();
    let row = &rows[0];
    assert_eq!(rows.len(), 1);
    assert_eq!(row["id"], Value::from(id_of(&reply)));
    assert_eq!(row["kind"], "page_view");
    assert_eq!(row["event_tag_id"], "o87ng");
    assert_eq!(row["account_id"], "18ce54d4x5t");
    assert_eq!(row["page"], "http://shop.localhost:8090/a");
    assert_eq!(row["origin_ok"], true);
    let value = reply.cookie(ID).expect("an id cookie");
    assert_eq!(row["browser_id"].as_str(), value.split('.').nth(1));
}

#[test]
fn a_returning_browser_keeps_its_id() {
    let world = World::dev();
    let first = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER]);
    let cookie = first.cookie(ID).expect("an id cookie");
    let second = world
        .get("/p.gif?txn_id=o87ne&tw_sale_amount=12.50&tw_order_quantity=2", &[BROWSER, ("Cookie", &cookie)]);
    assert!(second.outcome().ends_with("; ack=disk"), "{}", second.outcome());
    assert_eq!(second.cookie(ID), None);
    let rows = world.stored();
    assert_eq!(rows[1]["browser_id"], rows[0]["browser_id"]);
    assert_eq!(rows[1]["kind"], "conversion");
    assert_eq!(rows[1]["event"], "PURCHASE");
    assert_eq!(
        (&rows[1]["value_micros"], &rows[1]["currency"]),
        (&Value::from(12_500_000), &Value::from("USD"))
    );
    assert_eq!(rows[1]["quantity"], 2);
}

/// What each generation of tags sends, and what it comes to.
#[test]
fn every_generation_of_tags_is_understood() {
    let world = World::dev();
    for (number, (query, kind, event, tag)) in GENERATIONS.iter().enumerate() {
        let reply = world.get(query, &[BROWSER]);
        assert!(reply.outcome().starts_with("stored; "), "{query}: {}", reply.outcome());
        let rows = world.stored();
        assert_eq!(rows.len(), number + 1, "{query}");
        let row = &rows[number];
        assert_eq!((&row["kind"], &row["event"]), (&Value::from(*kind), &Value::from(*event)), "{query}");
        assert_eq!(row["event_tag_id"], *tag, "{query}");
    }
}

const GENERATIONS: &[(&str, &str, &str, &str)] = &[
    (
        "/i/adsct?txn_id=o8z6j&p_id=Twitter&tw_sale_amount=0&tw_order_quantity=0",
        "page_view",
        "SITE_VISIT",
        "o87ng",
    ),
    (
        "/i/adsct?p_id=Twitter&p_user_id=0&txn_id=o87ne&tw_sale_amount=5&tw_order_quantity=1&tw_iframe_status=0",
        "conversion",
        "PURCHASE",
        "o87ne",
    ),
    (
        "/i/adsct?type=javascript&version=1.1.0&p_id=Twitter&p_user_id=0&txn_id=o8z6j&events=%5B%5B%22pageview%22%2Cnull%5D%5D&tw_sale_amount=0",
        "page_view",
        "SITE_VISIT",
        "o87ng",
    ),
    (
        "/1/i/adsct?bci=3&eci=2&event_id=a1&events=%5B%5B%22purchase%22%2C%7B%22value%22%3A%2212.5%22%2C%22currency%22%3A%22EUR%22%7D%5D%5D&integration=advertiser&p_id=Twitter&p_user_id=0&pl_id=p1&tw_document_href=https%3A%2F%2Fshop.example%2F&tw_iframe_status=0&txn_id=o8z6j&type=javascript&version=2.3.29",
        "conversion",
        "PURCHASE",
        "o87ne",
    ),
    (
        "/1/i/adsct?event=%7B%22value%22%3A1%2C%22conversion_id%22%3A%22c9%22%7D&event_id=a2&p_id=Twitter&txn_id=tw-o8z6j-o87nf&type=javascript&version=2.4.0",
        "conversion",
        "SIGN_UP",
        "o87nf",
    ),
    (
        "/i/adsct?txn_id=O8Z6J&events=%5B%5B%22tw-o8z6j-o87nh%22%2C%7B%7D%5D%5D&event_id=a3",
        "conversion",
        "ADD_TO_CART",
        "o87nh",
    ),
    ("/p.gif?txn_id=TW-o8z6j-O87NG", "page_view", "SITE_VISIT", "o87ng"),
];

#[test]
fn one_event_sent_to_two_hosts_is_stored_once() {
    let mut world = World::dev();
    let query = "txn_id=o8z6j&events=%5B%5B%22purchase%22%2C%7B%7D%5D%5D&event_id=6c0ffee0";
    let first = world.get(&format!("/i/adsct?{query}"), &[BROWSER]);
    let second = world.get(&format!("/1/i/adsct?{query}"), &[BROWSER]);
    assert_eq!(second.outcome(), format!("duplicate; id={}", id_of(&first)));
    world.restart();
    let third = world.get(&format!("/i/adsct?{query}"), &[BROWSER]);
    assert_eq!(third.outcome(), second.outcome());
    assert_eq!(world.stored().len(), 1);
}

#[test]
fn a_conversion_id_counts_once_in_48_hours() {
    let world = World::dev();
    let buy = |order: &str| world.get(&format!("/p.gif?txn_id=o87ne&conversion_id={order}"), &[BROWSER]);
    let first = buy("order-1");
    assert!(buy("order-2").outcome().starts_with("stored"));
    world.clock.advance(Duration::from_secs(48 * 3_600 - 1));
    assert_eq!(buy("order-1").outcome(), format!("duplicate; id={}", id_of(&first)));
    world.clock.advance(Duration::from_secs(3_601));
    assert!(buy("order-1").outcome().starts_with("stored"));
    assert_eq!(world.stored().len(), 3);
}

type Header = (&'static str, &'static str);

/// Every reason to refuse, as a request that gives it: outcome, more parameters, headers.
const REFUSED: &[(&str, &str, &[Header])] = &[
    ("speculative", "", &[("Sec-Purpose", "prefetch;prerender")]),
    ("speculative", "", &[("Purpose", "prefetch")]),
    ("speculative", "", &[("X-Moz", "prefetch")]),
    ("bot", "", &[("User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")]),
    ("suppressed; reason=opt-out-cookie", "", &[("Cookie", "a=b; pg_optout=1")]),
    ("suppressed; reason=personalize-off", "", &[("Cookie", "pg_prefs=1000")]),
    ("suppressed; reason=prefs-malformed", "", &[("Cookie", "pg_prefs=on")]),
    ("suppressed; reason=adchoices", "&adchoices_signal=BYVHiWQAAAAA", &[]),
    ("suppressed; reason=adchoices", "", &[("X-AdChoices", "BYVHiWQAAAAA")]),
    ("suppressed; reason=adchoices", "", &[("Cookie2", "BYVHiWQAAAAA")]),
    ("suppressed; reason=gpc", "", &[("Sec-GPC", "1")]),
    ("suppressed; reason=dnt", "", &[("DNT", "1")]),
    ("suppressed; reason=coppa", "&coppa=1", &[]),
    ("suppressed; reason=gdpr-no-consent", "&gdpr=1", &[]),
    ("suppressed; reason=gdpr-no-consent", "&gdpr=yes", &[]),
    ("suppressed; reason=gdpr-no-consent", "&gdpr=0&gdpr=1", &[]),
    ("suppressed; reason=gdpr-no-consent", "&gpp_sid=2", &[]),
    ("suppressed; reason=tcf-malformed", "&gdpr=1&gdpr_consent=x", &[]),
    (
        "suppressed; reason=tcf-invalid",
        "&gdpr=1&gdpr_consent=CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA",
        &[],
    ),
    (
        "suppressed; reason=tcf-invalid",
        "&gdpr=1&gdpr_consent=CQKtMQAQKtMQAAAAAAAAAAEAAIIAAAAAAAABOHwAROHgAAAA",
        &[],
    ),
    (
        "suppressed; reason=tcf-restricted",
        "&gdpr=1&gdpr_consent=CQKtMQAQKtMQAAAAAAAAAAEgAIIAAAAAAAABOHwAROHgAAABHAAROHg",
        &[],
    ),
    (
        "suppressed; reason=tcf-not-disclosed",
        "&gdpr=1&gdpr_consent=CQKtMQAQKtMQAAAAAAAAAAEgAIIAAAAAAAABOHwAROHgAAAA.IABM",
        &[],
    ),
    ("suppressed; reason=gpp-gpc", "&gpp=DBABLA~BVQqAAAAAAA.YA", &[]),
    ("suppressed; reason=known-child", "&gpp=DBABBg~BUoAAAWA", &[]),
    ("suppressed; reason=gpp-gpc", "&gpp=DBABBg~BUUAAABA.YA&gpp_sid=8", &[]),
    ("suppressed; reason=known-child", "&gpp=DBABLA~BVQqAAAAQAA.QA&gpp_sid=7", &[]),
    ("suppressed; reason=gpp-malformed", "&gpp=x&gpp_sid=-1", &[]),
    ("suppressed; reason=gpp-sid-malformed", "&gpp_sid=seven", &[]),
    ("suppressed; reason=gpp-section-missing", "&gpp_sid=7", &[]),
    ("suppressed; reason=gpp-section-malformed", "&gpp=DBABLA~x&gpp_sid=7", &[]),
    ("suppressed; reason=gpp-section-unknown", "&gpp=DBABYA~x", &[]),
    ("suppressed; reason=us-opt-out", "&gpp=DBABLA~CEAQAAAAAABA.QA", &[]),
    ("suppressed; reason=us-no-notice", "&gpp=DBABLA~BlQqAAAAAAA.QA", &[]),
    ("suppressed; reason=us-service-provider", "&gpp=DBABLA~BVQqAAAAABA.QA", &[]),
    ("suppressed; reason=us-personal-data", "&gpp=DBABLA~BVQqAAAACgA.QA&gpp_sid=7", &[]),
    ("suppressed; reason=us-privacy-opt-out", "&us_privacy=1YYN", &[]),
    ("suppressed; reason=us-privacy-opt-out", "&ccpa=1YNN&usp=1YYN", &[]),
    ("suppressed; reason=us-privacy-malformed", "&us_privacy=1YN&gpp=DBABLA~BVQqAAAAAAA.QA&gpp_sid=7", &[]),
];

/// Codes that a hit to the pixel in development mode cannot get, and where each of them is tested.
const NOT_OF_THESE_HITS: [(&str, &str); 21] = [
    ("opted-out", "opt_out.rs"),
    ("lat", "limited_ad_tracking_is_measured_without_identifiers"),
    ("child-site", "refusals_by_country_and_default_and_site_leave_the_log_byte_identical_too"),
    ("tcf-list-missing", "vendor_list.rs"),
    ("tcf-list-too-old", "vendor_list.rs"),
    ("tcf-list-from-future", "vendor_list.rs"),
    ("tcf-not-on-list", "what_the_vendor_list_does_not_declare_is_refused_and_leaves_the_log_byte_identical"),
    (
        "tcf-not-declared",
        "what_the_vendor_list_does_not_declare_is_refused_and_leaves_the_log_byte_identical",
    ),
    ("tcf-no-consent", "a_tc_string_permits_what_it_consents_to_and_no_more"),
    ("tcf-no-interest", "what_the_vendor_list_does_not_declare_is_refused_and_leaves_the_log_byte_identical"),
    ("partners-off", "explain.rs"),
    ("devices-off", "explain.rs"),
    ("web-off", "explain.rs"),
    ("web-history-region", "explain.rs"),
    ("tcf-no-opt-in", "linking_devices_takes_the_feature_and_scanning_them_the_opt_in"),
    ("tcf-partner", "explain.rs"),
    ("addtl-consent-absent", "explain.rs"),
    ("addtl-consent-malformed", "explain.rs"),
    ("addtl-no-consent", "explain.rs"),
    ("speculative", "an outcome of its own"),
    ("bot", "an outcome of its own"),
];

#[test]
fn every_code_of_a_refusal_is_met_by_a_hit_or_tested_elsewhere() {
    for reason in pixelgate::consent::refusal::Refusal::ALL {
        let outcome = format!("suppressed; reason={}", reason.code());
        let met = REFUSED.iter().any(|(expect, ..)| *expect == outcome);
        let elsewhere = NOT_OF_THESE_HITS.iter().any(|(code, _)| *code == reason.code());
        assert!(met || elsewhere, "nothing is refused for {}", reason.code());
    }
}

#[test]
fn a_refused_hit_leaves_the_log_byte_identical_and_sets_no_identifier_cookie() {
    let world = World::dev();
    let known = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER]).cookie(ID).expect("an id cookie");
    let before = world.log_bytes();
    for (outcome, query, headers) in REFUSED {
        for with_id in [false, true] {
            let mut all = headers.to_vec();
            if !headers.iter().any(|(name, _)| *name == "User-Agent") {
                all.push(BROWSER);
            }
            if with_id {
                all.push(("Cookie", &known));
            }
            let reply = world.get(&format!("/i/adsct?txn_id=o8z6j{query}"), &all);
            assert_eq!(
                (reply.status, reply.body.len(), reply.outcome()),
                (200, 43, *outcome),
                "{query} {headers:?}"
            );
            let given = [ID, "__Host-Http-pg-p"].into_iter().filter_map(|name| reply.cookie(name));
            assert!(given.into_iter().all(|pair| pair.ends_with('=')), "{query} {headers:?}");
            assert!(world.log_bytes() == before, "{query} {headers:?}");
        }
    }
}

#[test]
fn refusals_by_country_and_default_and_site_leave_the_log_byte_identical_too() {
    use pixelgate::consent::policy::Regime;
    let cases: [(&str, Regime, bool, &str); 3] = [
        ("DE", Regime::None, false, "gdpr-no-consent"),
        ("JP", Regime::Gdpr, false, "gdpr-no-consent"),
        ("US", Regime::None, true, "child-site"),
    ];
    for (country, regime, children, reason) in cases {
        let world = World::with(|config| {
            config.policy.default_regime = regime;
            config.proxies.trusted = vec!["127.0.0.0/8".parse().expect("a network")];
            config.proxies.country_header = Some("x-country".into());
            config.accounts[0].pixels[0].directed_to_children = children;
        });
        let before = world.log_bytes();
        let reply = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER, ("X-Country", country)]);
        assert_eq!(reply.outcome(), format!("suppressed; reason={reason}"));
        assert!(reply.headers_named("Set-Cookie").next().is_none());
        assert!(world.log_bytes() == before, "{country}");
    }
}

#[test]
fn limited_ad_tracking_is_measured_without_identifiers() {
    let world = World::dev();
    let known = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER]).cookie(ID).expect("an id cookie");
    let email = "a".repeat(64);
    let query = format!("/p.gif?txn_id=o87ne&lat=1&twclid=abc123&email_address={email}");
    let reply = world.get(&query, &[BROWSER, ("Cookie", &known)]);
    assert!(reply.outcome().starts_with("stored"));
    assert_eq!(reply.cookie(ID), None);
    let row = &world.stored()[1];
    assert_eq!((&row["browser_id"], &row["click_id"]), (&Value::Null, &Value::Null));
    assert_eq!(row["match_keys"], Value::Array(vec![]));
    assert!(!row.to_string().contains(&email));
    let fresh = world.get("/p.gif?txn_id=o87ne&lat=1", &[BROWSER]);
    assert_eq!(fresh.headers_named("Set-Cookie").count(), 0);
}

#[test]
fn an_unfilled_macro_and_a_signal_that_says_nothing_refuse_nothing() {
    let world = World::dev();
    for query in [
        "&gdpr=0",
        "&gdpr=${GDPR}&gdpr_consent=${GDPR_CONSENT_123}",
        "&us_privacy={{usp}}",
        "&gpp_sid=-1",
        "&gpp=&gpp_sid=",
        "&coppa=0&lat=0",
        "&us_privacy=1YNN",
        "&us_privacy=x",
        "&gpp=DBABLA~BVQqAAAAAAA.QA&gpp_sid=7",
        "&gdpr=0&gdpr_consent=x&addtl_consent=2~1.2~dv.3",
        "&adchoices_signal=x",
    ] {
        let reply =
            world.get(&format!("/i/adsct?txn_id=o8z6j{query}"), &[BROWSER, ("DNT", "0"), ("Sec-GPC", "0")]);
        assert!(reply.outcome().starts_with("stored"), "{query}: {}", reply.outcome());
    }
    assert_eq!(world.stored().len(), 11);
    assert!(world.admin_get("/metrics").text().contains("pixelgate_malformed_adchoices_total 1"));
}

#[test]
fn a_broken_hit_gets_the_image_a_reason_and_is_not_stored() {
    let world = World::dev();
    let before = world.log_bytes();
    let many = format!("/i/adsct?txn_id=o8z6j&events=[{}]", vec!["[%22pageview%22,null]"; 17].join(","));
    for (target, reason) in [
        ("/i/adsct", "no-txn-id"),
        ("/i/adsct?p_id=Twitter", "no-txn-id"),
        ("/i/adsct?p_id=999&p_user_id=abc", "unknown-partner"),
        ("/i/adsct?txn_id=0", "bad-txn-id"),
        ("/i/adsct?txn_id=%00", "bad-txn-id"),
        ("/i/adsct?txn_id=zzzzz", "unknown-txn-id"),
        ("/i/adsct?txn_id=tw-o9bbb-o87ne", "unknown-txn-id"),
        ("/i/adsct?txn_id=o8z6j&events=%5B", "bad-events"),
        ("/i/adsct?txn_id=o8z6j&events=[[%22search%22,{}]]", "unknown-event"),
        ("/i/adsct?txn_id=o8z6j&events=[[%22tw-o9bbb-o9bbc%22,{}]]", "unknown-event"),
        (&many, "too-many-events"),
        ("/p.gif?txn_id=o87ne&tw_sale_amount=NaN", "bad-value"),
        ("/p.gif?txn_id=o87ne&tw_sale_amount=1e309", "bad-value"),
        ("/p.gif?txn_id=o87ne&tw_sale_amount=-5", "negative-value"),
        ("/p.gif?txn_id=o87ne&tw_sale_amount=99999999999999999999", "value-too-large"),
        ("/p.gif?txn_id=o87ne&tw_sale_amount=9999999999999999999999999999999999999999", "bad-value"),
        ("/p.gif?txn_id=o87ne&tw_sale_amount=5&currency=USDT", "bad-currency"),
        ("/p.gif?txn_id=o87ne&tw_order_quantity=1.5", "bad-quantity"),
        ("/p.gif?txn_id=o87ne&tw_order_quantity=1000001", "bad-quantity"),
        (&format!("/p.gif?txn_id=o87ne&event_id={}", "a".repeat(129)), "bad-event-id"),
        ("/p.gif?txn_id=o87ne&conversion_id=a%00b", "bad-conversion-id"),
    ] {
        let reply = world.get(target, &[BROWSER]);
        assert_eq!((reply.status, reply.body.len()), (200, 43), "{target}");
        assert_eq!(reply.outcome(), format!("invalid; reason={reason}"), "{target}");
        assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{target}");
    }
    assert!(world.log_bytes() == before);
}

#[test]
fn addresses_and_phone_numbers_in_clear_are_stored_nowhere() {
    let world = World::dev();
    let person = "jane.doe%40mail.example";
    let query = format!(
        "/i/adsct?txn_id=o87ne&email_address={person}&phone_number=%2B15550100199&conversion_id={person}&event_id={person}\
         &twclid={person}&tw_document_href=http://shop.localhost:8090/u/{person}%3Fmail={person}"
    );
    let reply = world.get(&query, &[BROWSER]);
    assert!(reply.outcome().starts_with("stored"), "{}", reply.outcome());
    let row = &world.stored()[0];
    assert_eq!(row["page"], "http://shop.localhost:8090/");
    assert_eq!(row["match_keys"], serde_json::json!(["browser_id"]));
    let bytes = world.log_bytes();
    for clear in ["jane.doe", "mail.example", "15550100199"] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear.as_bytes()), "{clear}");
    }
    assert!(world.admin_get("/metrics").text().contains("pixelgate_personal_fields_dropped_total 4"));
}

#[test]
fn the_old_tag_gets_its_script_and_no_other_name_is_called() {
    let world = World::dev();
    let reply = world.get("/i/adsct?txn_id=o8z6j&tpx_cb=twttr.conversion.loadPixels", &[BROWSER]);
    assert_eq!(reply.header("Content-Type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(reply.text(), "twttr.conversion.loadPixels({\"tags\":[],\"hif\":[]});");
    let other = world.get("/i/adsct?txn_id=o8z6j&tpx_cb=alert", &[BROWSER]);
    assert_eq!(other.header("Content-Type"), Some("image/gif"));
    assert_eq!(world.stored().len(), 2);
}

#[test]
fn where_cookies_are_kept_apart_the_id_is_too() {
    let world = World::dev();
    let reply = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER, ("Sec-Fetch-Storage-Access", "none")]);
    let line = reply.headers_named("Set-Cookie").next().expect("a cookie");
    assert!(line.starts_with("__Host-Http-pg-p=v1.") && line.contains("Partitioned"), "{line}");
    let cookie = reply.cookie("__Host-Http-pg-p").expect("the twin");
    let again = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER, ("Cookie", &cookie)]);
    assert_eq!(again.headers_named("Set-Cookie").count(), 0);
    let rows = world.stored();
    assert_eq!(rows[0]["browser_id"], rows[1]["browser_id"]);
}

#[test]
fn two_different_ids_are_both_ignored_and_expired() {
    let world = World::dev();
    let id = || world.get("/i/adsct?txn_id=o8z6j", &[BROWSER]).cookie(ID).expect("an id cookie");
    let both = format!("{}; {}", id(), id());
    let reply = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER, ("Cookie", &both)]);
    assert_eq!(reply.cookie(ID).as_deref(), Some("__Host-Http-pg="));
    assert_eq!(world.stored()[2]["browser_id"], Value::Null);
}

#[test]
fn a_forged_a_cut_and_an_old_id_are_no_ids() {
    let world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER]).cookie(ID).expect("an id cookie");
    let forged = id.replacen("v1.", "v1.00", 1);
    for cookie in [&forged, &id[..id.len() - 1], "__Host-Http-pg=", "__Host-Http-pg=v1.x.y.z.w"] {
        let reply = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER, ("Cookie", cookie)]);
        assert!(reply.cookie(ID).is_some_and(|pair| pair.starts_with("__Host-Http-pg=v1.")), "{cookie}");
    }
    world.clock.advance(Duration::from_secs(90 * 86_400));
    let reply = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER, ("Cookie", &id)]);
    assert!(reply.cookie(ID).is_some_and(|pair| pair.starts_with("__Host-Http-pg=v1.")));
    let ids: std::collections::HashSet<_> =
        world.stored().iter().map(|row| row["browser_id"].to_string()).collect();
    assert_eq!(ids.len(), 6);
}

#[test]
fn an_id_signed_with_an_older_key_is_signed_anew_and_not_prolonged() {
    let world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[BROWSER]).cookie(ID).expect("an id cookie");
    let rotated = World::with(|config| {
        let mut newer = config.cookie_keys[0].clone();
        newer.id = 77;
        config.cookie_keys.insert(0, newer);
    });
    rotated.clock.advance(Duration::from_secs(10 * 86_400));
    let reply = rotated.get("/i/adsct?txn_id=o8z6j", &[BROWSER, ("Cookie", &id)]);
    let line = reply.headers_named("Set-Cookie").next().expect("the id signed anew");
    assert!(line.contains(".77.") && line.contains("Max-Age=6912000"), "{line}");
    assert_eq!(rotated.stored()[0]["browser_id"], world.stored()[0]["browser_id"]);
}
