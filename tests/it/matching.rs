//! Cookie matches by image and by redirect, over real sockets.

use std::collections::HashSet;
use std::time::Duration;

use crate::world::{Kept, Reply, World};

const ID: &str = "__Host-Http-pg";
const TWIN: &str = "__Host-Http-pg-p";
/// What a browser says whose third-party cookies work.
const ACTIVE: (&str, &str) = ("Sec-Fetch-Storage-Access", "active");

fn matches(world: &World) -> Vec<serde_json::Value> {
    world.stored().into_iter().filter(|row| row["kind"] == "match").collect()
}

/// A browser that has its id.
fn browser(world: &World) -> String {
    world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie")
}

fn location(reply: &Reply) -> &str {
    reply.header("Location").unwrap_or_default()
}

/// The value of a parameter in an address that needs no decoding.
fn parameter<'a>(address: &'a str, name: &str) -> &'a str {
    let (_, query) = address.split_once('?').unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).next().unwrap_or_default()
}

#[test]
fn a_partner_tells_us_its_id_on_either_path() {
    let world = World::dev();
    let id = browser(&world);
    let cookie = ("Cookie", &*id);
    let reply = world.get("/i/adsct?p_id=111&p_user_id=abc", &[cookie, ACTIVE]);
    assert!(reply.outcome().starts_with("stored; id="), "{}", reply.outcome());
    assert!(reply.outcome().ends_with("; ack=os"), "{}", reply.outcome());
    assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("image/gif")));
    assert_eq!(world.get("/match/acme?uid=abc", &[cookie, ACTIVE]).outcome(), "duplicate");
    assert!(world.get("/match/111?uid=abd", &[cookie, ACTIVE]).outcome().starts_with("stored;"));
    let rows = matches(&world);
    assert_eq!(rows.len(), 2);
    let row = &rows[0];
    assert_eq!((&row["partner_id"], &row["partner_user_id"]), (&111.into(), &"abc".into()));
    assert_eq!((&row["scope"], &row["proof"]), (&"global".into(), &"unsigned".into()));
    assert_eq!(row["evidence"]["activities"], serde_json::json!(["identify", "match", "audience"]));
    let browser_ids: HashSet<_> = world.stored().iter().map(|row| row["browser_id"].to_string()).collect();
    assert_eq!(browser_ids.len(), 1, "it is the browser whose page view was stored");
    let page = world.get("/privacy", &[cookie]).text();
    assert_eq!(page.matches("Id of an advertising partner noted").count(), 2);
}

#[test]
fn a_new_browser_gets_its_id_with_the_match_and_only_then() {
    let world = World::dev();
    let reply = world.get("/match/acme?uid=abc", &[ACTIVE]);
    let id = reply.cookie(ID).expect("an id cookie");
    assert_eq!(world.get("/match/acme?uid=abc", &[("Cookie", &id), ACTIVE]).outcome(), "duplicate");
    assert_eq!(world.get("/match/acme?uid=%24UID", &[ACTIVE]).cookie(ID), None);
    assert_eq!(world.get("/match/strict?uid=abc", &[ACTIVE]).cookie(ID), None);
    assert_eq!(matches(&world).len(), 1);
}

#[test]
fn where_cookies_are_kept_apart_a_match_is_of_that_site_alone() {
    let world = World::dev();
    // Kept apart, and not said: a new browser's id is one site's then.
    for (number, access) in [Some("none"), Some("inactive"), None].into_iter().enumerate() {
        let headers: Vec<_> = access.map(|access| ("Sec-Fetch-Storage-Access", access)).into_iter().collect();
        let reply = world.get(&format!("/match/acme?uid=u{number}"), &headers);
        assert!(reply.outcome().starts_with("stored;"), "{access:?}");
        assert_eq!((reply.cookie(ID), reply.cookie(TWIN).is_some()), (None, true), "{access:?}");
    }
    let id = browser(&world);
    for access in [Some("none"), Some("inactive"), None] {
        let headers: Vec<_> = access.map(|access| ("Sec-Fetch-Storage-Access", access)).into_iter().collect();
        for cookies in [vec![], vec![("Cookie", &*id)]] {
            for target in ["/match/acme/start", "/getuid?partner=acme&r=ok"] {
                let start = world.get(target, &[&*headers, &*cookies].concat());
                assert_eq!(start.outcome(), "invalid; reason=no-third-party-cookies", "{target} {access:?}");
                let led = (start.header("Location"), start.cookie(ID), start.cookie(TWIN));
                assert_eq!(led, (None, None, None), "{target} {access:?}");
            }
        }
    }
    // Firefox keeps apart what it was given as an id for all sites, too, and doesn't say so behind a redirect.
    let silent = world.get("/match/acme?uid=silent", &[("Cookie", &id)]);
    assert!(silent.outcome().starts_with("stored;"), "{}", silent.outcome());
    assert_eq!((silent.cookie(ID), silent.cookie(TWIN)), (None, None));
    // An id that it says it shows on all sites counts everywhere.
    let active = world.get("/match/acme?uid=shared", &[("Cookie", &id), ACTIVE]);
    assert!(active.outcome().starts_with("stored;"), "{}", active.outcome());
    // Its partitioned twin does not.
    let twin = world.get("/i/adsct?txn_id=o8z6j", &[("Sec-Fetch-Storage-Access", "none")]).cookie(TWIN);
    let twin = twin.expect("a partitioned id");
    assert!(world.get("/match/acme?uid=twin", &[("Cookie", &twin)]).outcome().starts_with("stored;"));
    let scopes: Vec<_> = matches(&world).iter().map(|row| row["scope"].to_string()).collect();
    let [global, site] = ["\"global\"", "\"site\""];
    assert_eq!(scopes, [site, site, site, site, global, site]);
    let known = world.get("/getuids", &[("Cookie", &id)]).json();
    assert_eq!(known["buyeruids"], serde_json::json!({"acme": "shared"}));
    assert_eq!(world.get("/getuids", &[("Cookie", &twin)]).json()["buyeruids"], serde_json::json!({}));
}

#[test]
fn what_is_no_partner_user_id_is_never_stored() {
    let world = World::dev();
    let id = browser(&world);
    let before = world.log_bytes();
    for (uid, reason) in [
        ("", "no-partner-user-id"),
        ("0", "no-partner-user-id"),
        ("00000000-0000-0000-0000-000000000000", "no-partner-user-id"),
        ("%24UID", "macro-partner-user-id"),
        ("%5BUID%5D", "macro-partner-user-id"),
        ("%24%7BGDPR_CONSENT_1%7D", "macro-partner-user-id"),
        ("%7B%7Buid%7D%7D", "macro-partner-user-id"),
        ("null", "macro-partner-user-id"),
        ("undefined", "macro-partner-user-id"),
        ("jane%40shop.example", "personal-partner-user-id"),
        ("a%20b", "bad-partner-user-id"),
        ("%00", "bad-partner-user-id"),
        (&"x".repeat(257), "bad-partner-user-id"),
    ] {
        for path in ["/match/acme?uid=", "/i/adsct?p_id=111&p_user_id=", "/setuid?bidder=acme&uid="] {
            if path.starts_with("/setuid") && uid.is_empty() {
                continue;
            }
            let reply = world.get(&format!("{path}{uid}"), &[("Cookie", &id), ACTIVE]);
            assert_eq!(reply.outcome(), format!("invalid; reason={reason}"), "{path}{uid}");
            let status = if path.starts_with("/setuid") { 400 } else { 200 };
            assert_eq!(reply.status, status, "{path}{uid}");
        }
    }
    assert_eq!(world.get("/match/nobody?uid=a", &[]).outcome(), "invalid; reason=unknown-partner");
    assert_eq!(world.get("/i/adsct?p_id=999&p_user_id=a", &[]).outcome(), "invalid; reason=unknown-partner");
    assert!(world.log_bytes() == before);
}

#[test]
fn a_browser_takes_a_state_to_the_partner_and_brings_it_back_once() {
    let world = World::dev();
    let id = browser(&world);
    let cookie = ("Cookie", &*id);
    let start = world.get("/match/strict/start", &[cookie, ACTIVE]);
    assert_eq!((start.status, start.header("Referrer-Policy")), (302, Some("no-referrer")));
    assert_eq!(start.headers_named("Location").count(), 1);
    let address = location(&start).to_owned();
    assert!(address.starts_with("http://partner.localhost:9222/sync?puid="), "{address}");
    let state = parameter(&address, "state").to_owned();
    let raw = id.split_once('=').expect("a pair").1.split('.').nth(1).expect("an id").to_owned();
    assert!(!address.contains(&raw), "our id itself goes nowhere");
    let back = format!("/match/strict?uid=s1&state={state}");
    let before = world.log_bytes();
    // Without a state, in another browser, at another partner, and changed.
    let other = browser(&world);
    let before_other = world.log_bytes();
    assert!(before_other != before);
    for (target, cookie) in [
        ("/match/strict?uid=s1".to_owned(), &*id),
        (back.clone(), &*other),
        (back.clone(), ""),
        (format!("/match/outbid?uid=s1&state={state}"), &*id),
        (format!("/match/acme?uid=s1&state={state}"), &*id),
        (format!("/match/strict?uid=s1&state={}", state.replace(&state[..2], "zz")), &*id),
        ("/match/strict?uid=s1&state=".to_owned(), &*id),
    ] {
        let reply = world.get(&target, &[("Cookie", cookie)]);
        assert_eq!((reply.status, reply.cookie(ID)), (400, None), "{target}");
        assert!(world.log_bytes() == before_other, "{target}");
    }
    // Firefox says nothing of its cookies behind a redirect: the state has what it said before.
    let reply = world.get(&back, &[cookie]);
    assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
    let again = world.get(&back, &[cookie]);
    assert_eq!((again.status, again.outcome()), (400, "invalid; reason=state-used"));
    let rows = matches(&world);
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["proof"], &rows[0]["scope"]), (&"state".into(), &"global".into()));
    let start = world.get("/match/strict/start", &[cookie, ACTIVE]);
    let late = format!("/match/strict?uid=s2&state={}", parameter(location(&start), "state"));
    world.clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(world.get(&late, &[cookie]).outcome(), "invalid; reason=bad-state");
    assert_eq!(matches(&world).len(), 1);
}

#[test]
fn a_used_state_is_used_after_a_restart() {
    let mut world = World::dev();
    let id = browser(&world);
    let start = world.get("/match/strict/start", &[("Cookie", &id), ACTIVE]);
    let back = format!("/match/strict?uid=s1&state={}", parameter(location(&start), "state"));
    assert!(world.get(&back, &[("Cookie", &id)]).outcome().starts_with("stored;"));
    world.restart();
    assert_eq!(world.get(&back, &[("Cookie", &id)]).outcome(), "invalid; reason=state-used");
    assert_eq!(world.get("/getuids", &[("Cookie", &id)]).json()["buyeruids"]["strict"], "s1");
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn of_a_hundred_thousand_forged_states_none_is_believed() {
    let world = World::dev();
    let ids: Vec<_> = (0..50).map(|_| browser(&world)).collect();
    let states: Vec<_> = ids
        .iter()
        .map(|id| {
            let start = world.get("/match/strict/start", &[("Cookie", id), ACTIVE]);
            parameter(location(&start), "state").to_owned()
        })
        .collect();
    // One of them has been used, so that there is something to replay.
    let used = format!("/match/strict?uid=first&state={}", states[0]);
    assert!(world.get(&used, &[("Cookie", &ids[0])]).outcome().starts_with("stored;"));
    let before = world.log_bytes();
    let seed = 7;
    println!("seed {seed}");
    std::thread::scope(|scope| {
        for worker in 0..2_u64 {
            let (world, ids, states) = (&world, &ids, &states);
            scope.spawn(move || {
                let (mut connection, mut rng) = (Kept::to(world.public()), seed + worker);
                for attempt in 0..50_000 {
                    // A connection has its age.
                    if attempt % 10_000 == 0 {
                        connection = Kept::to(world.public());
                    }
                    let (who, whose) = (random(&mut rng) as usize % 50, random(&mut rng) as usize % 50);
                    let mut state = states[whose].clone().into_bytes();
                    match random(&mut rng) % 4 {
                        // Foreign, unless it is one's own, which is changed then.
                        0 if who != whose => {}
                        // Replayed.
                        1 if whose == 0 && who == 0 => {}
                        2 => state.truncate(random(&mut rng) as usize % state.len()),
                        _ => {
                            let at = random(&mut rng) as usize % state.len();
                            let other = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                                [random(&mut rng) as usize % 64];
                            state[at] = if state[at] == other { b'.' } else { other };
                        }
                    }
                    let state = String::from_utf8(state).expect("ASCII");
                    let target = format!("/match/strict?uid=forged&state={state}");
                    let reply = connection.get(&target, &[("Cookie", &ids[who])]);
                    assert_eq!(reply.status, 400, "attempt {attempt}: {}", reply.outcome());
                }
            });
        }
    });
    assert!(world.log_bytes() == before, "nothing was stored");
}

#[test]
fn a_partner_can_sign_what_it_sends() {
    use ring::hmac;
    let secret = [7; 32];
    let world = World::with(|config| {
        let strict = config.partners.iter_mut().find(|partner| partner.name == "strict").expect("a partner");
        strict.secret = Some(std::sync::Arc::new(secret.to_vec().into()));
    });
    let id = browser(&world);
    let now_s = crate::world::START.0 / 1_000;
    let sign = |number: &str, uid: &str, time: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let code = hmac::sign(&key, format!("{number}\n{uid}\n{time}").as_bytes());
        code.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let before = world.log_bytes();
    let now = now_s.to_string();
    let (late, early) = ((now_s - 601).to_string(), (now_s + 601).to_string());
    let good = sign("222", "s1", &now);
    for (uid, time, code) in [
        ("s2", &*now, good.clone()),
        ("s1", &*(now_s + 1).to_string(), good.clone()),
        ("s1", &late, sign("222", "s1", &late)),
        ("s1", &early, sign("222", "s1", &early)),
        ("s1", &now, sign("111", "s1", &now)),
        ("s1", &now, good[..62].to_owned()),
        ("s1", &now, String::new()),
        ("s1", "", sign("222", "s1", "")),
        ("s1", "+1", sign("222", "s1", "+1")),
    ] {
        let reply =
            world.get(&format!("/match/strict?uid={uid}&ts={time}&sig={code}"), &[("Cookie", &id), ACTIVE]);
        assert_eq!(
            (reply.status, reply.outcome()),
            (400, "invalid; reason=bad-signature"),
            "{uid} {time} {code}"
        );
    }
    assert!(world.log_bytes() == before);
    let reply = world.get(&format!("/match/strict?uid=s1&ts={now}&sig={good}"), &[("Cookie", &id), ACTIVE]);
    assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
    assert_eq!(matches(&world)[0]["proof"], "signed");
}

#[test]
fn where_the_gate_says_no_nobody_is_sent_anywhere_and_nothing_is_stored() {
    let world = World::dev();
    let id = browser(&world);
    let before = world.log_bytes();
    for (header, value, reason) in [
        ("Cookie", "pg_optout=1", "suppressed; reason=opt-out-cookie"),
        ("Cookie", "pg_prefs=1000", "suppressed; reason=personalize-off"),
        ("Sec-GPC", "1", "suppressed; reason=gpc"),
        ("DNT", "1", "suppressed; reason=dnt"),
        ("X-AdChoices", "BYVHiWQAAAAA", "suppressed; reason=adchoices"),
        ("Sec-Purpose", "prefetch", "speculative"),
        ("User-Agent", "Googlebot/2.1", "bot"),
    ] {
        for target in [
            "/match/acme?uid=a",
            "/i/adsct?p_id=111&p_user_id=a",
            "/match/acme/start",
            "/getuid?partner=acme&r=ok",
        ] {
            let cookies = if header == "Cookie" { format!("{id}; {value}") } else { id.clone() };
            let mut headers = vec![("Cookie", &*cookies), ACTIVE];
            if header != "Cookie" {
                headers.push((header, value));
            }
            let reply = world.get(target, &headers);
            assert_eq!(reply.outcome(), reason, "{target} {header}");
            assert_eq!((reply.status, reply.header("Location")), (200, None), "{target} {header}");
            assert_eq!(reply.cookie(ID), None, "{target} {header}");
            assert!(world.log_bytes() == before, "{target} {header}");
        }
    }
    for (query, reason) in [
        ("gdpr=1", "gdpr-no-consent"),
        ("us_privacy=1YYN", "us-privacy-opt-out"),
        ("coppa=1", "coppa"),
        ("lat=1", "lat"),
    ] {
        let reply = world.get(&format!("/match/acme/start?{query}"), &[("Cookie", &id), ACTIVE]);
        assert_eq!(reply.outcome(), format!("suppressed; reason={reason}"));
        let reply = world.get(&format!("/match/acme?uid=a&{query}"), &[("Cookie", &id), ACTIVE]);
        assert_eq!(reply.outcome(), format!("suppressed; reason={reason}"));
    }
    assert!(world.log_bytes() == before);
}

#[test]
fn after_an_opt_out_no_partner_calls_the_browser_anything_and_none_is_told_of_it() {
    let mut world = World::dev();
    let id = browser(&world);
    let cookie = ("Cookie", &*id);
    for partner in ["acme", "strict", "outbid"] {
        let start = world.get(&format!("/match/{partner}/start"), &[cookie, ACTIVE]);
        let state = parameter(location(&start), "state");
        world.get(&format!("/match/{partner}?uid=u-{partner}&state={state}"), &[cookie, ACTIVE]);
    }
    let start = world.get("/match/strict/start", &[cookie, ACTIVE]);
    let pending = format!("/match/strict?uid=later&state={}", parameter(location(&start), "state"));
    let known = world.get("/getuids", &[cookie]).json();
    assert_eq!(known["buyeruids"]["strict"], "u-strict");
    let asked = world.post("/cookie_sync", &[cookie, ACTIVE], "{\"bidders\":[\"acme\"]}");
    assert_eq!(asked.status, 200);
    let page = world.get("/privacy", &[cookie]).text();
    let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let body = format!("csrf={}", token.expect("a token"));
    let reply = world.post("/optout", &[cookie, ("Origin", "http://px.localhost")], &body);
    assert_eq!(reply.status, 303);
    let rows = world.stored().len();
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        assert_eq!(world.get("/getuids", &[cookie]).json()["buyeruids"], serde_json::json!({}));
        for target in [&*pending, "/match/acme?uid=x", "/match/acme/start", "/getuid?partner=acme&r=ok"] {
            let reply = world.get(target, &[cookie, ACTIVE]);
            assert_eq!(reply.outcome(), "suppressed; reason=opted-out", "{target}");
            assert_eq!(reply.header("Location"), None, "{target}");
        }
        let asked = world.post("/cookie_sync", &[cookie, ACTIVE], "{\"bidders\":[\"acme\"]}");
        assert_eq!(asked.status, 401);
        assert_eq!(world.stored().len(), rows);
    }
}

#[test]
fn two_partners_captures_share_no_identifier_and_neither_has_ours() {
    let world = World::dev();
    let (mut acme, mut outbid, mut raw) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut connection = Kept::to(world.public());
    const BROWSERS: usize = 10_000;
    for number in 0..BROWSERS {
        if number % 2_000 == 0 {
            connection = Kept::to(world.public());
        }
        let start = connection.get("/match/acme/start", &[ACTIVE]);
        let id = start.cookie(ID).expect("an id cookie");
        let other = connection.get("/getuid?partner=outbid&r=ok", &[("Cookie", &id), ACTIVE]);
        acme.insert(parameter(location(&start), "puid").to_owned());
        outbid.insert(parameter(location(&other), "uid").to_owned());
        raw.insert(id.split_once('=').expect("a pair").1.split('.').nth(1).expect("an id").to_owned());
        for reply in [&start, &other] {
            assert!(raw.iter().all(|id| !location(reply).contains(id)) || number > 100, "ours goes nowhere");
        }
    }
    assert_eq!((acme.len(), outbid.len(), raw.len()), (BROWSERS, BROWSERS, BROWSERS));
    assert_eq!(acme.intersection(&outbid).count(), 0);
    assert_eq!(acme.union(&outbid).filter(|id| raw.contains(*id)).count(), 0);
    assert!(acme.iter().chain(&outbid).all(|id| id.len() == 22));
    assert_eq!(world.stored(), Vec::<serde_json::Value>::new(), "to tell a partner stores nothing");
}

#[test]
fn a_new_epoch_gives_a_partner_new_ids() {
    let puid = |world: &World, id: &str| {
        let start = world.get("/match/acme/start", &[("Cookie", id), ACTIVE]);
        parameter(location(&start), "puid").to_owned()
    };
    let world = World::dev();
    let id = browser(&world);
    let before = puid(&world, &id);
    assert_eq!(puid(&world, &id), before);
    let later = World::with(|config| {
        config.partners.iter_mut().for_each(|partner| partner.pairwise_epoch = 2);
    });
    assert_ne!(puid(&later, &id), before);
}

#[test]
fn the_old_tag_is_told_which_partners_the_page_may_ask() {
    let world = World::dev();
    let id = browser(&world);
    let hit_on = |page: &str, headers: &[(&str, &str)], event: &str| {
        let target =
            format!("/i/adsct?txn_id=o8z6j&event_id={event}&tpx_cb=twttr.conversion.loadPixels&gdpr=0");
        let text = world.get(&target, &[headers, &[("Referer", page)]].concat()).text();
        let list = text.strip_prefix("twttr.conversion.loadPixels(").and_then(|text| text.strip_suffix(");"));
        serde_json::from_str::<serde_json::Value>(list.expect("a call")).expect("JSON")
    };
    let hit = |headers: &[(&str, &str)], event: &str| hit_on("http://shop.localhost:8090/", headers, event);
    let hosts = |list: &serde_json::Value| -> Vec<String> {
        let tags = list["tags"].as_array().expect("a list").iter();
        tags.map(|tag| tag.as_str().expect("an address")[..28].to_owned()).collect()
    };
    let nobody = serde_json::json!({"tags": [], "hif": []});
    let all = hit(&[("Cookie", &id), ACTIVE], "a");
    assert_eq!(
        hosts(&all),
        ["http://partner.localhost:911", "http://partner.localhost:922", "http://partner.localhost:933"]
    );
    world.get("/match/acme?uid=a", &[("Cookie", &id), ACTIVE]);
    assert_eq!(hosts(&hit(&[("Cookie", &id), ACTIVE], "b")).len(), 2, "what is known is not asked again");
    assert_eq!(hit(&[ACTIVE], "c"), nobody, "a new browser gets its id first");
    assert_eq!(hit(&[("Cookie", &id), ("Sec-Fetch-Storage-Access", "none")], "d"), nobody);
    assert_eq!(hit(&[("Cookie", &id), ACTIVE, ("Sec-GPC", "1")], "e"), nobody);
    let foreign = ["", "https://evil.example/", "http://evil.example/?http://shop.localhost:8090/"];
    for (number, page) in foreign.into_iter().enumerate() {
        let told = hit_on(page, &[("Cookie", &id), ACTIVE], &format!("f{number}"));
        assert_eq!(told, nobody, "any page can read a script: {page}");
    }
}

#[test]
fn a_template_is_filled_with_what_the_request_said_of_consent() {
    let world = World::dev();
    let id = browser(&world);
    let reply = world.get(
        "/match/outbid/start?gdpr=0&us_privacy=1YNN&gdpr_consent=a%26b%0D%0AX%3A1&gpp_sid=-1",
        &[("Cookie", &id), ACTIVE],
    );
    let address = location(&reply);
    assert!(address.starts_with("http://partner.localhost:9333/sync?puid="), "{address}");
    assert!(
        address.ends_with("&gdpr=0&gdpr_consent=a%26b%0D%0AX%3A1&us_privacy=1YNN&gpp=&gpp_sid=-1"),
        "{address}"
    );
}

/// What somebody may put where a name is expected, so that we lead elsewhere.
fn hostile() -> Vec<String> {
    let of = |shape: &&str| HOSTS.map(|host| shape.replacen("{}", host, 1));
    SHAPES.iter().flat_map(of).collect()
}

const HOSTS: [&str; 5] = [
    "evil.example",
    "partner.localhost:9111.evil.example",
    "px.localhost",
    "127.0.0.1:9222",
    "partner.localhost:9222",
];

const SHAPES: &[&str] = &[
    "https://{}/",
    "http://{}/",
    "//{}/",
    "///{}/",
    "////{}",
    "/\\{}",
    "\\\\{}",
    "https:{}",
    "https:/{}",
    "http:\\\\{}",
    "https://acme@{}/",
    "https://partner.localhost:9111@{}/",
    "https://{}@partner.localhost:9111/",
    "https://partner.localhost:9111\\@{}",
    "https://{}#@partner.localhost:9111/",
    "https://{}?@partner.localhost:9111/",
    "javascript:location='//{}'",
    "data:text/html,//{}",
    "%68ttps://{}/",
    "https%3A%2F%2F{}%2F",
    "https%253A%252F%252F{}",
    "%2F%2F{}",
    "%5C%5C{}",
    "ok%0D%0ALocation:%20https://{}/",
    "ok%0ASet-Cookie:%20a=b;%20domain={}",
    "ok\u{2028}https://{}",
    "ok https://{}",
    "ok%00https://{}",
    "{{browser_id}}.{}",
    "https://{}/{{state}}",
    "https://\u{ff45}vil.example/{}",
    "https://xn--{}",
    "HTTPS://{}",
    "hTtP://{}",
    " https://{}",
    "\thttps://{}",
    "ok/../{}",
    "../{}/",
    "ok;{}",
    "ok,https://{}",
    "ok&r=https://{}",
    "ok?r=https://{}",
    "https://[::1]/{}",
    "https://0x7f.1/{}",
    "https://2130706433/{}",
    "ftp://{}/",
    "file://{}/",
    "wss://{}/",
    "blob:https://{}/",
    "view-source:https://{}",
    "http://px.localhost/match/acme/start?r=https://{}",
    "/match/acme/start?r={}",
    "/getuid?partner=acme&r={}",
    "ok%09{}",
    "o%6B.{}",
    "OK{}",
    "ok.{}",
    "ok%2F..%2F{}",
    "{}",
    "https://{}:443/",
    "https://{}:0/",
    "https://{}.",
    "https://{}%2f@partner.localhost/",
    "https://{}%ff@x/",
    "//{}\\@partner.localhost",
    "https:////{}",
    "https://\\{}",
    "%E2%80%AEhttps://{}",
    "https://{}%E3%80%82example",
    "https://{}/%2e%2e/",
    "ok|https://{}",
    "ok'https://{}",
    "ok\"https://{}",
    "<{}>",
    "ok#https://{}",
    "http:{}",
    "http:////{}",
    "https://partner.localhost:9111.{}",
    "https://partner.localhost%3A9111.{}",
    "https://partner.localhost:9111%2F@{}",
    "https://partner.localhost:9111%23@{}",
];

#[test]
fn no_request_leads_to_an_address_that_is_not_registered() {
    let world = World::dev();
    let id = browser(&world);
    let before = world.log_bytes();
    let hostile = hostile();
    assert!(hostile.len() >= 400, "{}", hostile.len());
    // As a browser would send it, where it can be sent at all.
    let sendable = |text: &str| {
        let bytes = text.bytes().map(|byte| match byte {
            b'!'..=b'~' if byte != b'#' && byte != b'&' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        bytes.collect::<String>()
    };
    let mut connection = Kept::to(world.public());
    let mut asked = 0;
    for value in &hostile {
        let value = sendable(value);
        for target in [
            format!("/match/acme/start?r={value}"),
            format!("/getuid?partner=acme&r={value}"),
            format!("/getuid?partner={value}&r=ok"),
            format!("/match/acme/start?redir={value}"),
            format!("/getuid?partner=acme&r=ok&redirect_uri={value}"),
            format!("/match/acme?uid=a&redir={value}"),
            format!("/setuid?bidder=acme&uid=a&redirect={value}"),
            format!("/i/adsct?p_id=111&p_user_id=a&url={value}"),
        ] {
            let reply = connection.get(&target, &[("Cookie", &id), ACTIVE]);
            assert_eq!((reply.status, reply.header("Location")), (400, None), "{target}");
            assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{target}");
            // Counted on the wire: nothing that was sent has made a line of its own.
            let names = [
                "Content-Type",
                "Cache-Control",
                "Cross-Origin-Resource-Policy",
                "X-Content-Type-Options",
                "Pixelgate-Outcome",
                "Content-Length",
                "Date",
                "Connection",
            ];
            assert!(
                reply.headers.iter().all(|(name, _)| names.contains(&&**name)),
                "{target}: {:?}",
                reply.headers
            );
            asked += 1;
        }
        // Where it is a value, it stays one: of the registered address.
        let target = format!("/match/outbid/start?gdpr=0&gdpr_consent={value}&us_privacy={value}&gpp_sid=-1");
        let reply = connection.get(&target, &[("Cookie", &id), ACTIVE]);
        if let Some(address) = reply.header("Location") {
            assert!(address.starts_with("http://partner.localhost:9333/sync?puid="), "{target}: {address}");
            assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "{target}: {address}");
            assert_eq!(address.matches("://").count(), 1, "{target}: {address}");
        }
        asked += 1;
    }
    println!("{asked} requests with {} hostile values", hostile.len());
    assert!(world.log_bytes() == before, "nothing was stored");
}
