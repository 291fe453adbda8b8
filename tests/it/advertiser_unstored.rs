//! What the advertiser's page tells of events that were not stored.

use serde_json::{Value, json};

use crate::advertiser::{KEY, OTHER_KEY, cells, file, hit, page, session};
use crate::world::{World, send};

const BEARER: (&str, &str) = ("Authorization", "Bearer dev-bearer-token");
const EMAIL: &str = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b";

fn turned_away(world: &World, query: &str, header: (&str, &str)) {
    let reply = world.get(&format!("/i/adsct?p_id=Twitter&{query}"), &[header]);
    assert!(!reply.outcome().starts_with("stored;"), "{query}: {}", reply.outcome());
}

const GPC: (&str, &str) = ("Sec-GPC", "1");
const NOTHING: (&str, &str) = ("X-Nothing", "1");

fn upload(world: &World, conversion_ids: &[String]) {
    let item = |id: &String| {
        json!({"conversion_time": "2026-09-04T12:00:00.000Z", "event_id": "o87ne", "conversion_id": id,
            "value": "7", "price_currency": "EUR", "identifiers": [{"hashed_email": EMAIL}]})
    };
    let body = json!({"conversions": conversion_ids.iter().map(item).collect::<Vec<_>>()}).to_string();
    let reply = send(world.public(), "POST", "/12/measurement/conversions/o8z6j", &[BEARER], &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn unknown_event(world: &World, pixel: &str, name: &str) {
    turned_away(world, &format!("txn_id={pixel}&events=%5B%5B%22{name}%22%2Cnull%5D%5D"), NOTHING);
}

/// `outcome reason event_name: by_pixel by_api` of each row of one tag.
fn told(world: &World, cookie: &str, tag: &str) -> Vec<String> {
    let rows = file(world, cookie, "not-stored", "30d");
    let rows = rows.iter().filter(|row| row["event_tag_id"] == tag);
    let text = |row: &std::collections::HashMap<String, String>| {
        let words = ["outcome", "reason", "event_name"].map(|column| &*row[column]);
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        format!("{}: {} {}", words.join(" "), row["by_pixel"], row["by_api"])
    };
    rows.map(text).collect()
}

/// Something of everything that is not stored, and two purchases that are.
fn troubles(world: &World) {
    hit(world, "o87ne&conversion_id=both&tw_sale_amount=1");
    upload(world, &["both".to_owned(), "own".to_owned(), "own".to_owned()]);
    turned_away(world, "txn_id=o87ne&conversion_id=both", NOTHING);
    (0..12).for_each(|_| turned_away(world, "txn_id=o87ne", GPC));
    turned_away(world, "txn_id=o87ne", ("Sec-Purpose", "prefetch"));
    turned_away(world, "txn_id=o87ne", ("User-Agent", "Googlebot/2.1"));
    turned_away(world, "txn_id=o87ne&value=x", NOTHING);
    for name in ["starttrial", "starttrial", "jane@shop.example"] {
        unknown_event(world, "o8z6j", name);
    }
    unknown_event(world, "o9bbb", "newsletter");
    turned_away(world, "txn_id=o9bbc", ("User-Agent", "Googlebot/2.1"));
}

#[test]
fn what_was_not_stored_is_told_by_tag_with_the_reason_as_the_counts_have_it() {
    let world = World::dev();
    let ours = session(&world, KEY);
    assert!(page(&world, &ours).contains("All that came in was stored."));
    troubles(&world);
    assert_eq!(
        told(&world, &ours, "tw-o8z6j-o87ne"),
        [
            "duplicate same-source: 1 1",
            "duplicate other-source: 0 1",
            "suppressed: 12 0",
            "suppressed gpc: 12 0",
            "speculative speculative: 1 0",
            "bot bot: 1 0",
            "invalid bad-value: 1 0"
        ]
    );
    let names = ["invalid unknown-event: 3 0", "invalid starttrial: 2 0", "invalid: 1 0"];
    assert_eq!(told(&world, &ours, "o8z6j"), names);
    // The API counts the same.
    let path = "/12/accounts/18ce54d4x5t/unstored_events";
    let counted = send(world.public(), "GET", path, &[BEARER], "").json();
    let sum = |tags: &Value| -> u64 {
        let tags = tags.as_array().expect("a list").iter();
        let counts = tags.flat_map(|tag| tag["unstored"].as_array().expect("a list"));
        counts.map(|count| count["count"].as_u64().expect("a number")).sum()
    };
    let rows = file(&world, &ours, "not-stored", "48h");
    let with_reason = rows.iter().filter(|row| !row["reason"].is_empty());
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let told: u64 = with_reason.map(|row| number(&row["by_pixel"]) + number(&row["by_api"])).sum();
    assert_eq!((told, sum(&counted["data"]["tags"])), (21, 21));
    assert!(rows.iter().all(|row| row["since_utc"] == "2026-09-04T12:00:00.000Z"), "{rows:?}");

    let shown = page(&world, &ours);
    for (label, counts) in [
        ("Duplicate: the same source", ["1", "1"]),
        ("Duplicate: pixel and API both told of it", ["0", "1"]),
        ("Refused by consent", ["12", "0"]),
        ("Global Privacy Control is on", ["12", "0"]),
        ("Invalid: the value is not a plain decimal number", ["1", "0"]),
        ("Called “starttrial”", ["2", "0"]),
        ("Other names", ["1", "0"]),
    ] {
        assert_eq!(cells(&shown, "unstored", label)[1..], counts, "{label}");
    }
    let since = "<time datetime=\"2026-09-04T12:00:00.000Z\">2026-09-04 12:00:00 UTC</time>";
    assert!(shown.contains(&format!("Not stored, since the server’s start ({since})")));
    assert!(!shown.contains("jane") && !shown.contains("#why-hidden"));
    assert_eq!(world.stored().len(), 2);
}

#[test]
fn what_was_not_stored_of_another_account_is_not_told() {
    let world = World::dev();
    troubles(&world);
    let (ours, other) = (session(&world, KEY), session(&world, OTHER_KEY));
    let everything = |cookie: &str| {
        let target = "/advertiser/report.csv?table=not-stored";
        world.get(target, &[("Cookie", cookie)]).text() + &page(&world, cookie)
    };
    let (mine, theirs) = (everything(&ours), everything(&other));
    assert!(mine.contains("starttrial") && !mine.contains("newsletter") && !mine.contains("o9bb"));
    assert!(theirs.contains("newsletter") && !theirs.contains("starttrial") && !theirs.contains("o87ne"));
    assert_eq!(told(&world, &other, "tw-o9bbb-o9bbc"), ["bot bot: 1 0"]);
    assert_eq!(told(&world, &other, "o9bbb"), ["invalid unknown-event: 1 0", "invalid newsletter: 1 0"]);
}

#[test]
fn whom_consent_refused_is_hidden_where_there_are_few() {
    let world = World::dev();
    let ours = session(&world, KEY);
    let gone = |count: usize, query: &str| (0..count).for_each(|_| turned_away(&world, query, GPC));
    gone(9, "txn_id=o87ne");
    assert_eq!(told(&world, &ours, "tw-o8z6j-o87ne"), ["suppressed: hidden 0"]);
    let shown = page(&world, &ours);
    assert_eq!(cells(&shown, "unstored", "Refused by consent")[1..], ["hidden", "0"]);
    assert!(!shown.contains("Global Privacy Control") && shown.contains("href=\"#why-hidden\""));
    gone(1, "txn_id=o87ne");
    assert_eq!(told(&world, &ours, "tw-o8z6j-o87ne"), ["suppressed: 10 0", "suppressed gpc: 10 0"]);
    // One of another reason hides both, for it is what the other one lacks to the sum.
    turned_away(&world, "txn_id=o87ne&dnt=1", ("DNT", "1"));
    let reasons = told(&world, &ours, "tw-o8z6j-o87ne");
    assert_eq!(reasons, ["suppressed: 11 0"]);
}

#[test]
fn names_without_a_tag_and_sources_that_never_overlap_are_worth_a_look() {
    let world = World::dev();
    let ours = session(&world, KEY);
    let found = || {
        let rows = file(&world, &ours, "warnings", "30d");
        let text = |row: &std::collections::HashMap<String, String>| {
            format!("{}: {}. {}.", row["event_tag_id"], row["warning"], row["example"])
        };
        rows.iter().map(text).collect::<Vec<_>>()
    };
    unknown_event(&world, "o8z6j", "%3Dtrial");
    let ids: Vec<_> = (0..10).map(|number| format!("api-{number}")).collect();
    upload(&world, &ids);
    (0..9).for_each(|_| hit(&world, "o87ne&tw_sale_amount=1"));
    let name = "o8z6j: 1 event of names that the pixel has no event tag for. “=trial” in 1 event.";
    assert_eq!(found(), [name]);
    assert_eq!(file(&world, &ours, "not-stored", "30d")[1]["event_name"], "'=trial");
    hit(&world, "o87ne&tw_sale_amount=1");
    let apart = "tw-o8z6j-o87ne: Pixel and API both tell of events, and never of the same one. \
        10 by the pixel and 10 by the API since 2026-09-04 12:00:00 UTC, and no duplicate.";
    assert_eq!(found(), [apart, name]);
    assert!(page(&world, &ours).contains("Do both send the same conversion_id?"));
    turned_away(&world, "txn_id=o87ne&conversion_id=api-3", NOTHING);
    assert_eq!(found(), [name]);
}

#[test]
fn the_report_and_the_test_events_lead_to_each_other() {
    let world = World::dev();
    let ours = session(&world, KEY);
    for (path, other) in [("/advertiser", "/advertiser/test"), ("/advertiser/test", "/advertiser")] {
        let shown = world.get(path, &[("Cookie", &ours)]).text();
        assert!(shown.contains(&format!("<a href=\"{path}\" aria-current=\"page\">")), "{path}");
        assert!(shown.contains(&format!("<a href=\"{other}\">")), "{path}");
    }
}
