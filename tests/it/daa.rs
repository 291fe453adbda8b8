//! The Digital Advertising Alliance's status and opt-out requests, over real sockets.

use std::sync::Arc;

use crate::gated_disk::GatedDisk;
use crate::opt_out::is_marked;
use crate::world::{Reply, World};

const ID: &str = "__Host-Http-pg";
const HIT: &str = "/i/adsct?txn_id=o8z6j";
const BACK: &str = "https://optout.aboutads.info";
const RD: &str = "rd=https%3A%2F%2Foptout.aboutads.info";

pub(crate) fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 302, "{reply:?}");
    assert!(reply.body.is_empty());
    reply.header("Location").expect("a redirect has a target")
}

/// The status, and the token that comes with it.
pub(crate) fn status(world: &World, cookie: &str) -> (String, String) {
    let target = format!("/daa?action_id=3&participant_id=123&{RD}&nocache=223442");
    let reply = world.get(&target, &[("Cookie", cookie)]);
    let rest = location(&reply).strip_prefix(BACK).expect("back to where it came from").to_owned();
    let (status, token) = rest.rsplit_once('/').expect("a token at the end");
    (status.to_owned(), token.to_owned())
}

pub(crate) fn opt_out(world: &World, headers: &[(&str, &str)], token: &str) -> Reply {
    world.get(&format!("/daa?action_id=4&participant_id=123&{RD}&token={token}&nocache=1"), headers)
}

#[test]
fn the_status_tells_no_cookie_an_ad_cookie_or_the_opt_out() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let before = world.log_bytes();
    assert_eq!(status(&world, "").0, "/token/123/1-0");
    assert_eq!(status(&world, "other=1").0, "/token/123/1-0");
    assert_eq!(status(&world, &id).0, "/token/123/2-0");
    assert_eq!(status(&world, "pg_optout=1").0, "/token/123/3-0");
    assert_eq!(status(&world, &format!("{id}; pg_optout=1")).0, "/token/123/3-0");
    assert!(world.log_bytes() == before);
}

#[test]
fn an_opt_out_is_set_recorded_and_read_back() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let (_, token) = status(&world, &id);
    let reply = opt_out(&world, &[("Cookie", &id)], &token);
    let check = location(&reply).to_owned();
    assert!(check.starts_with("/daa/check?state="), "{check}");
    assert!(is_marked(&reply));
    assert_eq!(reply.cookie(ID).as_deref(), Some("__Host-Http-pg="));
    assert_eq!((reply.header("Tk"), reply.header("Cache-Control")), (Some("U"), Some("no-store")));
    let rows = world.stored();
    assert_eq!((rows.len(), &rows[1]["kind"]), (2, &serde_json::json!("opt_out")));

    let back = world.get(&check, &[("Cookie", "pg_optout=1")]);
    assert_eq!(location(&back), format!("{BACK}/finish/123/4/1-0/opted-out"));
    let lost = world.get(&check, &[]);
    assert_eq!(location(&lost), format!("{BACK}/finish/123/4/2-0/cookie-absent"));
    assert_eq!(world.get(HIT, &[("Cookie", &id)]).outcome(), "suppressed; reason=opted-out");
}

#[test]
fn a_cookie_that_is_kept_apart_for_one_site_is_no_success() {
    let world = World::dev();
    let (_, token) = status(&world, "");
    let reply = opt_out(&world, &[("Sec-Fetch-Storage-Access", "none")], &token);
    let back = world.get(location(&reply), &[("Cookie", "pg_optout=1")]);
    assert_eq!(location(&back), format!("{BACK}/finish/123/4/2-0/cookies-kept-apart"));
}

#[test]
fn a_token_opts_out_its_own_browser_only() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let other = world.get(HIT, &[]).cookie(ID).expect("another id cookie");
    let (_, foreign) = status(&world, &other);
    let (_, own) = status(&world, &id);
    let before = world.log_bytes();
    for token in ["", "x", ".", "1.AAAA", &foreign, &own[..own.len() - 1], &format!("{own}A")] {
        let reply = opt_out(&world, &[("Cookie", &id)], token);
        assert_eq!(location(&reply), format!("{BACK}/finish/123/4/3-0/token-mismatch"), "{token:?}");
        assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{token:?}");
    }
    let elsewhere =
        world.get(&format!("/daa?action_id=4&participant_id=124&{RD}&token={own}"), &[("Cookie", &id)]);
    assert!(location(&elsewhere).ends_with("/finish/124/4/3-0/token-mismatch"));
    assert!(world.log_bytes() == before);
    world.clock.advance(std::time::Duration::from_secs(121 * 60));
    let late = opt_out(&world, &[("Cookie", &id)], &own);
    assert!(location(&late).ends_with("/3-0/token-mismatch"));
}

/// `rd` is where one who answers to it would send people: nothing but two exact origins will do.
#[test]
fn hostile_requests_get_no_redirect_and_no_cookie() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let (_, token) = status(&world, &id);
    let before = world.log_bytes();
    for rd in HOSTILE_RD {
        for action in [3, 4] {
            let target = format!("/daa?action_id={action}&participant_id=123&token={token}{rd}");
            check_refused(&world, &target, &id);
        }
    }
    for query in HOSTILE_QUERIES {
        check_refused(&world, &format!("/daa?{query}&token={token}"), &id);
    }
    assert!(world.log_bytes() == before);
    for method in ["POST", "HEAD"] {
        let target = format!("/daa?action_id=4&participant_id=123&{RD}&token={token}");
        let reply = crate::world::send(world.public(), method, &target, &[("Cookie", &id)], "");
        assert_eq!((reply.status, reply.headers_named("Set-Cookie").count()), (405, 0), "{method}");
    }
    assert!(world.log_bytes() == before);
}

#[track_caller]
fn check_refused(world: &World, target: &str, id: &str) {
    for cookie in [id.to_owned(), format!("{id}; pg_optout=1")] {
        let reply = world.get(target, &[("Cookie", &cookie)]);
        assert_eq!((reply.status, reply.header("Location")), (400, None), "{target}");
        assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{target}");
    }
}

const HOSTILE_RD: &[&str] = &[
    "",
    "&rd=",
    "&rd=https://evil.example",
    "&rd=http://optout.aboutads.info",
    "&rd=https://optout.aboutads.info/",
    "&rd=https://optout.aboutads.info.evil.example",
    "&rd=https://optout.aboutads.info@evil.example",
    "&rd=https://optout.aboutads.info:443",
    "&rd=https://optout.aboutads.info%00",
    "&rd=https://optout.aboutads.info%0d%0aLocation:%20https://evil.example",
    "&rd=https://optout.aboutads.info%20",
    "&rd=%20https://optout.aboutads.info",
    "&rd=https://OPTOUT.aboutads.info",
    "&rd=HTTPS://optout.aboutads.info",
    "&rd=//optout.aboutads.info",
    "&rd=optout.aboutads.info",
    "&rd=https:optout.aboutads.info",
    "&rd=https:%5C%5Coptout.aboutads.info",
    "&rd=https://www.aboutads.info",
    "&rd=https://aboutads.info",
    "&rd=javascript:alert(1)",
    "&rd=data:text/html,x",
    "&rd=https%253A%252F%252Foptout.aboutads.info",
    "&rd=https://optout.aboutads.info&rd=https://evil.example",
    "&rd=https://evil.example&rd=https://optout.aboutads.info",
    "&rd=https://optout.aboutads.info&r%64=https://dev.aboutads.info",
    "&RD=https://optout.aboutads.info",
];

const HOSTILE_QUERIES: &[&str] = &[
    "action_id=4",
    "participant_id=123&rd=https://optout.aboutads.info",
    "action_id=&participant_id=123&rd=https://optout.aboutads.info",
    "action_id=5&participant_id=123&rd=https://optout.aboutads.info",
    "action_id=04&participant_id=123&rd=https://optout.aboutads.info",
    "action_id=3&action_id=4&participant_id=123&rd=https://optout.aboutads.info",
    "action_id=4&rd=https://optout.aboutads.info",
    "action_id=4&participant_id=&rd=https://optout.aboutads.info",
    "action_id=4&participant_id=../1&rd=https://optout.aboutads.info",
    "action_id=4&participant_id=1%2F2&rd=https://optout.aboutads.info",
    "action_id=4&participant_id=1%3Fx&rd=https://optout.aboutads.info",
    "action_id=4&participant_id=1%0d%0aSet-Cookie:a=b&rd=https://optout.aboutads.info",
    "action_id=4&participant_id=1&participant_id=2&rd=https://optout.aboutads.info",
    "action_id=4&participant_id=123456789012345678901234567890123&rd=https://optout.aboutads.info",
];

#[test]
fn the_way_back_is_open_only_to_who_was_sent_there() {
    let world = World::dev();
    let (_, token) = status(&world, "");
    let reply = opt_out(&world, &[], &token);
    let state = location(&reply).strip_prefix("/daa/check?state=").expect("a state").to_owned();
    let refused = |state: &str| {
        let reply = world.get(&format!("/daa/check?state={state}"), &[("Cookie", "pg_optout=1")]);
        assert_eq!((reply.status, reply.header("Location")), (400, None), "{state}");
    };
    for at in 0..state.len() {
        let mut changed = state.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        refused(&String::from_utf8(changed).expect("ASCII stays ASCII"));
        refused(&state[..at]);
    }
    refused(&token);
    let mut restarted = world;
    restarted.restart();
    let target = format!("/daa/check?state={state}");
    assert!(location(&restarted.get(&target, &[])).starts_with(BACK), "another process knows it");
    restarted.clock.advance(std::time::Duration::from_secs(6 * 60));
    assert_eq!(restarted.get(&target, &[("Cookie", "pg_optout=1")]).status, 400);
}

#[test]
fn a_disk_that_hangs_does_not_keep_the_page_waiting() {
    let disk = GatedDisk::default();
    let world = World::on(Arc::new(disk.clone()), |_| {});
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let (_, token) = status(&world, &id);
    disk.shut();
    let reply = opt_out(&world, &[("Cookie", &id)], &token);
    assert!(is_marked(&reply));
    let check = location(&reply).to_owned();
    let back = world.get(&check, &[("Cookie", "pg_optout=1")]);
    assert_eq!(location(&back), format!("{BACK}/finish/123/4/1-2/not-recorded"));
    disk.open_gate();
    // It was on its way all the same. Another opt-out behind it is acknowledged after it.
    let (_, token) = status(&world, &id);
    opt_out(&world, &[("Cookie", &id)], &token);
    assert_eq!(world.get(HIT, &[("Cookie", &id)]).outcome(), "suppressed; reason=opted-out");
    assert!(world.stored().iter().filter(|row| row["kind"] == "opt_out").count() >= 2);
}
