//! The advertiser's page over real sockets: who gets in, and what it shows.

use std::collections::HashMap;
use std::time::Duration;

use pixelgate::domain::time::Clock as _;
use serde_json::{Value, json};

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
    let (_, name) = text.split_once("<header>\n<p><b>")?;
    let name = name.split("</b>").next().unwrap_or_default();
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

const API: &str = "/12/measurement/conversions/o8z6j";
const EMAIL: &str = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b";
const FILES: [&str; 4] = ["event-tags", "over-time", "line-items", "warnings"];

fn hit(world: &World, query: &str) {
    let reply = world.get(&format!("/i/adsct?txn_id={query}"), &[]);
    assert!(reply.outcome().starts_with("stored;"), "{query}: {}", reply.outcome());
}

/// A purchase by whoever has clicked on the ad before.
fn hit_after_a_click(world: &World, query: &str) {
    let click = world.get("/c/spring", &[]);
    let location = click.header("Location").expect("a location");
    hit(world, &format!("{query}&twclid={}", location.split("twclid=").nth(1).expect("a click id")));
}

fn upload(world: &World, count: usize) {
    let item = |number: usize| {
        json!({"conversion_timestamp": world.clock.now().0 - 3_600_000, "event_id": "o87ne", "value": "7",
            "price_currency": "EUR", "conversion_id": format!("api-{number}"), "identifiers": [{"hashed_email": EMAIL}]})
    };
    let body = json!({"conversions": (0..count).map(item).collect::<Vec<_>>()}).to_string();
    let headers = [("Authorization", "Bearer dev-bearer-token"), ("Content-Type", "application/json")];
    let reply = send(world.public(), "POST", API, &headers, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn file(world: &World, cookie: &str, table: &str, span: &str) -> Vec<HashMap<String, String>> {
    let target = format!("/advertiser/report.csv?table={table}&span={span}");
    let reply = world.get(&target, &[("Cookie", cookie)]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("Content-Type"), Some("text/csv; charset=utf-8"));
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    let name = format!("attachment; filename=\"pixelgate-{table}-{span}-");
    assert!(reply.header("Content-Disposition").is_some_and(|value| value.starts_with(&name)));
    let mut reader = csv::Reader::from_reader(&*reply.body);
    reader.deserialize().map(|row| row.expect("a row of cells")).collect()
}

/// The cells of the row that begins with `label`, in the table with that caption.
#[track_caller]
fn cells(page: &str, caption: &str, label: &str) -> Vec<String> {
    let (_, table) = page.split_once(&format!("<caption id=\"{caption}\">")).expect("the table");
    let (table, _) = table.split_once("</table>").expect("its end");
    let plain = |cell: &str| {
        let cell = cell.split("</t").next().unwrap_or_default();
        let pieces = cell.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim());
        pieces.filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let rows = table.split("<tr").map(|row| {
        let starts = row.match_indices("<th").chain(row.match_indices("<td"));
        let mut starts: Vec<_> = starts.map(|(at, _)| at).collect();
        starts.sort_unstable();
        starts.into_iter().map(|at| plain(&row[at..])).collect::<Vec<_>>()
    });
    let found = rows.into_iter().find(|row| row.first().is_some_and(|first| first.starts_with(label)));
    found.unwrap_or_else(|| panic!("{label} in {caption}"))
}

/// A month in the life of an account: purchases by the pixel and by the API, with and without an ad, and page views.
fn month(world: &World) {
    for day in 0..3 {
        (0..12).for_each(|_| hit(world, "o87ne&tw_sale_amount=12.50&tw_order_quantity=1"));
        (0..11).for_each(|_| hit_after_a_click(world, "o87ne&tw_sale_amount=0.25&tw_order_quantity=1"));
        (0..20 + day).for_each(|_| hit(world, "o8z6j"));
        world.clock.advance(Duration::from_secs(86_400));
    }
    upload(world, 14);
    (0..10).for_each(|_| hit(world, "o87nh"));
    (0..10).for_each(|_| hit(world, "o9bbc"));
}

#[test]
fn the_page_and_its_files_have_what_an_export_of_the_log_has() {
    let world = World::dev();
    month(&world);
    let rows: Vec<_> = world.stored().into_iter().filter(|row| row["account_id"] == "18ce54d4x5t").collect();
    let of = |tag: &str, is_so: &dyn Fn(&Value) -> bool| {
        rows.iter()
            .filter(|row| row["event_tag_id"] == tag && row["event"] != Value::Null && is_so(row))
            .count()
    };
    let ours = session(&world, KEY);
    let files = file(&world, &ours, "event-tags", "30d");
    let mut received = 0;
    for line in &files {
        let tag = line["event_tag_id"].strip_prefix("tw-o8z6j-").expect("a tag of the account");
        let check = |column: &str, is_so: &dyn Fn(&Value) -> bool| {
            assert_eq!(line[column], of(tag, is_so).to_string(), "{column} of {tag}");
        };
        check("received", &|_| true);
        check("by_pixel", &|row| row["source"] == "pixel");
        check("by_api", &|row| row["source"] == "api");
        check("post_click", &|row| row["credit"]["kind"] == "post_engagement");
        check("post_view", &|row| row["credit"]["kind"] == "post_view");
        check("not_credited", &|row| row["credit"].is_null());
        for key in ["click_id", "browser_id", "hashed_email", "hashed_phone_number"] {
            let has =
                |row: &Value| row["match_keys"].as_array().is_some_and(|keys| keys.contains(&json!(key)));
            check(&format!("with_{key}"), &has);
        }
        check("without_match_key", &|row| row["match_keys"].as_array().is_some_and(Vec::is_empty));
        for basis in ["default", "not-required", "consent"] {
            let column = format!("basis_{}", basis.replace('-', "_"));
            check(&column, &|row| row["evidence"]["basis"] == basis);
        }
        received += line["received"].parse::<usize>().expect("a number");
    }
    let all = rows.iter().filter(|row| row["kind"] == "conversion" || row["kind"] == "page_view").count();
    assert_eq!((files.len(), received, all), (4, all, 156));
    let purchase = &files[0];
    assert_eq!((&*purchase["value_USD"], &*purchase["value_EUR"]), ("458.25", "98"));
    assert_eq!((&*purchase["status"], &*files[1]["status"]), ("TRACKING", "UNVERIFIED"));
    assert_eq!(purchase["last_received_utc"], world.clock.now().to_string());

    let page = page(&world, &ours);
    let last = "TRACKING last 2026-09-07 12:00:00 UTC";
    let received = ["83", "69", "14", "98.00 EUR 458.25 USD", last, "click 30 d, view 1 d"];
    assert_eq!(cells(&page, "tags-received", "Purchase")[1..], received);
    assert_eq!(cells(&page, "tags-received", "Sign-up")[5], "UNVERIFIED nothing yet");
    assert_eq!(cells(&page, "credit", "Purchase")[1..], ["39.8 % 33", "0", "60.2 % 50"]);
    assert_eq!(cells(&page, "campaigns", "Purchase")[1..], ["33", "0", "8.25 USD"]);
    assert_eq!(cells(&page, "keys", "Purchase")[1], "39.8 % 33");
    assert_eq!(cells(&page, "rows-0", "2026-09-04")[1..4], ["23", "23", "0"]);
}

#[test]
fn every_day_and_every_hour_has_its_own_numbers_in_utc() {
    let world = World::dev();
    month(&world);
    let ours = session(&world, KEY);
    let by_day = file(&world, &ours, "over-time", "30d");
    let days = by_day.iter().filter(|row| row["event_tag_id"] == "tw-o8z6j-o87ne" && row["received"] != "0");
    let days: Vec<_> =
        days.map(|row| (&*row["begins_utc"], &*row["received"], &*row["post_click"])).collect();
    assert_eq!(
        days,
        [
            ("2026-09-04", "23", "11"),
            ("2026-09-05", "23", "11"),
            ("2026-09-06", "23", "11"),
            ("2026-09-07", "14", "0")
        ]
    );
    let hours = file(&world, &ours, "over-time", "48h");
    let hours = hours.iter().filter(|row| row["event_tag_id"] == "tw-o8z6j-o87ne" && row["received"] != "0");
    let hours: Vec<_> = hours.map(|row| (&*row["begins_utc"], &*row["received"])).collect();
    assert_eq!(hours, [("2026-09-06 12:00", "23"), ("2026-09-07 11:00", "14")]);
    let items = file(&world, &ours, "line-items", "30d");
    assert_eq!(items.len(), 1);
    assert_eq!(
        (&*items[0]["line_item_id"], &*items[0]["post_click"], &*items[0]["value_USD"]),
        ("6zva5", "33", "8.25")
    );
}

#[test]
fn nothing_of_another_account_is_shown() {
    let world = World::dev();
    month(&world);
    let (ours, other) = (session(&world, KEY), session(&world, OTHER_KEY));
    let everything = |cookie: &str| {
        let files = FILES.map(|table| {
            world.get(&format!("/advertiser/report.csv?table={table}"), &[("Cookie", cookie)]).text()
        });
        files.concat() + &page(&world, cookie)
    };
    let (mine, theirs) = (everything(&ours), everything(&other));
    for (of_mine, of_theirs) in
        [("o8z6j", "o9bbb"), ("o87ne", "o9bbc"), ("Dev shop", "Dev news"), ("Purchase", "Subscription")]
    {
        assert!(mine.contains(of_mine) && !mine.contains(of_theirs), "{of_theirs}");
        assert!(theirs.contains(of_theirs) && !theirs.contains(of_mine), "{of_mine}");
    }
    assert!(mine.contains("Spring sale") && !theirs.contains("Spring sale"));
    assert_eq!(cells(&page(&world, &other), "tags-received", "Subscription")[1..4], ["10", "10", "0"]);
    // Whatever the query says of an account.
    let target = "/advertiser?account=18ce54d4x5t&account_id=18ce54d4x5t";
    assert!(!world.get(target, &[("Cookie", &other)]).text().contains("o87ne"));
    for cookie in ["", "__Host-pg-advertiser=18ce54d4x5t", "__Host-pg-advertiser=18ce54d4x5t.1.A"] {
        for table in FILES {
            let target = format!("/advertiser/report.csv?table={table}");
            let reply = world.get(&target, &[("Cookie", cookie)]);
            assert_eq!((reply.status, reply.header("Cache-Control")), (403, Some("no-store")));
        }
        assert!(!page(&world, cookie).contains("o87ne"));
    }
    assert_eq!(world.get("/advertiser/report.csv?table=x", &[("Cookie", &ours)]).status, 404);
}

#[test]
fn small_numbers_of_people_are_hidden_on_the_page_and_in_its_files() {
    let world = World::dev();
    (0..11).for_each(|_| hit(&world, "o87ne&tw_sale_amount=1"));
    (0..9).for_each(|_| hit_after_a_click(&world, "o87ne&tw_sale_amount=1"));
    let ours = session(&world, KEY);
    let shown = page(&world, &ours);
    assert_eq!(cells(&shown, "tags-received", "Purchase")[1..4], ["20", "20", "0"]);
    assert_eq!(cells(&shown, "credit", "Purchase")[1..], ["hidden"]);
    assert_eq!(cells(&shown, "campaigns", "Purchase")[1..], ["hidden"]);
    assert_eq!(cells(&shown, "rows-0", "2026-09-04")[4], "hidden");
    assert_eq!(cells(&shown, "keys", "Purchase")[1..], ["hidden"]);
    // All of them are stored on the same basis, which says nothing of anybody.
    assert!(cells(&shown, "bases", "Purchase").contains(&"100.0 % 20".to_owned()));
    assert!(shown.contains("id=\"why-hidden\""));
    for (table, at) in [("event-tags", 0), ("over-time", 29), ("line-items", 0)] {
        let row = &file(&world, &ours, table, "30d")[at];
        assert_eq!((&*row["post_click"], &*row["event_tag_id"]), ("hidden", "tw-o8z6j-o87ne"), "{table}");
    }
    assert_eq!(file(&world, &ours, "line-items", "30d")[0]["value_USD"], "hidden");

    hit_after_a_click(&world, "o87ne&tw_sale_amount=1");
    let shown = page(&world, &ours);
    assert_eq!(cells(&shown, "credit", "Purchase")[1..], ["47.6 % 10", "0", "52.4 % 11"]);
    assert_eq!(cells(&shown, "campaigns", "Purchase")[1..], ["10", "0", "10.00 USD"]);
    assert!(!shown.contains("why-hidden"));
}

#[test]
fn what_is_set_up_wrong_is_told_with_an_example() {
    let world = World::dev();
    hit(&world, "o87nh&tw_document_href=https%3A%2F%2Fcopied.example%2Fcart%3Fa%3Db");
    hit(&world, "o87ne");
    let ours = session(&world, KEY);
    let rows = file(&world, &ours, "warnings", "30d");
    let found: Vec<_> =
        rows.iter().map(|row| (&*row["event_tag_id"], &*row["warning"], &*row["example"])).collect();
    assert_eq!(
        found,
        [
            (
                "tw-o8z6j-o87ne",
                "None of 1 event has a value",
                "The latest came in at 2026-09-04 12:00:00 UTC"
            ),
            (
                "tw-o8z6j-o87nh",
                "1 event from pages that the pixel does not list",
                "From https://copied.example"
            )
        ]
    );
    assert!(page(&world, &ours).contains("From https://copied.example"));
    world.clock.advance(Duration::from_secs(7 * 86_400));
    let ours = session(&world, KEY);
    let rows = file(&world, &ours, "warnings", "48h");
    assert!(
        rows.iter().all(|row| row["warning"] == "Nothing received for 7 days") && rows.len() == 2,
        "{rows:?}"
    );
}

#[test]
fn names_are_neither_markup_on_the_page_nor_formulas_in_its_files() {
    let world = World::with(|config| {
        let account = &mut config.accounts[0];
        account.pixels[0].event_tags[0].name = "=HYPERLINK(\"http://evil.example\")".to_owned();
        account.campaigns[0].name = "@<b>sale".to_owned();
        account.campaigns[0].line_items[0].name = "+1".to_owned();
        account.name = "<i>Shop".to_owned();
    });
    hit_after_a_click(&world, "o87ne");
    let ours = session(&world, KEY);
    assert_eq!(file(&world, &ours, "event-tags", "30d")[0]["name"], "'=HYPERLINK(\"http://evil.example\")");
    let item = &file(&world, &ours, "line-items", "30d")[0];
    assert_eq!((&*item["campaign"], &*item["line_item"]), ("'@<b>sale", "'+1"));
    let shown = page(&world, &ours);
    assert!(
        !shown.contains("<i>") && !shown.contains("<b>sale") && shown.contains("&#60;i&#62;Shop"),
        "{shown}"
    );
}
