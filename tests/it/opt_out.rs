//! Opting out and back in, over real sockets.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use pixelgate::config::RateLimits;

use crate::daa;
use crate::gated_disk::GatedDisk;
use crate::simulated_disk::{Faults, SimulatedDisk};
use crate::world::{Pending, Reply, World};

const ID: &str = "__Host-Http-pg";
const HIT: &str = "/i/adsct?txn_id=o8z6j";

pub(crate) fn token(page: &Reply) -> String {
    let text = page.text();
    let value = text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.expect("the form has a token").to_owned()
}

pub(crate) fn opt_out(world: &World, cookie: &str) -> Reply {
    let page = world.get("/optout", &[("Cookie", cookie)]);
    let headers = [("Cookie", cookie), ("Origin", "http://px.localhost")];
    world.post("/optout", &headers, &format!("csrf={}", token(&page)))
}

#[test]
fn after_an_opt_out_nothing_of_that_browser_is_stored_even_without_the_opt_out_cookie() {
    let mut world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let reply = opt_out(&world, &id);
    assert_eq!(reply.status, 303);
    assert_eq!(reply.cookie("pg_optout").as_deref(), Some("pg_optout=1"));
    assert_eq!(reply.headers_named("Set-Cookie").filter(|line| line.starts_with("pg_optout=1")).count(), 2);
    assert_eq!(reply.cookie(ID).as_deref(), Some("__Host-Http-pg="));
    assert_eq!(reply.header("Tk"), Some("U"));
    for _ in 0..2 {
        let before = world.log_bytes();
        let late = world.get(HIT, &[("Cookie", &id)]);
        assert_eq!(late.outcome(), "suppressed; reason=opted-out");
        assert_eq!(late.cookie(ID).as_deref(), Some("__Host-Http-pg="));
        assert!(is_marked(&late), "{late:?}");
        assert!(world.log_bytes() == before);
        world.restart();
    }
    let rows = world.stored();
    assert_eq!((rows.len(), &rows[1]["kind"]), (2, &serde_json::json!("opt_out")));
}

#[test]
fn an_opt_in_clears_the_cookie_and_the_record() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    opt_out(&world, &id);
    let cookies = format!("{id}; pg_optout=1");
    let page = world.get("/optout", &[("Cookie", &cookies)]);
    assert!(page.text().contains("You are opted out"));
    let headers = [("Cookie", &*cookies), ("Origin", "http://px.localhost")];
    let reply = world.post("/optin", &headers, &format!("csrf={}", token(&page)));
    assert_eq!((reply.status, reply.cookie("pg_optout").as_deref()), (303, Some("pg_optout=")));
    let late = world.get(HIT, &[("Cookie", &id)]);
    assert!(late.outcome().starts_with("stored"), "{}", late.outcome());
}

#[test]
fn a_form_from_elsewhere_changes_nothing() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let token = token(&world.get("/optout", &[("Cookie", &id)]));
    let foreign = crate::opt_out::token(&world.get("/optout", &[]));
    let before = world.log_bytes();
    for (origin, token) in [
        (Some("http://evil.example"), &*token),
        (Some("null"), &token),
        (None, &token),
        (Some("http://px.localhost"), &foreign),
        (Some("http://px.localhost"), ""),
    ] {
        let mut headers = vec![("Cookie", &*id)];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        for path in ["/optout", "/optin"] {
            let reply = world.post(path, &headers, &format!("csrf={token}"));
            assert_eq!((reply.status, reply.headers_named("Set-Cookie").count()), (403, 0), "{origin:?}");
        }
    }
    assert!(world.log_bytes() == before);
}

#[test]
fn a_choice_comes_with_a_receipt_that_anybody_can_check_and_nobody_can_change() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let reply = opt_out(&world, &id);
    let location = reply.header("Location").expect("the page").to_owned();
    let page = world.get(&location, &[("Cookie", "pg_optout=1")]);
    assert!(page.text().contains("choice: opt-out\nids recorded: 1\nkept: disk\n"), "{}", page.text());
    let query = location.strip_prefix("/optout?").expect("the page's address");
    let browser_id = id.split('.').nth(1).expect("the id within");
    assert!(!page.text().contains(browser_id) && !query.contains(browser_id));

    let text = world.get(&format!("/optout/receipt?{query}&format=text"), &[]);
    assert_eq!(text.header("Content-Disposition"), Some("attachment; filename=\"receipt.txt\""));
    let json = world.get(&format!("/optout/receipt?{query}&format=json"), &[]);
    let key = world.get("/optout/receipt-keys", &[]).json()["keys"][0]["public_key"].clone();
    let key = key.as_str().expect("a key");
    for receipt in [text.text(), json.text()] {
        for arguments in [&["inspect", "receipt"][..], &["inspect", "receipt", "--public-key", key]] {
            let output = pixelgate_with(arguments, &receipt);
            let out = String::from_utf8_lossy(&output.stdout);
            assert!(out.starts_with("genuine\nHost         px.localhost\n"), "{arguments:?}: {out}");
        }
        let changed = receipt.replace("opt-out", "opt-in");
        let output = pixelgate_with(&["inspect", "receipt"], &changed);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    }
    for changed in [query.replace(".1.disk", ".2.disk"), query.replace("opt-out", "opt-in"), "x=1".to_owned()]
    {
        assert_ne!(changed, query);
        assert_eq!(world.get(&format!("/optout/receipt?{changed}"), &[]).status, 404);
        assert!(!world.get(&format!("/optout?{changed}"), &[]).text().contains("receipt:"));
        assert!(!world.get(&format!("/optout?{changed}"), &[]).text().contains("Your receipt"));
    }
    let reply = opt_out(&world, "");
    let page = world.get(reply.header("Location").expect("the page"), &[]);
    assert!(page.text().contains("ids recorded: 0\nkept: in the browser"), "{}", page.text());
}

fn pixelgate_with(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pixelgate"));
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_flood_of_hits_keeps_nobody_from_opting_out() {
    let world = World::with(|config| {
        config.rate_limits = Some(RateLimits { per_address_per_s: 1, per_address_burst: 3 });
    });
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let hits: Vec<_> = (0..10).map(|_| world.get(HIT, &[("Cookie", &id)])).collect();
    assert!(hits.iter().any(|reply| reply.outcome() == "overloaded"));
    assert_eq!(opt_out(&world, &id).status, 303);
    let refused = (0..10).map(|_| world.get("/optout", &[])).filter(|reply| reply.status == 429).count();
    assert!(refused > 0, "opt-outs have a limit of their own");
}

#[test]
fn on_a_full_disk_people_still_opt_out() {
    const FILE_BYTES: u64 = 16 << 10;
    let disk = SimulatedDisk::new(1, Faults { capacity: Some(6 * FILE_BYTES), ..Faults::default() });
    let world = World::on(disk.shared(), |config| config.log.file_bytes = FILE_BYTES);
    let ids: Vec<_> = (0..6).map(|_| world.get(HIT, &[]).cookie(ID).expect("an id cookie")).collect();
    let buy = || world.get("/i/adsct?txn_id=o87ne", &[]);
    let full = (0..10_000).map(|_| buy()).find(|reply| reply.status == 503).expect("the disk gets full");
    assert_eq!(full.outcome(), "overloaded; reason=disk");
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(buy().status, 503);
        if number % 2 == 0 {
            let reply = opt_out(&world, id);
            let receipt = world.get(reply.header("Location").expect("the page"), &[]);
            assert!(receipt.text().contains("ids recorded: 1\nkept: disk\n"), "{}", receipt.text());
        } else {
            let (_, token) = daa::status(&world, id);
            let reply = daa::opt_out(&world, &[("Cookie", id)], &token);
            let back = world.get(daa::location(&reply), &[("Cookie", "pg_optout=1")]);
            assert!(daa::location(&back).ends_with("/1-0/opted-out"), "{back:?}");
        }
        assert_eq!(world.get(HIT, &[("Cookie", id)]).outcome(), "suppressed; reason=opted-out");
    }
    disk.set_faults(Faults::default());
}

/// Whether the answer sets the opt-out cookie, with its whole life and in both jars.
pub(crate) fn is_marked(reply: &Reply) -> bool {
    let lines: Vec<_> =
        reply.headers_named("Set-Cookie").filter(|line| line.starts_with("pg_optout")).collect();
    let partitioned = lines.iter().filter(|line| line.contains("; Partitioned")).count();
    assert!(matches!((lines.len(), partitioned), (0, 0) | (2, 1)), "{lines:?}");
    for line in &lines {
        for part in ["pg_optout=1;", "; Max-Age=34560000", "; SameSite=None", "; Secure", "; Path=/"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
    !lines.is_empty()
}

#[test]
fn an_opt_out_cookie_is_renewed_wherever_it_is_seen() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let marked = "pg_optout=1";
    let both = format!("{id}; pg_optout=1");
    for (target, cookie) in [
        (HIT, marked),
        (HIT, "pg_optout=yes"),
        ("/i/adsct?txn_id=o8z6j&tpx_cb=twttr.conversion.loadPixels", marked),
        ("/p.gif", marked),
        ("/optout", marked),
        ("/optout/status", marked),
    ] {
        assert!(is_marked(&world.get(target, &[("Cookie", cookie)])), "{target} {cookie}");
    }
    let reply = world.get(HIT, &[("Cookie", &both)]);
    assert!(is_marked(&reply));
    assert_eq!(reply.cookie(ID).as_deref(), Some("__Host-Http-pg="));
    for headers in [
        &[("Cookie", "pg_optout=0")][..],
        &[("Cookie", "pg_optout")],
        &[("Cookie", "pg_prefs=1000")],
        &[("Sec-GPC", "1")],
        &[("Cookie", marked), ("Sec-Purpose", "prefetch")],
        &[("Cookie", marked), ("User-Agent", "Googlebot/2.1")],
    ] {
        assert!(!is_marked(&world.get(HIT, headers)), "{headers:?}");
    }
    for path in ["/deviceStorage.json", "/.well-known/gpc.json", "/.well-known/dnt/", "/nothing"] {
        assert_eq!(world.get(path, &[("Cookie", marked)]).headers_named("Set-Cookie").count(), 0, "{path}");
    }
}

#[test]
fn a_browser_that_lost_the_opt_out_cookie_gets_it_back() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    opt_out(&world, &id);
    for target in [HIT, "/optout", "/optout/status"] {
        assert!(is_marked(&world.get(target, &[("Cookie", &id)])), "{target}");
    }
    let status = |cookie: &str| world.get("/optout/status", &[("Cookie", cookie)]).text();
    assert_eq!(status(&id), r#"{"opted_out":true,"cookie":false,"server":true}"#);
    assert_eq!(status("pg_optout=1"), r#"{"opted_out":true,"cookie":true,"server":false}"#);
    assert_eq!(status(""), r#"{"opted_out":false,"cookie":false,"server":false}"#);
    assert!(world.get("/optout", &[("Cookie", &id)]).text().contains("You are opted out"));
}

#[test]
fn an_opt_out_of_any_id_that_is_shown_counts() {
    let world = World::dev();
    let hit = |headers: &[(&str, &str)]| world.get(HIT, headers);
    let twin = hit(&[("Sec-Fetch-Storage-Access", "none")]).cookie("__Host-Http-pg-p").expect("a twin");
    let (one, two) = (hit(&[]).cookie(ID).expect("an id"), hit(&[]).cookie(ID).expect("another id"));
    opt_out(&world, &twin);
    opt_out(&world, &two);
    let before = world.log_bytes();
    for cookies in [format!("{one}; {twin}"), format!("{one}; {two}")] {
        let reply = hit(&[("Cookie", &cookies)]);
        assert_eq!(reply.outcome(), "suppressed; reason=opted-out");
        assert!(is_marked(&reply));
        assert_eq!(reply.cookie(ID).as_deref(), Some("__Host-Http-pg="));
    }
    assert!(world.log_bytes() == before);
    assert!(hit(&[("Cookie", &one)]).outcome().starts_with("stored"));
}

#[test]
fn who_sends_dnt_is_told_whether_it_was_tracked() {
    let world = World::dev();
    for (header, target, expect) in [
        (("DNT", "1"), HIT, Some("N")),
        (("DNT", "0"), HIT, Some("T")),
        (("DNT", "0"), "/i/adsct?txn_id=unknown", Some("N")),
        (("DNT", "0"), "/optout", Some("N")),
        (("Accept", "*/*"), HIT, None),
        (("Sec-GPC", "1"), HIT, None),
    ] {
        assert_eq!(world.get(target, &[header]).header("Tk"), expect, "{header:?} {target}");
    }
    let opted_out = [("DNT", "0"), ("Cookie", "pg_optout=1")];
    assert_eq!(world.get(HIT, &opted_out).header("Tk"), Some("N"));
}

/// The opt-out overtakes the hit, or the hit the opt-out, while both wait for the disk.
#[test]
fn a_slow_hit_gives_no_id_to_who_opted_out_meanwhile() {
    let elsewhere = World::dev();
    let id = elsewhere.get(HIT, &[]).cookie(ID).expect("an id cookie");
    for opt_out_is_first in [true, false] {
        let disk = GatedDisk::default();
        let world = World::on(Arc::new(disk.clone()), |config| {
            config.workers = Some(1);
            // Signed with what is an old key here, the id would be given anew.
            let mut newer = config.cookie_keys[0].clone();
            newer.id = 77;
            config.cookie_keys.insert(0, newer);
        });
        let renewed = world.get(HIT, &[("Cookie", &id)]);
        assert!(renewed.cookie(ID).is_some_and(|pair| pair.contains(".77.")), "the id is given anew");
        let form = format!("csrf={}", token(&world.get("/optout", &[("Cookie", &id)])));
        let send = |method: &str, target: &str, headers: &[(&str, &str)], body: &str| {
            let pending = Pending::send(world.public(), method, target, headers, body);
            settle(&world);
            pending
        };
        let headers = [("Cookie", &*id), ("Origin", "http://px.localhost")];
        disk.shut();
        let blocker = send("GET", "/i/adsct?txn_id=o87ne", &[], "");
        disk.await_writer();
        let (hit, opted_out) = if opt_out_is_first {
            let opted_out = send("POST", "/optout", &headers, &form);
            (send("GET", HIT, &headers[..1], ""), opted_out)
        } else {
            let hit = send("GET", HIT, &headers[..1], "");
            (hit, send("POST", "/optout", &headers, &form))
        };
        disk.open_gate();
        let (hit, opted_out) = (hit.answer(), opted_out.answer());
        assert_eq!(blocker.answer().status, 200);
        assert_eq!(opted_out.status, 303);
        if opt_out_is_first {
            assert_eq!(hit.outcome(), "suppressed; reason=opted-out");
            assert_eq!(hit.cookie(ID).as_deref(), Some("__Host-Http-pg="));
            assert!(is_marked(&hit));
        } else {
            assert!(hit.outcome().starts_with("stored"), "{}", hit.outcome());
            assert_eq!(hit.cookie(ID), None);
        }
    }
}

/// Returns once the server's one worker has taken in what was sent before: it gets to a new connection after that.
fn settle(world: &World) {
    for _ in 0..3 {
        assert_eq!(world.get("/.well-known/gpc.json", &[]).status, 200);
    }
}
