//! The privacy page, over real sockets.

use pixelgate::config::RateLimits;

use crate::world::{Reply, World};

const ID: &str = "__Host-Http-pg";
const TWIN: &str = "__Host-Http-pg-p";
const HIT: &str = "/i/adsct?txn_id=o8z6j";
const PURCHASE: &str = "/i/adsct?txn_id=o87ne&tw_document_href=http%3A%2F%2Fshop.localhost%3A8090%2Fthanks";
const ORIGIN: (&str, &str) = ("Origin", "http://px.localhost");

fn new_id(world: &World, hit: &str) -> String {
    world.get(hit, &[]).cookie(ID).expect("an id cookie")
}

fn token(page: &Reply) -> String {
    let text = page.text();
    let value = text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.expect("the form has a token").to_owned()
}

/// Saves the settings with these boxes ticked.
fn save(world: &World, cookie: &str, ticked: &[&str]) -> Reply {
    let page = world.get("/privacy", &[("Cookie", cookie)]);
    let boxes: String = ticked.iter().map(|name| format!("&{name}=1")).collect();
    world.post("/privacy", &[("Cookie", cookie), ORIGIN], &format!("csrf={}{boxes}", token(&page)))
}

/// Where the answer leads, but for the receipt.
fn place(reply: &Reply) -> &str {
    let place = reply.header("Location").unwrap_or_default();
    place.split_once("receipt=").map_or(place, |(place, _)| place.trim_end_matches(['?', '&']))
}

fn prefs_cookies(reply: &Reply) -> Vec<&str> {
    reply.headers_named("Set-Cookie").filter(|line| line.starts_with("pg_prefs=")).collect()
}

#[test]
fn settings_are_kept_in_a_cookie_that_is_the_same_for_everyone() {
    let world = World::dev();
    for (ticked, bits) in [
        (&[][..], "1111"),
        (&["partners", "devices", "web"], "1000"),
        (&["personalize", "devices", "web"], "0100"),
        (&["personalize", "partners", "web"], "0010"),
        (&["personalize", "partners", "devices"], "0001"),
    ] {
        for id in [String::new(), new_id(&world, HIT)] {
            let reply = save(&world, &id, ticked);
            assert_eq!((reply.status, reply.header("Location")), (303, Some("/privacy?done=saved")));
            assert_eq!(reply.header("Tk"), Some("U"));
            let shared = format!("pg_prefs={bits}; SameSite=None; Secure; Path=/; Max-Age=34560000");
            let twin =
                format!("pg_prefs={bits}; SameSite=None; Partitioned; Secure; Path=/; Max-Age=34560000");
            assert_eq!(prefs_cookies(&reply), [shared, twin]);
            assert_eq!(reply.headers_named("Set-Cookie").count(), 2);
        }
    }
    let reply = save(&world, "pg_prefs=1111", &["personalize", "partners", "devices", "web"]);
    let removed = prefs_cookies(&reply);
    assert!(removed.len() == 2 && removed.iter().all(|line| line.contains("pg_prefs=;")), "{removed:?}");
    assert!(removed.iter().all(|line| line.contains("Max-Age=0")), "{removed:?}");
}

#[test]
fn the_page_renews_the_settings_that_it_sees_and_makes_none() {
    let world = World::dev();
    for (cookie, renewed) in [
        ("pg_prefs=0100", Some("pg_prefs=0100;")),
        ("pg_prefs=0100; pg_prefs=0001", Some("pg_prefs=0101;")),
        ("pg_prefs=nonsense", Some("pg_prefs=1111;")),
        ("pg_prefs=0000", None),
        ("a=b", None),
    ] {
        let page = world.get("/privacy", &[("Cookie", cookie)]);
        let cookies = prefs_cookies(&page);
        let expect = renewed.map_or(0, |_| 2);
        assert_eq!(cookies.len(), expect, "{cookie}: {cookies:?}");
        assert!(cookies.iter().all(|line| line.starts_with(renewed.unwrap_or_default())), "{cookies:?}");
        let off = page.text().matches("role=\"switch\"").count() - page.text().matches(" checked").count();
        let expect = renewed.map_or(0, |bits| bits.matches('1').count());
        assert_eq!(off, expect, "{cookie}: as many switches are off as the cookie says");
    }
    let late_id = format!("pg_optout=1; {}", new_id(&world, HIT));
    let page = world.get("/privacy", &[("Cookie", &late_id)]);
    assert_eq!(page.cookie(ID), None, "an opt-in has to show the id");
    assert_eq!(page.headers_named("Set-Cookie").filter(|line| line.starts_with("pg_optout=1;")).count(), 2);
}

#[test]
fn with_personalize_ads_off_later_hits_leave_the_log_byte_identical() {
    let world = World::dev();
    let id = new_id(&world, HIT);
    let saved = save(&world, &id, &["partners", "devices", "web"]);
    let prefs = saved.cookie("pg_prefs").expect("settings");
    let before = world.log_bytes();
    for cookies in [prefs.clone(), format!("{id}; {prefs}"), format!("{prefs}; {id}")] {
        let late = world.get(HIT, &[("Cookie", &cookies)]);
        assert_eq!(late.outcome(), "suppressed; reason=personalize-off");
    }
    assert!(world.log_bytes() == before);
    assert!(
        world.get(HIT, &[("Cookie", &id)]).outcome().starts_with("stored"),
        "the cookie made the difference"
    );
}

#[test]
fn a_browser_sees_what_is_stored_about_it_and_about_nobody_else() {
    let world = World::dev();
    let mine = new_id(&world, &format!("{PURCHASE}&tw_sale_amount=12.50"));
    let theirs = new_id(&world, &format!("{PURCHASE}&tw_sale_amount=99.75"));
    let page = world.get("/privacy", &[("Cookie", &mine)]).text();
    for part in ["Purchase</td>", "shop.localhost</td>", "12.50 USD", "4 Sep 2026, 12:00"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("99.75"));
    let file = world.get("/privacy/data.json", &[("Cookie", &mine)]);
    assert_eq!(file.status, 200);
    assert!(file.header("Content-Disposition").is_some_and(|how| how.starts_with("attachment")));
    assert_eq!(file.header("Cache-Control"), Some("no-store"));
    let json = file.json();
    let stored = world.stored();
    assert_eq!(json["rows"], serde_json::json!([stored[0]]));
    assert_eq!((&json["complete"], json["browser_ids"].as_array().map(Vec::len)), (&true.into(), Some(1)));

    // Their id, but not with our signature: shows nothing.
    let forged = format!("{}x", theirs.trim_end_matches(|last: char| last != '.'));
    for cookie in [&*forged, "a=b", "__Host-Http-pg=v1"] {
        let page = world.get("/privacy", &[("Cookie", cookie)]).text();
        assert!(page.contains("has shown us no id") && !page.contains("99.75"), "{cookie}");
        assert_eq!(world.get("/privacy/data.json", &[("Cookie", cookie)]).status, 404, "{cookie}");
    }
}

#[test]
fn the_newest_200_rows_are_shown_and_the_download_has_them_all() {
    let world = World::with(|config| config.log.file_bytes = 16 << 10);
    let id = new_id(&world, &format!("{HIT}&event_id=e-0"));
    for number in 1..=210 {
        // Somebody else's in between, so that there is something to leave out.
        world.get(&format!("{HIT}&event_id=other-{number}"), &[]);
        let reply = world.get(&format!("{HIT}&event_id=e-{number}"), &[("Cookie", &id)]);
        assert!(reply.outcome().starts_with("stored"), "{}", reply.outcome());
    }
    let page = world.get("/privacy", &[("Cookie", &id)]).text();
    assert_eq!(page.matches("Page view</td>").count(), 200);
    assert!(page.contains("more entries than are shown"));
    let json = world.get("/privacy/data.json", &[("Cookie", &id)]).json();
    let rows = json["rows"].as_array().expect("rows");
    let events: Vec<_> = rows.iter().filter_map(|row| row["event_id"].as_str()).collect();
    let expect: Vec<_> = (0..=210).rev().map(|number| format!("e-{number}")).collect();
    assert_eq!((events, &json["complete"]), (expect.iter().map(|event| &**event).collect(), &true.into()));
}

#[test]
fn no_other_site_can_change_the_settings_or_have_the_rows_read() {
    let world = World::dev();
    let id = new_id(&world, HIT);
    let token = token(&world.get("/privacy", &[("Cookie", &id)]));
    let foreign = crate::privacy::token(&world.get("/privacy", &[]));
    for (origin, token) in [
        (Some("http://evil.example"), &*token),
        (Some("null"), &token),
        (None, &token),
        (Some("http://px.localhost"), &foreign),
        (Some("http://px.localhost"), ""),
    ] {
        let mut headers = vec![("Cookie", &*id)];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        let reply = world.post("/privacy", &headers, &format!("csrf={token}"));
        assert_eq!((reply.status, reply.headers_named("Set-Cookie").count()), (403, 0), "{origin:?}");
    }
    for dest in ["image", "iframe", "script", "empty"] {
        let headers = [("Cookie", &*id), ("Sec-Fetch-Dest", dest)];
        assert_eq!(world.get("/privacy/data.json", &headers).status, 403, "{dest}");
        assert!(!world.get("/privacy", &headers).text().contains("Page view</td>"), "{dest}");
    }
    let headers = [("Cookie", &*id), ("Sec-Fetch-Dest", "document")];
    assert!(world.get("/privacy", &headers).text().contains("Page view</td>"));
    assert_eq!(world.get("/privacy/data.json", &headers).status, 200);
}

#[test]
fn who_asks_too_often_still_gets_the_settings() {
    let limits = RateLimits { per_address_per_s: 1_000, per_address_burst: 1_000 };
    let world = World::with(|config| config.rate_limits = Some(limits));
    let id = new_id(&world, HIT);
    let pages: Vec<_> = (0..12).map(|_| world.get("/privacy", &[("Cookie", &id)])).collect();
    assert!(pages.iter().all(|page| page.status == 200 && page.text().contains("role=\"switch\"")));
    assert!(pages[0].text().contains("Page view</td>"));
    assert!(pages[11].text().contains("Too many people are asking"), "{}", pages[11].text());
    let file = world.get("/privacy/data.json", &[("Cookie", &id)]);
    assert_eq!((file.status, file.header("Retry-After")), (429, Some("1")));
}

#[test]
fn opting_out_and_in_lead_back_to_the_page() {
    let world = World::dev();
    let id = new_id(&world, HIT);
    let page = world.get("/privacy?lang=de", &[("Cookie", &id)]);
    let form = format!("csrf={}&back=privacy&lang=de", token(&page));
    let out = world.post("/optout", &[("Cookie", &id), ORIGIN], &form);
    assert_eq!((out.status, place(&out)), (303, "/privacy?done=opted-out&lang=de"));
    let shown = world.get(out.header("Location").unwrap_or_default(), &[]).text();
    assert!(shown.contains("Ihre Quittung") && shown.contains("/optout/receipt?receipt="), "{shown}");
    assert_eq!(out.cookie("pg_optout").as_deref(), Some("pg_optout=1"));
    // Also by what is kept on our side, without the cookie.
    for cookies in [format!("{id}; pg_optout=1"), id.clone()] {
        let page = world.get("/privacy?done=opted-out", &[("Cookie", &cookies)]);
        assert!(page.text().contains("<p class=\"done\" role=\"status\">You are opted out.</p>"));
        assert!(page.text().contains("action=\"/optin\"") && page.text().contains("Opt-out</td>"));
        let form = format!("csrf={}&back=privacy", token(&page));
        let back = world.post("/optin", &[("Cookie", &cookies), ORIGIN], &form);
        assert_eq!((back.status, place(&back)), (303, "/privacy?done=opted-in"));
        world.post("/optout", &[("Cookie", &cookies), ORIGIN], &form);
    }
    for back in ["back=http%3A%2F%2Fevil.example", "back=/evil", "lang=%0d%0aX:y"] {
        let form = format!("csrf={}&{back}", token(&world.get("/privacy", &[])));
        let out = world.post("/optout", &[ORIGIN], &form);
        assert_eq!(place(&out), "/optout", "{back}");
    }
}

#[test]
fn the_page_says_what_the_browser_signals() {
    let world = World::dev();
    let gpc = world.get("/privacy", &[("Sec-GPC", "1")]).text();
    assert!(gpc.contains("Your browser sends Global Privacy Control."), "{gpc}");
    let dnt = world.get("/privacy", &[("DNT", "1")]).text();
    assert!(dnt.contains("Your browser sends Do Not Track.") && dnt.contains("Nothing more is stored"));
    let none = world.get("/privacy", &[]).text();
    assert!(none.contains("neither Global Privacy Control nor Do Not Track"));
    assert!(none.contains("If it blocks them or keeps them apart for each site"));
}

#[test]
fn only_an_id_that_another_site_got_too_is_a_sign_of_third_party_cookies() {
    let world = World::dev();
    let hit = |host: &str| format!("{HIT}&tw_document_href=http%3A%2F%2F{host}%2Fthanks");
    for (page, cookie, expect) in [
        ("shop.localhost", ID, true),
        ("shop.localhost:8090", ID, true),
        ("px.localhost", ID, false),
        ("px.localhost:8090", ID, false),
        ("shop.localhost", TWIN, false),
    ] {
        let id = new_id(&world, &hit(page));
        let shown = id.replacen(ID, cookie, 1);
        for path in ["/privacy", "/optout"] {
            let text = world.get(path, &[("Cookie", &shown)]).text();
            let everywhere = text.contains("it seems to allow third-party cookies");
            assert_eq!(everywhere, expect && path == "/privacy", "{page} {cookie} {path}");
            assert_eq!(text.contains("we cannot see whether"), !everywhere, "{page} {cookie} {path}");
        }
    }
    let id = new_id(&world, HIT);
    assert!(
        !world.get("/privacy", &[("Cookie", &id)]).text().contains("it seems to allow"),
        "of no known page"
    );
}

#[test]
fn pages_speak_the_readers_language_and_run_no_script() {
    let world = World::dev();
    for (query, accept, lang, title) in [
        ("", "en", "en", "Your privacy"),
        ("", "de-CH, en;q=0.5", "de", "Ihre Privatsphäre"),
        ("?lang=fr", "de", "fr", "Votre vie privée"),
        ("?lang=es", "", "es", "Tu privacidad"),
    ] {
        let page = world.get(&format!("/privacy{query}"), &[("Accept-Language", accept)]);
        let text = page.text();
        assert!(
            text.contains(&format!("<html lang=\"{lang}\">")) && text.contains(&format!("<h1>{title}</h1>"))
        );
        assert!(!text.contains("<script") && !text.contains(" style=") && !text.contains("onclick"));
        assert_eq!(page.header("Vary"), Some("Accept-Language, Cookie"));
        assert_eq!(page.header("Cache-Control"), Some("no-store"));
        let policy = page.header("Content-Security-Policy").unwrap_or_default();
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
    }
    let style = world.get("/pages.css", &[]);
    assert_eq!((style.status, style.header("Content-Type")), (200, Some("text/css; charset=utf-8")));
    for (path, method_allowed) in [("/privacy", "GET, HEAD, POST"), ("/privacy/data.json", "GET")] {
        let reply = crate::world::send(world.public(), "PUT", path, &[], "");
        assert_eq!((reply.status, reply.header("Allow")), (405, Some(method_allowed)));
    }
}

#[test]
fn who_erases_what_is_stored_sees_it_no_more_and_others_lose_nothing() {
    let world = World::dev();
    let (mine, theirs) = (new_id(&world, HIT), new_id(&world, HIT));
    for cookie in [&mine, &theirs] {
        world.get(PURCHASE, &[("Cookie", cookie)]);
    }
    let of = |cookie: &str| {
        let id = cookie.split('.').nth(1).expect("an id in the cookie").to_owned();
        world.stored().iter().filter(|row| row["browser_id"] == *id).count()
    };
    assert_eq!((of(&mine), of(&theirs)), (2, 2));
    let page = world.get("/privacy", &[("Cookie", &mine)]);
    assert!(page.text().contains("action=\"/privacy/erase\""));
    let form = format!("csrf={}", token(&page));

    for (cookie, origin) in [(&mine, "http://evil.localhost"), (&theirs, "http://px.localhost")] {
        let headers = [("Cookie", &**cookie), ("Origin", origin)];
        assert_eq!(world.post("/privacy/erase", &headers, &form).status, 403);
    }
    assert_eq!((of(&mine), of(&theirs)), (2, 2));

    let reply = world.post("/privacy/erase", &[("Cookie", &mine), ORIGIN], &form);
    assert_eq!((reply.status, place(&reply)), (303, "/privacy?done=erased"));
    let expired: Vec<_> =
        reply.headers_named("Set-Cookie").filter(|line| line.contains("Max-Age=0")).collect();
    assert_eq!(expired.iter().filter(|line| line.starts_with(ID)).count(), 2, "both jars: {expired:?}");
    assert_eq!((of(&mine), of(&theirs)), (0, 2));
    let page = world.get("/privacy?done=erased", &[]);
    assert!(page.text().contains("is erased") && !page.text().contains("action=\"/privacy/erase\""));
}
