//! The settings of signed-in accounts, over real sockets.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Reply, World, send};

const ID: &str = "__Host-Http-pg";
const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");
const EMBED: &str = "/i/embed?href=https%3A%2F%2Fnews.example%2Fstory";

fn account(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

/// What `POST /admin/settings` takes for an account with these settings off.
fn item(account: &str, off: &[&str]) -> Value {
    let mut item = json!({"hashed_account_id": account});
    for name in ["personalize", "partners", "devices", "web"] {
        item[name] = (!off.contains(&name)).into();
    }
    item
}

fn post(world: &World, items: &[Value]) -> Reply {
    send(world.admin(), "POST", "/admin/settings", &[TOKEN], &json!({"settings": items}).to_string())
}

#[track_caller]
fn record(world: &World, items: &[Value]) {
    let reply = post(world, items);
    assert_eq!((reply.status, reply.json()), (200, json!({"recorded": items.len(), "ack": "disk"})));
}

fn hit(event: &str, more: &str) -> String {
    format!("/i/adsct?txn_id=o87ne&tw_sale_amount=1&event_id={event}{more}")
}

fn named(account: &str) -> String {
    format!("&hashed_account_id={account}")
}

/// Refused for `reason`, without a trace and without an id.
#[track_caller]
fn refused(world: &World, target: &str, headers: &[(&str, &str)], reason: &str) {
    let before = world.log_bytes();
    let reply = world.get(target, headers);
    assert_eq!(reply.outcome(), format!("suppressed; reason={reason}"), "{target}");
    assert_eq!(reply.cookie(ID).filter(|pair| pair.contains("v1.")), None, "{target}");
    assert!(world.log_bytes() == before, "{target}");
}

#[track_caller]
fn stored(world: &World, target: &str, headers: &[(&str, &str)]) {
    let reply = world.get(target, headers);
    assert!(reply.outcome().starts_with("stored;"), "{target}: {}", reply.outcome());
}

/// Why the activity is refused, if it is.
fn reason(world: &World, activity: &str, more: &str, cookie: &str) -> Value {
    let reply = world.get(&format!("/v1/explain?activity={activity}{more}"), &[("Cookie", cookie)]);
    let explained = reply.json();
    let decisions = explained["decisions"].as_array().expect("a list");
    decisions.iter().find(|one| one["activity"] == activity).expect("it was asked about")["reason"].clone()
}

#[test]
fn with_personalize_ads_off_an_accounts_hits_leave_the_log_byte_identical_restarts_included() {
    let mut world = World::dev();
    record(
        &world,
        &[item(&account(1), &["personalize"]), item(&account(2), &[]), item(&account(3), &["web"])],
    );
    for restart in ["", "again"] {
        for account in [account(0xab), account(2), account(3), String::new()] {
            stored(&world, &hit(&format!("{restart}{account}"), &named(&account)), &[]);
        }
        let id =
            world.get(&hit(&format!("{restart}id"), ""), &[]).cookie(ID).expect("a new browser gets an id");
        for headers in [&[][..], &[("Cookie", &*id)]] {
            refused(&world, &hit("1", &named(&account(1))), headers, "personalize-off");
            refused(&world, &format!("{EMBED}{}", named(&account(1))), headers, "personalize-off");
            refused(&world, &format!("/match/111?uid=u1{}", named(&account(1))), headers, "personalize-off");
        }
        // However it is written, and with others beside it.
        let odd = account(1).replace("01", "%30%31");
        for more in [named(&odd), format!("{}{}", named(&account(2)), named(&account(1)))] {
            refused(&world, &hit("1", &more), &[], "personalize-off");
        }
        world.restart();
    }
    // Upper case is the same hash.
    record(&world, &[item(&account(0xAB).to_uppercase(), &["personalize"])]);
    refused(&world, &hit("2", &named(&account(0xab))), &[], "personalize-off");
    // All on again.
    record(&world, &[item(&account(1), &[]), item(&account(0xab), &[])]);
    stored(&world, &hit("3", &named(&account(1))), &[]);
    world.restart();
    stored(&world, &hit("4", &named(&account(1))), &[]);
}

#[test]
fn each_setting_of_an_account_refuses_what_it_is_about() {
    let world = World::dev();
    let settings = ["personalize", "partners", "devices", "web"];
    let items: Vec<_> =
        settings.iter().zip(1..).map(|(name, number)| item(&account(number), &[name])).collect();
    record(&world, &items);
    let activities = ["measure", "share-measurement", "link-devices", "web-history"];
    let off = ["personalize-off", "partners-off", "devices-off", "web-off"];
    for (number, about) in (1..).zip(0..4) {
        for (at, activity) in activities.into_iter().enumerate() {
            let more = format!("&partner=755{}", named(&account(number)));
            let expect = match about {
                0 => json!(off[0]),
                _ if about == at => json!(off[at]),
                _ => Value::Null,
            };
            assert_eq!(reason(&world, activity, &more, ""), expect, "{} {activity}", off[about]);
        }
    }
    refused(&world, &format!("{EMBED}{}", named(&account(4))), &[], "web-off");
    stored(&world, &format!("{EMBED}{}", named(&account(3))), &[]);
    stored(&world, &hit("1", &named(&account(4))), &[]);
}

#[test]
fn of_cookie_and_account_the_stricter_counts() {
    let world = World::dev();
    record(&world, &[item(&account(1), &["partners", "web"]), item(&account(2), &["personalize"])]);
    let share = |cookie: &str, account: &str| {
        let more = format!("&partner=755{}", named(account));
        ["share-measurement", "link-devices"].map(|activity| reason(&world, activity, &more, cookie))
    };
    assert_eq!(share("pg_prefs=0010", &account(1)), [json!("partners-off"), json!("devices-off")]);
    assert_eq!(share("pg_prefs=0010", &account(3)), [Value::Null, json!("devices-off")]);
    assert_eq!(share("", &account(1)), [json!("partners-off"), Value::Null]);
    refused(&world, &hit("1", &named(&account(3))), &[("Cookie", "pg_prefs=1000")], "personalize-off");
    refused(&world, &hit("1", &named(&account(2))), &[("Cookie", "pg_prefs=0111")], "personalize-off");
    refused(&world, &format!("{EMBED}{}", named(&account(1))), &[("Cookie", "pg_prefs=0100")], "web-off");

    // The page shows the stricter of both, and keeps in the browser what the browser had.
    for (cookie, account, off, kept) in [
        ("pg_prefs=0010", account(1), 3, Some("pg_prefs=0010")),
        ("pg_prefs=0100", account(1), 2, Some("pg_prefs=0100")),
        ("a=b", account(1), 2, None),
        ("a=b", account(3), 0, None),
        ("a=b", "jane@shop.example".to_owned(), 0, None),
    ] {
        let page = world.get(&format!("/privacy?hashed_account_id={account}"), &[("Cookie", cookie)]);
        let text = page.text();
        let found = text.matches("role=\"switch\"").count() - text.matches(" checked").count();
        assert_eq!((page.status, found), (200, off), "{cookie} {account}");
        assert_eq!(page.cookie("pg_prefs").as_deref(), kept, "{cookie} {account}");
        assert!(!text.contains(&account), "the page names nobody");
    }
}

#[test]
fn what_is_no_hash_is_ignored_and_counted() {
    let world = World::dev();
    record(&world, &[item(&account(1), &["personalize"])]);
    let cut = &account(1)[1..];
    for (event, value) in ["jane%40shop.example", cut, "", "%7B%7Bid%7D%7D"].into_iter().enumerate() {
        stored(&world, &hit(&event.to_string(), &named(value)), &[]);
    }
    stored(&world, &format!("{EMBED}{}", named("1")), &[]);
    refused(&world, &hit("9", &format!("{}{}", named("1"), named(&account(1)))), &[], "personalize-off");
    let metrics = world.admin_get("/metrics").text();
    assert!(metrics.contains("\npixelgate_malformed_account_ids_total 4\n"), "{metrics}");
    assert!(metrics.contains("\npixelgate_literal_macros_total 1\n"), "{metrics}");
    assert!(world.stored().iter().all(|row| !row.to_string().contains("jane")));
}

#[test]
fn settings_are_taken_as_a_whole_or_not_at_all() {
    let world = World::dev();
    let good = item(&account(1), &["personalize"]);
    let before = world.log_bytes();
    for (items, expect) in [
        (vec![good.clone(), item("jane@shop.example", &[])], "account 2: hashed_account_id is not 64"),
        (vec![good.clone(), item(&account(1), &[])], "account 2: it is account 1 again"),
        (vec![good.clone(), json!({"hashed_account_id": account(2), "web": false})], "line 1, column"),
        (vec![], "0 accounts"),
    ] {
        let reply = post(&world, &items);
        assert_eq!(reply.status, 400, "{expect}");
        let text = reply.json()["errors"][0].to_string();
        assert!(text.contains(expect), "{text}");
        assert!(
            !reply.text().contains("jane") && !reply.text().contains(&account(1)[..8]),
            "{}",
            reply.text()
        );
    }
    let body = json!({"settings": [good]}).to_string();
    for headers in [&[][..], &[("Authorization", "Bearer dev")]] {
        assert_eq!(send(world.admin(), "POST", "/admin/settings", headers, &body).status, 401);
    }
    assert_eq!(send(world.admin(), "GET", "/admin/settings", &[TOKEN], "").status, 405);
    let long = format!("{body}{}", " ".repeat((256 << 10) + 1 - body.len()));
    assert_eq!(send(world.admin(), "POST", "/admin/settings", &[TOKEN], &long).status, 413);
    assert_eq!(world.post("/admin/settings", &[TOKEN], "").status, 404, "not on the listener for browsers");
    assert!(world.log_bytes() == before);
    stored(&world, &hit("1", &named(&account(1))), &[]);
    let many: Vec<_> = (0..1_000).map(|number| item(&format!("{number:064x}"), &["personalize"])).collect();
    record(&world, &many);
    assert_eq!(world.stored().len(), 1_001);
    for number in [0, 999] {
        refused(&world, &hit("2", &named(&format!("{number:064x}"))), &[], "personalize-off");
    }
    let metrics = world.admin_get("/metrics").text();
    assert!(metrics.contains("\npixelgate_log_account_settings 1000\n"), "{metrics}");
}

#[test]
fn settings_go_with_their_account() {
    let mut world = World::dev();
    record(&world, &[item(&account(1), &["personalize"]), item(&account(2), &["personalize"])]);
    let line = json!({"kind": "settings", "at": world.stored()[0]["at"], "hashed_account_id": account(1),
        "personalize": false, "partners": true, "devices": true, "web": true});
    assert_eq!(world.stored()[0], line);
    let body = json!({"subjects": [{"hashed_account_id": account(1)}]}).to_string();
    let reply = send(world.admin(), "POST", "/admin/erasures", &[TOKEN], &body);
    assert!(reply.status == 202 && !reply.text().contains(&account(1)));
    assert_eq!(world.stored().len(), 1, "at once");
    stored(&world, &hit("1", &named(&account(1))), &[]);
    refused(&world, &hit("2", &named(&account(2))), &[], "personalize-off");
    // Nobody is opted out by an account.
    let list = json!({"hashed_account_id": account(2)}).to_string();
    let list = send(
        world.admin(),
        "POST",
        "/admin/optouts",
        &[TOKEN, ("Content-Type", "application/x-ndjson")],
        &list,
    );
    assert!(list.status == 400 && list.text().contains("no opt-out"), "{}", list.text());
    world.stop();
    let dir = world.data_dir();
    let erased = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["erase", "--json", "--hashed-account-id", &account(2), "--data-dir"])
        .arg(&dir)
        .output()
        .expect("the program runs");
    assert_eq!(erased.status.code(), Some(0), "{erased:?}");
    world.restart();
    stored(&world, &hit("3", &named(&account(2))), &[]);
    assert!(world.stored().iter().all(|row| row["kind"] != "settings"));
}
