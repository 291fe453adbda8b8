//! What is published for programs: which cookies there are, and which signals are honoured.

use serde_json::{Value, json};

use crate::world::World;

const HIT: &str = "/i/adsct?txn_id=o8z6j";

#[test]
fn every_cookie_is_disclosed_as_it_is_set() {
    let world = World::with(|config| {
        config.cookie.name = "pg".to_owned();
        config.cookie.max_age_days = 30;
    });
    let reply = world.get("/deviceStorage.json", &[]);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    assert_eq!(reply.header("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(reply.header("Access-Control-Allow-Credentials"), None);
    let document = reply.json();
    let disclosed = |line: &str| {
        let disclosures = document["disclosures"].as_array().expect("a list");
        let name = line.split('=').next().expect("a name");
        let mut cookies = disclosures.iter().filter(|disclosure| disclosure["type"] == "cookie");
        let found = cookies.find(|disclosure| disclosure["identifier"] == name);
        let found = found.unwrap_or_else(|| panic!("{name} is not disclosed"));
        assert_eq!((&found["type"], &found["domains"]), (&json!("cookie"), &json!(["px.localhost"])));
        assert!(line.contains(&format!("; Max-Age={}", found["maxAgeSeconds"])), "{line}: {found}");
        (found["purposes"].clone(), found["optOut"].clone())
    };
    let storage_access = [("Sec-Fetch-Storage-Access", "none")];
    for headers in [&[][..], &storage_access] {
        let line = world.get(HIT, headers).headers_named("Set-Cookie").next().expect("a cookie").to_owned();
        assert_eq!(disclosed(&line), (json!([1, 7]), json!(false)));
    }
    let page = world.get("/optout", &[]);
    let token = crate::opt_out::token(&page);
    let reply = world.post("/optout", &[("Origin", "http://px.localhost")], &format!("csrf={token}"));
    let marks: Vec<_> =
        reply.headers_named("Set-Cookie").filter(|line| line.starts_with("pg_optout")).collect();
    assert_eq!(marks.len(), 2);
    for line in marks {
        assert_eq!(disclosed(line), (json!([]), json!(true)));
    }
    let line = crate::advertiser::sign_in(&world, "dev-bearer-token")
        .header("Set-Cookie")
        .expect("a session")
        .to_owned();
    assert_eq!(disclosed(&line), (json!([]), json!(false)));
    assert_eq!(document["domains"][0]["purposes"], json!([1, 7]));
    let of_tag =
        document["disclosures"].as_array().expect("a list").iter().filter(|row| row["type"] == "web");
    let of_tag: Vec<_> =
        of_tag.map(|row| json!([row["identifier"], row["domains"], row["optOut"]])).collect();
    assert_eq!(of_tag, [json!(["pg_click", ["*"], false]), json!(["pg_optout", ["*"], true])]);
}

#[test]
fn the_tracking_status_is_that_of_who_asks_and_sets_no_cookie() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie("__Host-Http-pg").expect("an id cookie");
    let ask = |headers: &[(&str, &str)]| {
        let reply = world.get("/.well-known/dnt/", headers);
        assert_eq!(reply.header("Content-Type"), Some("application/tracking-status+json"));
        assert!(reply.header("Cache-Control").is_some_and(|cache| cache.contains("no-store")));
        assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{headers:?}");
        reply.json()
    };
    let not_tracking: Value = json!({"tracking": "N", "compliance": [], "qualifiers": "", "controller": [],
        "same-party": [], "audit": [], "policy": "", "config": ""});
    for header in [("DNT", "1"), ("Sec-GPC", "1"), ("Cookie", "pg_optout=1")] {
        assert_eq!(ask(&[header]), not_tracking, "{header:?}");
    }
    for header in [("DNT", "0"), ("Cookie", &id)] {
        let status = ask(&[header]);
        assert_eq!((&status["tracking"], &status["config"]), (&json!("T"), &json!("/optout")), "{header:?}");
    }
    let before = world.log_bytes();
    ask(&[("DNT", "0"), ("Cookie", &id)]);
    assert!(world.log_bytes() == before);
}

#[test]
fn global_privacy_control_is_announced() {
    let reply = World::dev().get("/.well-known/gpc.json", &[]);
    assert_eq!(reply.json()["gpc"], true);
    assert_eq!(reply.json()["lastUpdate"].as_str().map(str::len), Some("2026-11-22".len()));
}

#[test]
fn there_is_a_dnt_policy_only_where_the_operator_has_one() {
    assert_eq!(World::dev().get("/.well-known/dnt-policy.txt", &[]).status, 404);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut file.as_file(), b"We commit to it.\n").expect("room for a line");
    let world = World::with(|config| config.dnt_policy = Some(file.path().to_owned()));
    let reply = world.get("/.well-known/dnt-policy.txt", &[]);
    assert_eq!((reply.status, &*reply.text()), (200, "We commit to it.\n"));
    assert_eq!(world.post("/.well-known/dnt-policy.txt", &[], "").status, 405);
}
