//! The advertiser's page over real sockets: who gets in, and what it shows.

use std::time::Duration;

use crate::opt_out::token;
use crate::world::{Reply, World, send};

const PATH: &str = "/advertiser";
const SIGN_OUT: &str = "/advertiser/sign-out";
const COOKIE: &str = "__Host-pg-advertiser";
const ORIGIN: (&str, &str) = ("Origin", "http://px.localhost");
const KEY: &str = "dev-bearer-token";
const OTHER_KEY: &str = "dev2-bearer-token";

pub(crate) fn sign_in(world: &World, key: &str) -> Reply {
    let page = world.get(PATH, &[]);
    world.post(PATH, &[ORIGIN], &format!("csrf={}&key={key}", token(&page)))
}

/// The cookie of whoever signs in with that key.
pub(crate) fn session(world: &World, key: &str) -> String {
    let reply = sign_in(world, key);
    assert_eq!((reply.status, reply.header("Location")), (303, Some(PATH)));
    reply.cookie(COOKIE).expect("a session")
}

fn page(world: &World, cookie: &str) -> String {
    world.get(PATH, &[("Cookie", cookie)]).text()
}

/// The name of the account that the page is for.
fn account(world: &World, cookie: &str) -> Option<String> {
    let text = page(world, cookie);
    let (_, name) = text.split_once("<h1>")?;
    let name = name.split("</h1>").next().unwrap_or_default();
    (!text.contains("name=\"key\"")).then(|| name.to_owned())
}

#[test]
fn an_advertiser_signs_in_with_the_accounts_key_and_out_again() {
    let world = World::dev();
    assert_eq!(account(&world, ""), None);
    let reply = sign_in(&world, KEY);
    let line = reply.header("Set-Cookie").expect("a session");
    let (value, attributes) = line.split_once("; ").expect("attributes");
    assert_eq!(attributes, "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200");
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    assert!(!value.contains(KEY) && value.starts_with("__Host-pg-advertiser=18ce54d4x5t."), "{value}");
    let (ours, other) = (session(&world, &format!("%20{KEY}%20")), session(&world, OTHER_KEY));
    assert_eq!(account(&world, &ours).as_deref(), Some("Dev shop"));
    assert_eq!(account(&world, &format!("a=b; {other}; c=d")).as_deref(), Some("Dev news"));

    let form = format!("csrf={}", token(&world.get(PATH, &[("Cookie", &ours)])));
    let out = world.post(SIGN_OUT, &[ORIGIN, ("Cookie", &ours)], &form);
    assert_eq!((out.status, out.header("Location")), (303, Some(PATH)));
    assert_eq!(out.cookie(COOKIE), Some(format!("{COOKIE}=")));
    assert!(out.header("Set-Cookie").expect("a cookie").contains("Max-Age=0"));
}

#[test]
fn whatever_is_wrong_with_a_key_gets_the_same_answer() {
    let world = World::dev();
    let mut texts = Vec::new();
    let long = "k".repeat(4_000);
    for key in
        ["", "dev-bearer-toker", "dev-pixel-token", "dev-admin-token", "DEV-BEARER-TOKEN", "%00", &long]
    {
        let reply = sign_in(&world, key);
        assert_eq!((reply.status, reply.header("Set-Cookie")), (403, None), "{key}");
        let (csrf, mut text) = (token(&reply), reply.text());
        text = text.replace(&csrf, "");
        texts.push(text);
    }
    assert!(texts[0].contains("No account has this key"));
    assert!(texts.iter().all(|text| *text == texts[0]));
}

#[test]
fn a_session_ends_with_its_time_and_with_the_key_that_opened_it() {
    let mut world = World::dev();
    let (ours, other) = (session(&world, KEY), session(&world, OTHER_KEY));
    world.clock.advance(Duration::from_secs(12 * 3_600 - 60));
    assert_eq!(account(&world, &ours).as_deref(), Some("Dev shop"));
    world.clock.advance(Duration::from_secs(120));
    assert_eq!(account(&world, &ours), None);

    let (ours, kept) = (session(&world, KEY), other);
    assert_eq!(account(&world, &kept), None);
    let other = session(&world, OTHER_KEY);
    // One account's key is changed, the other's taken away.
    world.reload(|config| {
        config.accounts[0].keys.bearer_token = Some("another-bearer-token".to_owned().into());
    });
    assert_eq!(account(&world, &ours), None);
    assert_eq!(account(&world, &other).as_deref(), Some("Dev news"));
    world.reload(|config| config.accounts[1].keys.bearer_token = None);
    assert_eq!(account(&world, &other), None);
    assert_eq!(sign_in(&world, OTHER_KEY).status, 403);
    let ours = session(&world, "another-bearer-token");
    assert_eq!(account(&world, &ours).as_deref(), Some("Dev shop"));
    // And with the process.
    world.restart();
    assert_eq!(account(&world, &ours), None);
}

#[test]
fn nobody_else_can_sign_a_browser_in_or_out() {
    let world = World::dev();
    let ours = session(&world, KEY);
    let (anonymous, signed_in) =
        (token(&world.get(PATH, &[])), token(&world.get(PATH, &[("Cookie", &ours)])));
    let evil = ("Origin", "http://evil.localhost");
    let cookie = ("Cookie", &*ours);
    for (headers, csrf) in [
        (&[evil][..], &anonymous),
        (&[], &anonymous),
        (&[ORIGIN, cookie], &anonymous),
        (&[ORIGIN], &signed_in),
        (&[ORIGIN, cookie], &String::new()),
        (&[evil, cookie], &signed_in),
    ] {
        for path in [PATH, SIGN_OUT] {
            let reply = world.post(path, headers, &format!("csrf={csrf}&key={KEY}"));
            assert_eq!((reply.status, reply.header("Set-Cookie")), (403, None), "{path} {headers:?}");
        }
    }
    // A form of another page of ours is none, either.
    let other = token(&world.get("/privacy", &[]));
    assert_eq!(world.post(PATH, &[ORIGIN], &format!("csrf={other}&key={KEY}")).status, 403);
}

#[test]
fn attempts_to_sign_in_are_limited_before_the_key_is_looked_at() {
    let world = World::dev();
    let csrf = token(&world.get(PATH, &[]));
    let attempt = |key: &str| world.post(PATH, &[ORIGIN], &format!("csrf={csrf}&key={key}"));
    let statuses: Vec<_> = (0..30).map(|number| attempt(&format!("guess-{number}")).status).collect();
    assert!(statuses[..10].iter().all(|status| *status == 403), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() > 10, "{statuses:?}");
    let reply = attempt(KEY);
    assert_eq!((reply.status, reply.header("Set-Cookie")), (429, None));
    assert!(reply.header("Retry-After").is_some());
    assert!(reply.text().contains("Too many attempts"));
    // Who has a session keeps it, and others read their pages.
    assert_eq!(world.get(PATH, &[]).status, 200);
}

#[test]
fn the_page_is_kept_framed_and_added_to_by_nobody() {
    let world = World::dev();
    let ours = session(&world, KEY);
    let replies = [world.get(PATH, &[]), world.get(PATH, &[("Cookie", &ours)]), sign_in(&world, "x")];
    for reply in replies {
        assert_eq!(reply.header("Cache-Control"), Some("no-store"));
        assert_eq!(reply.header("Referrer-Policy"), Some("same-origin"));
        assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(reply.header("Vary"), Some("Cookie"));
        let policy = reply.header("Content-Security-Policy").expect("a policy");
        assert_eq!(
            policy,
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        let text = reply.text();
        assert!(!text.contains("<script") && !text.contains("style=") && !text.contains("//"), "{text}");
    }
    for (method, path, status) in [
        ("PUT", PATH, 405),
        ("GET", SIGN_OUT, 405),
        ("POST", "/advertiser/look.css", 405),
        ("GET", "/advertiser/look.css", 200),
        ("GET", "/advertiser/", 404),
        ("GET", "/advertisers", 404),
    ] {
        assert_eq!(send(world.public(), method, path, &[], "").status, status, "{method} {path}");
    }
}
