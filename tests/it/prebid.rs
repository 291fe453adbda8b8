//! Prebid Server's endpoints for cookie matching, over real sockets.

use serde_json::{Value, json};

use crate::world::{Reply, World, send};

const ID: &str = "__Host-Http-pg";
const ACTIVE: (&str, &str) = ("Sec-Fetch-Storage-Access", "active");
const PUBLISHER: (&str, &str) = ("Origin", "http://news.localhost:8090");

fn browser(world: &World) -> String {
    world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie")
}

fn ask(world: &World, headers: &[(&str, &str)], body: &Value) -> Reply {
    world.post("/cookie_sync", &[headers, &[ACTIVE, PUBLISHER]].concat(), &body.to_string())
}

fn bidders(reply: &Reply) -> Vec<String> {
    let status = &reply.json()["bidder_status"];
    status
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["bidder"].as_str().expect("a name").to_owned())
        .collect()
}

fn codes(reply: &Reply) -> Vec<String> {
    let debug = &reply.json()["debug"];
    let one = |one: &Value| {
        format!("{}: {}", one["bidder"].as_str().expect("a name"), one["code"].as_str().expect("a code"))
    };
    debug.as_array().expect("a list").iter().map(one).collect()
}

#[test]
fn a_page_is_told_whom_to_ask_and_the_answers_are_kept() {
    let world = World::dev();
    let id = browser(&world);
    let cookie = ("Cookie", &*id);
    let reply =
        ask(&world, &[cookie], &json!({"bidders": ["strict", "outbid"], "gdpr": 0, "us_privacy": "1YNN"}));
    assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")));
    let json = reply.json();
    assert_eq!(json["status"], "no_cookie");
    assert_eq!(json.get("debug"), None);
    assert_eq!(bidders(&reply), ["strict", "outbid"]);
    let one = &json["bidder_status"][0];
    assert_eq!(
        (&one["no_cookie"], &one["usersync"]["type"], &one["usersync"]["supportCORS"]),
        (&json!(true), &json!("redirect"), &json!(false))
    );
    let url = one["usersync"]["url"].as_str().expect("an address");
    let state = url.split("&state=").nth(1).expect("a state");
    assert!(
        json["bidder_status"][1]["usersync"]["url"]
            .as_str()
            .is_some_and(|url| url.contains("&us_privacy=1YNN&"))
    );
    let set = world.get(&format!("/setuid?bidder=strict&uid=s1&f=i&state={state}"), &[cookie, ACTIVE]);
    assert_eq!((set.status, set.header("Content-Type")), (200, Some("image/gif")));
    assert!(set.outcome().starts_with("stored;"), "{}", set.outcome());
    assert_eq!(world.get("/getuids", &[cookie]).json(), json!({"buyeruids": {"strict": "s1"}}));
    let reply = ask(&world, &[cookie], &json!({"bidders": ["strict", "outbid"], "debug": true}));
    assert_eq!(
        (reply.json()["status"].as_str(), bidders(&reply), codes(&reply)),
        (Some("ok"), vec!["outbid".to_owned()], vec!["strict: known".to_owned()])
    );
    // An empty id takes it back.
    assert_eq!(world.get("/setuid?bidder=strict&uid=&f=b", &[cookie]).status, 200);
    assert_eq!(world.get("/getuids", &[cookie]).json(), json!({"buyeruids": {}}));
    let kinds: Vec<_> =
        world.stored().iter().map(|row| row["kind"].as_str().expect("a kind").to_owned()).collect();
    assert_eq!(kinds, ["page_view", "match", "unmatch"]);
}

#[test]
fn a_partner_is_asked_again_after_its_time() {
    let world = World::dev();
    let id = browser(&world);
    assert!(
        world.get("/setuid?bidder=acme&uid=a1", &[("Cookie", &id), ACTIVE]).outcome().starts_with("stored;")
    );
    assert_eq!(bidders(&ask(&world, &[("Cookie", &id)], &json!({"bidders": ["acme"]}))), [""; 0]);
    world.clock.advance(std::time::Duration::from_secs(15 * 86_400));
    assert_eq!(bidders(&ask(&world, &[("Cookie", &id)], &json!({"bidders": ["acme"]}))), ["acme"]);
}

#[test]
fn filters_limits_and_others_count() {
    let world = World::with(|config| {
        for partner in &mut config.partners {
            if partner.name == "strict" {
                partner.iframe = partner.image.take();
                partner.priority = 1;
            }
        }
    });
    let id = browser(&world);
    let asked = |body: Value| ask(&world, &[("Cookie", &id)], &body);
    assert_eq!(bidders(&asked(json!({}))), ["strict", "acme", "outbid"], "without names all, by priority");
    assert_eq!(bidders(&asked(json!({"limit": 2}))), ["strict", "acme"]);
    assert_eq!(
        bidders(&asked(json!({"bidders": ["outbid"], "coopSync": true, "limit": 2}))),
        ["outbid", "strict"]
    );
    assert_eq!(bidders(&asked(json!({"bidders": ["outbid", "outbid"], "coopSync": false}))), ["outbid"]);
    let only_images =
        json!({"filterSettings": {"iframe": {"bidders": "*", "filter": "exclude"}}, "debug": true});
    let reply = asked(only_images);
    assert_eq!(
        (bidders(&reply), codes(&reply)),
        (vec!["acme".into(), "outbid".into()], vec!["strict: no-address".to_owned()])
    );
    let some = json!({"filterSettings": {"image": {"bidders": ["acme"], "filter": "include"}, "iframe": {"bidders": ["nobody"], "filter": "exclude"}}});
    assert_eq!(bidders(&asked(some)), ["strict", "acme"]);
    let reply = asked(json!({"bidders": ["nobody", "acme"], "debug": true}));
    assert_eq!(
        (bidders(&reply), codes(&reply)),
        (vec!["acme".to_owned()], vec!["nobody: unknown-partner".to_owned()])
    );
    assert_eq!(asked(json!({})).json()["bidder_status"][0]["usersync"]["type"], "iframe");
    for sections in [json!("-1"), json!([-1]), json!([])] {
        assert_eq!(asked(json!({"gpp_sid": sections})).status, 200);
    }
}

#[test]
fn what_is_no_request_is_refused_and_repeated_nowhere() {
    let world = World::dev();
    let id = browser(&world);
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(20), "]".repeat(20));
    for body in [
        "",
        "[",
        "[]",
        "null",
        "{\"bidders\":\"acme\"}",
        "{\"bidders\":[1]}",
        "{\"limit\":\"secret-9\"}",
        &deep,
        "{\"gdpr\":1}",
        "{\"gdpr\":\"1\",\"gdpr_consent\":\" \"}",
        "{\"gpp_sid\":\"two\"}",
        "{\"gpp_sid\":\"2,,6\"}",
        "{\"gpp_sid\":[\"secret-9\"]}",
        "{\"filterSettings\":{\"image\":{\"bidders\":\"all\",\"filter\":\"include\"}}}",
        "{\"filterSettings\":{\"image\":{\"bidders\":[\"a\"],\"filter\":\"secret-9\"}}}",
        "{\"filterSettings\":{\"image\":{\"filter\":\"include\"}}}",
    ] {
        let reply = world.post("/cookie_sync", &[("Cookie", &id), ACTIVE], body);
        assert_eq!((reply.status, reply.cookie(ID)), (400, None), "{body}");
        assert!(!reply.text().contains("secret-9"), "{body}: {}", reply.text());
    }
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(65 << 10));
    assert_eq!(world.post("/cookie_sync", &[], &long).status, 413);
    assert_eq!(world.get("/cookie_sync", &[]).status, 405);
    for (target, status) in [
        ("/setuid", 400),
        ("/setuid?bidder=nobody&uid=a", 400),
        ("/setuid?bidder=nobody&uid=", 400),
        ("/setuid?bidder=strict&uid=a", 400),
        ("/setuid?bidder=acme&uid=%24UID", 400),
        ("/setuid?bidder=acme&uid=a&gdpr=1", 451),
        ("/setuid?bidder=acme&uid=a&us_privacy=1YYN", 451),
    ] {
        let reply = world.get(target, &[("Cookie", &id), ACTIVE]);
        assert_eq!((reply.status, reply.cookie(ID)), (status, None), "{target}");
    }
    assert_eq!(world.stored().len(), 1, "the page view alone");
}

#[test]
fn where_consent_is_refused_the_list_is_empty_and_says_why() {
    let world = World::dev();
    let id = browser(&world);
    for (body, code) in [
        (json!({"gdpr": 1, "gdpr_consent": "nonsense"}), "tcf-malformed"),
        (json!({"us_privacy": "1YYN"}), "us-privacy-opt-out"),
        (json!({"gpp": "nonsense", "gpp_sid": [7]}), "gpp-malformed"),
    ] {
        let mut body = body;
        body["bidders"] = json!(["acme"]);
        body["debug"] = json!(true);
        let reply = ask(&world, &[("Cookie", &id)], &body);
        assert_eq!((reply.status, reply.json()["bidder_status"].clone()), (200, json!([])), "{body}");
        assert_eq!(codes(&reply), [format!("acme: {code}")], "{body}");
    }
    let gpc = ask(&world, &[("Cookie", &id), ("Sec-GPC", "1")], &json!({"bidders": ["acme"], "debug": true}));
    assert_eq!(codes(&gpc), ["acme: gpc"]);
    let kept_apart = [("Cookie", &*id), ("Sec-Fetch-Storage-Access", "none")];
    let reply = world.post("/cookie_sync", &kept_apart, "{\"bidders\":[\"acme\"],\"debug\":true}");
    assert_eq!(codes(&reply), ["acme: no-third-party-cookies"]);
    let out = format!("{id}; pg_optout=1");
    assert_eq!(ask(&world, &[("Cookie", &out)], &json!({"bidders": ["acme"]})).status, 401);
    assert_eq!(world.get("/setuid?bidder=acme&uid=a", &[("Cookie", &out), ACTIVE]).status, 401);
    assert_eq!(world.get("/getuids", &[("Cookie", &out)]).json(), json!({"buyeruids": {}}));
}

#[test]
fn only_registered_publishers_read_answers_about_their_visitors() {
    let world = World::dev();
    for (origin, allowed) in [
        ("http://news.localhost:8090", true),
        ("http://news.localhost", false),
        ("https://news.localhost:8090", false),
        ("https://evil.example", false),
        ("http://news.localhost.evil.example:80", false),
        ("null", false),
    ] {
        let headers = [("Origin", origin), ACTIVE];
        let options = send(world.public(), "OPTIONS", "/cookie_sync", &headers, "");
        assert_eq!(options.status, 204);
        for reply in
            [world.post("/cookie_sync", &headers, "{}"), world.post("/cookie_sync", &headers, "["), options]
        {
            let said = reply.header("Access-Control-Allow-Origin");
            assert_eq!(said, allowed.then_some(origin), "{origin}");
            assert_eq!(reply.header("Access-Control-Allow-Credentials").is_some(), allowed, "{origin}");
            assert_eq!(reply.header("Vary"), Some("Origin"), "{origin}");
        }
    }
    assert_eq!(world.get("/getuids", &[PUBLISHER]).header("Access-Control-Allow-Origin"), None);
}

#[test]
fn a_new_browser_is_the_same_to_all_whom_it_is_sent_to() {
    let world = World::dev();
    let reply = ask(&world, &[], &json!({"bidders": ["acme", "strict"]}));
    let id = reply.cookie(ID).expect("an id cookie");
    assert_eq!(reply.headers_named("Set-Cookie").count(), 1);
    let json = reply.json();
    let url = json["bidder_status"][1]["usersync"]["url"].as_str().expect("an address");
    let state = url.split("&state=").nth(1).expect("a state");
    let set = world.get(&format!("/setuid?bidder=strict&uid=s1&state={state}"), &[("Cookie", &id), ACTIVE]);
    assert!(set.outcome().starts_with("stored;"), "{}", set.outcome());
    let refused = ask(&world, &[("Sec-GPC", "1")], &json!({"bidders": ["acme"]}));
    assert_eq!(refused.cookie(ID), None, "nobody to be sent to, no id");
}
