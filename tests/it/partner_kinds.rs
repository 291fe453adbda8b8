//! What a partner is of, and what that lets it take part in, over real sockets.

use serde_json::{Value, json};

use crate::world::{Reply, World, send};

const ID: &str = "__Host-Http-pg";
const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");
const ACTIVE: (&str, &str) = ("Sec-Fetch-Storage-Access", "active");
const PUBLISHER: (&str, &str) = ("Origin", "http://news.localhost:8090");
const NOT_MATCHED: &str = "invalid; reason=not-matched";

fn put(world: &World, partner: &Value) -> Reply {
    send(world.admin(), "PUT", "/admin/partners/700", &[TOKEN], &partner.to_string())
}

fn shown(world: &World, id: u32) -> Value {
    send(world.admin(), "GET", &format!("/admin/partners/{id}"), &[TOKEN], "").json()
}

/// What `/cookie_sync` answers: who is asked, and why others are not.
fn asked(world: &World, browser: &str, body: &Value) -> (Vec<String>, Vec<String>) {
    let reply = world.post("/cookie_sync", &[("Cookie", browser), ACTIVE, PUBLISHER], &body.to_string());
    let json = reply.json();
    let all = |list: &str| json[list].as_array().cloned().unwrap_or_default();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    (
        all("bidder_status").iter().map(|one| text(one, "bidder")).collect(),
        all("debug").iter().map(|one| format!("{}: {}", text(one, "bidder"), text(one, "code"))).collect(),
    )
}

#[test]
fn a_measurement_partner_takes_no_part_in_cookie_matching() {
    let world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie");
    let browser = [("Cookie", &*id), ACTIVE];
    let before = world.log_bytes();
    for (target, status) in [
        ("/match/meter?uid=abc", 400),
        ("/match/444?uid=abc", 400),
        ("/match/meter/start", 400),
        ("/match/meter/start?r=ok", 400),
        ("/match/meter/frame", 400),
        ("/getuid?partner=meter&r=ok", 400),
        ("/setuid?bidder=meter&uid=abc", 400),
        ("/setuid?bidder=meter&uid=", 400),
        // The pixel's path answers with the pixel.
        ("/i/adsct?p_id=444&p_user_id=abc", 200),
    ] {
        for headers in [&browser[..], &browser[1..]] {
            let reply = world.get(target, headers);
            assert_eq!((reply.status, reply.outcome()), (status, NOT_MATCHED), "{target}");
            assert_eq!((reply.cookie(ID), reply.header("Location")), (None, None), "{target}");
        }
    }
    let debug = json!({"debug": true});
    assert_eq!(asked(&world, &id, &debug), (vec!["acme".into(), "strict".into(), "outbid".into()], vec![]));
    let named = asked(&world, &id, &json!({"bidders": ["meter", "acme"], "debug": true}));
    assert_eq!(named, (vec!["acme".to_owned()], vec!["meter: not-matched".to_owned()]));
    assert!(world.log_bytes() == before, "nothing is stored");
    let page = ("Referer", "http://news.localhost:8090/");
    let target = "/i/adsct?txn_id=o8z6j&tpx_cb=twttr.conversion.loadPixels";
    let script = world.get(target, &[browser[0], ACTIVE, page]).text();
    assert_eq!((script.matches("http://").count(), script.contains("meter")), (3, false), "{script}");
    let metrics = world.admin_get("/metrics").text();
    let refused = "partner=\"meter\",step=\"inbound\",storage_access=\"active\",outcome=\"invalid\",reason=\"not-matched\"} 8";
    assert!(metrics.contains(refused), "{metrics}");
}

#[test]
fn who_becomes_a_measurement_partner_is_handed_no_ids_until_it_is_another_again() {
    let mut world = World::dev();
    let matched = json!({"name": "adhub", "kinds": ["rtb"], "unsigned": true});
    assert_eq!(put(&world, &matched).status, 201);
    let id = world.get("/match/adhub?uid=abc", &[ACTIVE]).cookie(ID).expect("an id cookie");
    let browser = [("Cookie", &*id), ACTIVE];
    let known = json!({"buyeruids": {"adhub": "abc"}});
    assert_eq!(world.get("/getuids", &browser).json(), known);
    let measuring = json!({"name": "adhub", "kinds": ["measurement"], "unsigned": true});
    assert_eq!(put(&world, &measuring).json()["kinds"], json!(["measurement"]));
    let before = world.log_bytes();
    for _ in 0..2 {
        assert_eq!(world.get("/match/adhub?uid=abd", &browser).outcome(), NOT_MATCHED);
        assert_eq!(world.get("/getuids", &browser).json(), json!({"buyeruids": {}}));
        assert_eq!(shown(&world, 700)["kinds"], json!(["measurement"]));
        assert!(world.log_bytes() == before);
        world.restart();
    }
    assert_eq!(put(&world, &matched).status, 200);
    assert_eq!(world.get("/getuids", &browser).json(), known);
}

#[test]
fn kinds_are_shown_to_operators_and_default_to_audience() {
    let world = World::dev();
    assert_eq!(shown(&world, 111)["kinds"], json!(["audience"]));
    assert_eq!(shown(&world, 333)["kinds"], json!(["audience", "rtb"]));
    assert_eq!(put(&world, &json!({"name": "adhub"})).json()["kinds"], json!(["audience"]));
    let refused = put(
        &world,
        &json!({"name": "adhub", "kinds": ["measurement", "rtp"], "image": "https://p.example/"}),
    );
    let told = "kinds[2]: \\\"rtp\\\" is unknown; did you mean \\\"rtb\\\"? expected one of audience, rtb, measurement";
    assert_eq!((refused.status, refused.text().contains(told)), (400, true), "{}", refused.text());
    let none = put(&world, &json!({"name": "adhub", "kinds": []}));
    assert_eq!((none.status, shown(&world, 700)["kinds"].clone()), (400, json!(["audience"])));
    let (page, metrics) = (world.admin_get("/dash").text(), world.admin_get("/metrics").text());
    for (name, kinds) in
        [("acme", &["audience"][..]), ("outbid", &["audience", "rtb"]), ("meter", &["measurement"])]
    {
        let row = format!("<th scope=\"row\">{name} <small>{}</small></th>", kinds.join(", "));
        assert!(page.contains(&row), "{row}");
        for kind in kinds {
            let sample = format!("pixelgate_partner_kinds{{partner=\"{name}\",kind=\"{kind}\"}} 1\n");
            assert!(metrics.contains(&sample), "{sample}");
        }
    }
    assert_eq!(metrics.matches("pixelgate_partner_kinds{").count(), 6);
}
