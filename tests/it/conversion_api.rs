//! The Conversion API over real sockets: its messages, who may call it, and what is stored.

use std::io::{Read as _, Write as _};

use pixelgate::domain::time::Clock as _;
use serde_json::{Value, json};

use crate::world::{Reply, START, World, send};

const PATH: &str = "/12/measurement/conversions/o8z6j";
const TOKEN: (&str, &str) = ("X-Pixel-Token", "dev-pixel-token");
const JSON: (&str, &str) = ("Content-Type", "application/json");
/// SHA-256 of "jane@shop.example" and of "+15551234567".
const EMAIL: &str = "3a7c6b6b7fd8d2e06d9e6b0e1a0b0e6c1a9a4b7a0c3d2e1f405162738495a6b7";
const PHONE: &str = "4b8d7c7c80e9e3f17eaf7c1f2b1c1f7d2bab5c8b1d4e3f205162738495a6b7c8";

fn post(world: &World, headers: &[(&str, &str)], conversions: &Value) -> Reply {
    send(world.public(), "POST", PATH, headers, &json!({"conversions": conversions}).to_string())
}

fn item() -> Value {
    json!({"conversion_time": "2026-09-04T11:59:58.500Z", "event_id": "tw-o8z6j-o87ne",
        "identifiers": [{"hashed_email": EMAIL}], "value": "12.50"})
}

fn with(changes: Value) -> Value {
    let mut item = item();
    for (key, value) in changes.as_object().expect("an object") {
        item[key] = value.clone();
    }
    item
}

#[track_caller]
fn check_refused(reply: &Reply, status: u16, errors: &[(&str, &str)]) {
    let body = reply.json();
    let found: Vec<_> = body["errors"].as_array().expect("errors").iter().collect();
    let found: Vec<_> = found
        .iter()
        .map(|error| {
            (error["parameter"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!((reply.status, &*found), (status, errors), "{body}");
}

#[test]
fn conversions_are_stored_as_they_are_told_and_deduplicated_with_the_pixel() {
    let world = World::dev();
    let hit = "/i/adsct?txn_id=tw-o8z6j-o87ne&p_id=Twitter&tw_order_quantity=1&events=%5B%5B%22purchase%22%2C%7B%22conversion_id%22%3A%22order-1%22%7D%5D%5D";
    assert!(world.get(hit, &[]).outcome().starts_with("stored;"));
    let items = json!([
        with(json!({"conversion_id": "order-2", "number_items": 3, "price_currency": "eur", "value": 12.5})),
        with(json!({"conversion_id": "order-1"})),
        {"conversion_timestamp": "1788523198000", "event_id": "O87NF", "identifiers": [
            {"twclid": "23opevjt88psuo13lu8d020qkn"}, {"hashed_phone_number": PHONE, "ip_address": "192.0.2.1"},
            {"user_agent": "x"}], "description": "unused", "contents": [{"content_id": "1"}], "what_is_this": 1},
    ]);
    let reply = post(&world, &[TOKEN, JSON], &items);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["request"], json!({"params": {"account_id": "18ce54d4x5t"}}));
    assert_eq!(body["data"]["conversions_processed"], 3);
    assert_eq!(body["data"]["debug_id"].as_str().expect("an id").len(), 36);
    let outcomes: Vec<_> = body["data"]["outcomes"].as_array().expect("a list").iter().collect();
    let words: Vec<_> = outcomes.iter().map(|one| (&one["outcome"], &one["ack"])).collect();
    assert_eq!(
        words,
        [
            (&json!("stored"), &json!("disk")),
            (&json!("duplicate"), &Value::Null),
            (&json!("stored"), &json!("disk"))
        ]
    );
    let rows = world.stored();
    assert_eq!((rows.len(), &outcomes[1]["id"]), (3, &rows[0]["id"]));
    let (first, second) = (&rows[1], &rows[2]);
    assert_eq!(
        (&first["id"], &first["source"], &first["event"]),
        (&outcomes[0]["id"], &json!("api"), &json!("PURCHASE"))
    );
    assert_eq!(
        (&first["at"], &first["value_micros"], &first["currency"]),
        (&json!("2026-09-04T11:59:58.500Z"), &json!(12_500_000), &json!("EUR"))
    );
    assert_eq!((&first["quantity"], &first["conversion_id"]), (&json!(3), &json!("order-2")));
    assert_eq!(first["match_keys"], json!(["hashed_email"]));
    assert_eq!(second["match_keys"], json!(["click_id", "hashed_phone_number"]));
    assert_eq!((&second["event"], &second["at"]), (&json!("SIGN_UP"), &json!("2026-09-04T11:59:58.000Z")));
    // And the pixel knows what came by the API.
    let hit = hit.replace("order-1", "order-2");
    assert!(world.get(&hit, &[]).outcome().starts_with("duplicate;"));
}

/// Items with one mistake each: the field, and what is said of it. Nothing is stored.
#[track_caller]
fn check_each(bad: &[(Value, &str, &str)]) {
    let world = World::dev();
    let before = world.log_bytes();
    for (bad, parameter, message) in bad {
        let reply = post(&world, &[TOKEN], &json!([item(), bad]));
        check_refused(&reply, 400, &[(&format!("conversions[1].{parameter}"), message)]);
    }
    assert!(world.log_bytes() == before);
}

#[test]
fn what_is_wrong_with_identifiers_and_event_tags_is_told_in_the_documented_words() {
    let event = |id: &str| with(json!({"event_id": id}));
    let ids = |value: Value| with(json!({"identifiers": value}));
    let none = "At least one user identifier must be provided";
    check_each(&[
        (ids(json!([])), "identifiers", none),
        (ids(Value::Null), "identifiers", none),
        (ids(json!([{"ip_address": "192.0.2.1", "user_agent": "x"}])), "identifiers", none),
        (ids(json!([{"hashed_email": ""}])), "identifiers", none),
        (ids(json!("x")), "identifiers", "identifiers is not a list of objects"),
        (
            ids(json!([{"hashed_email": "abc"}])),
            "hashed_email",
            "hashed_email (abc) is not a valid SHA-256 hash",
        ),
        (
            ids(json!([{"hashed_email": "jane@shop.example"}])),
            "hashed_email",
            "hashed_email (…) is not a valid SHA-256 hash",
        ),
        (
            ids(json!([{"hashed_phone_number": "5551234567"}])),
            "hashed_phone_number",
            "hashed_phone_number (…) is not a valid SHA-256 hash",
        ),
        (ids(json!([{"twclid": "a b"}])), "twclid", "twclid (a b) is not a click id"),
        (event("x-y"), "event_id", "event_id (x-y) is not a single event tag (SET)"),
        (event("o8z6j"), "event_id", "event_id (o8z6j) is not a single event tag (SET)"),
        (event("o87nz"), "event_id", "Event ID was not found"),
        (event("tw-o9bbb-o87ne"), "event_id", "Event ID was not found"),
        (with(json!({"event_id": null})), "event_id", "event_id must be provided"),
    ]);
}

#[test]
fn what_is_wrong_with_times_and_amounts_is_told_in_the_documented_words() {
    let time = |time: &str| with(json!({"conversion_time": time}));
    let far = START.plus_ms(301_000).to_string();
    check_each(&[
        (
            time("yesterday"),
            "conversion_time",
            "Expected Time in yyyy-MM-ddTHH:mm:ss.SSSZ, got \"yesterday\" for conversion_time",
        ),
        (
            time("2026-02-30T00:00:00Z"),
            "conversion_time",
            "Expected Time in yyyy-MM-ddTHH:mm:ss.SSSZ, got \"2026-02-30T00:00:00Z\" for conversion_time",
        ),
        (time(&far), "conversion_time", "conversion_time is in the future"),
        (with(json!({"conversion_time": null})), "conversion_time", "conversion_time must be provided"),
        (
            with(json!({"conversion_time": null, "conversion_timestamp": -1})),
            "conversion_timestamp",
            "conversion_timestamp is not a number of milliseconds since 1970",
        ),
        (with(json!({"value": "NaN"})), "value", "the amount is not a plain decimal number such as 12.50"),
        (with(json!({"value": 1e300})), "value", "the amount is not a plain decimal number such as 12.50"),
        (with(json!({"value": -5})), "value", "the amount is negative"),
        (
            with(json!({"price_currency": "USDT"})),
            "price_currency",
            "the currency is not an ISO 4217 code such as USD",
        ),
        (
            with(json!({"number_items": 1.5})),
            "number_items",
            "number_items is not a whole number from 0 to 1000000",
        ),
        (
            with(json!({"conversion_id": "jane@shop.example"})),
            "conversion_id",
            "conversion_id is over 128 characters, not printable, or somebody's address",
        ),
    ]);
}

#[test]
fn all_mistakes_of_a_request_are_told_at_once_and_a_body_that_is_none_is_refused() {
    let world = World::dev();
    let before = world.log_bytes();
    let none = "At least one user identifier must be provided";
    let many =
        json!([with(json!({"value": "x", "event_id": "o87nz"})), item(), with(json!({"identifiers": []}))]);
    check_refused(
        &post(&world, &[TOKEN], &many),
        400,
        &[
            ("conversions[0].event_id", "Event ID was not found"),
            ("conversions[0].value", "the amount is not a plain decimal number such as 12.50"),
            ("conversions[2].identifiers", none),
        ],
    );
    let foreign = json!([with(json!({"event_id": "o9bbc"}))]);
    let message = "event_id (o9bbc) does not belong to provided account";
    check_refused(&post(&world, &[TOKEN], &foreign), 404, &[("conversions[0].event_id", message)]);
    for (body, message) in [
        ("", "line 1, column 0: expected a JSON object {\"conversions\": [{…}]}"),
        ("[]", "line 1, column 2: expected a JSON object {\"conversions\": [{…}]}"),
        ("{\"conversions\": 7}", "line 1, column 17: expected a JSON object {\"conversions\": [{…}]}"),
        ("{}", "At least one conversion must be provided"),
        ("{\"conversions\": []}", "At least one conversion must be provided"),
    ] {
        let reply = send(world.public(), "POST", PATH, &[TOKEN], body);
        let found = reply.json()["errors"][0]["message"].as_str().expect("a message").to_owned();
        assert_eq!((reply.status, &*found), (400, message), "{body}");
    }
    let deep = format!("{{\"conversions\": {}{}}}", "[".repeat(17), "]".repeat(17));
    assert_eq!(send(world.public(), "POST", PATH, &[TOKEN], &deep).status, 400);
    assert!(world.log_bytes() == before);
}

#[test]
fn five_hundred_are_taken_and_one_more_is_not() {
    let world = World::dev();
    let items = |count: usize| {
        Value::from(
            (0..count).map(|number| with(json!({"conversion_id": format!("n{number}")}))).collect::<Vec<_>>(),
        )
    };
    check_refused(
        &post(&world, &[TOKEN], &items(501)),
        400,
        &[("conversions", "Conversion count limit is 500")],
    );
    assert_eq!(world.stored().len(), 0);
    let reply = post(&world, &[TOKEN], &items(500));
    assert_eq!(reply.json()["data"]["conversions_processed"], 500, "{}", reply.text());
    assert_eq!(world.stored().len(), 500);
    // Refused by what it says of itself.
    let head = |length: usize| {
        format!("POST {PATH} HTTP/1.1\r\nHost: px.localhost\r\nContent-Length: {length}\r\n\r\n")
    };
    let mut stream = std::net::TcpStream::connect(world.public()).expect("the server listens");
    stream.write_all(head(5_000_001).as_bytes()).expect("the head is sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn an_item_that_consent_refuses_is_processed_and_leaves_the_log_byte_identical() {
    let world = World::dev();
    let before = world.log_bytes();
    for (signals, reason) in [
        (json!({"gdpr": 1}), "gdpr-no-consent"),
        (json!({"gdpr": true, "gdpr_consent": "x"}), "tcf-malformed"),
        (json!({"gdpr_consent": ["x"], "gdpr": "1"}), "tcf-malformed"),
        (json!({"us_privacy": "1YYN"}), "us-privacy-opt-out"),
        (json!({"gpp": "x"}), "gpp-malformed"),
        (json!({"gpp": "DBABBg~BUUAAABA.YA", "gpp_sid": [8]}), "gpp-gpc"),
        (json!({"gpp": "DBABBg~BUUAAABA.YA", "gpp_sid": "8"}), "gpp-gpc"),
        (json!({"gpp_sid": {"a": 1}}), "gpp-sid-malformed"),
        (json!({"opt_out": true}), "opted-out"),
    ] {
        for query in ["", "?validate_only=true"] {
            let body = json!({"conversions": [with(signals.clone())]}).to_string();
            let reply = send(world.public(), "POST", &format!("{PATH}{query}"), &[TOKEN], &body);
            let outcome = &reply.json()["data"]["outcomes"][0];
            assert_eq!(*outcome, json!({"outcome": "suppressed", "reason": reason}), "{signals}");
        }
    }
    // Who has opted out by a hash stays out.
    let list = json!({"hashed_email": EMAIL}).to_string();
    let admin = [("Authorization", "Bearer dev-admin-token"), ("Content-Type", "application/x-ndjson")];
    let reply = send(world.admin(), "POST", "/admin/optouts", &admin, &list);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let before_hit = world.log_bytes();
    let reply = post(&world, &[TOKEN], &json!([item()]));
    assert_eq!(reply.json()["data"]["outcomes"][0]["reason"], "opted-out");
    assert!(world.log_bytes() == before_hit && before_hit.len() > before.len());
    let body =
        json!({"conversions": [with(json!({"identifiers": [{"hashed_phone_number": PHONE}]}))]}).to_string();
    let reply = send(world.public(), "POST", &format!("{PATH}?validate_only=true"), &[TOKEN], &body);
    assert_eq!(reply.json()["data"]["outcomes"], json!([{"outcome": "valid"}]));
    assert!(world.log_bytes() == before_hit, "it was only looked at");
}

#[test]
fn only_the_accounts_own_software_gets_in_and_sees_its_own_things_only() {
    let world = World::dev();
    let before = world.log_bytes();
    let body = json!({"conversions": [item()]}).to_string();
    for headers in [
        &[][..],
        &[("X-Pixel-Token", "")],
        &[("X-Pixel-Token", "dev-pixel-toker")],
        &[("X-Pixel-Token", "dev-bearer-token")],
        &[("Authorization", "Bearer dev-pixel-token")],
        &[("Authorization", "Bearer dev-admin-token")],
        &[("Authorization", "Basic ZGV2LXBpeGVsLXRva2VuOg==")],
        &[("Authorization", "OAuth oauth_consumer_key=\"dev-consumer-key\"")],
        &[("X-Pixel-Token", "nonsense"), ("Authorization", "Bearer dev-bearer-token")],
    ] {
        let reply = send(world.public(), "POST", PATH, headers, &body);
        assert_eq!(reply.status, 401, "{headers:?}");
        assert_eq!(reply.json()["errors"][0]["code"], "UNAUTHORIZED_ACCESS");
    }
    // Another account's pixel is as if it were not there.
    for token in ["dev2-pixel-token", "dev-pixel-token"] {
        for pixel in ["o8z6j", "o9bbb", "o8z6k", "%2e"] {
            let own = (token == "dev-pixel-token") == (pixel == "o8z6j");
            if own && pixel.len() == 5 && pixel != "o8z6k" {
                continue;
            }
            let path = format!("/11/measurement/conversions/{pixel}");
            let reply = send(world.public(), "POST", &path, &[("X-Pixel-Token", token)], &body);
            check_refused(&reply, 404, &[("", &format!("pixel_id ({pixel}) was not found"))]);
        }
    }
    assert!(world.log_bytes() == before);
    let bearer = ("Authorization", "Bearer dev-bearer-token");
    let get = |path: &str, header| send(world.public(), "GET", path, &[header], "");
    let list = get("/12/accounts", bearer);
    let account = json!({"id": "18ce54d4x5t", "name": "Dev shop", "timezone": "UTC", "created_at": "1970-01-01T00:00:00Z",
        "updated_at": "1970-01-01T00:00:00Z", "deleted": false, "approval_status": "ACCEPTED"});
    assert_eq!(list.json(), json!({"request": {"params": {}}, "data": [account], "next_cursor": null}));
    assert_eq!(list.header("x-rate-limit-limit"), Some("100000"));
    assert_eq!(get("/7/accounts/18CE54D4X5T", bearer).json()["data"], account);
    let foreign = get("/12/accounts/18ce54d4x5u", bearer);
    let unknown = get("/12/accounts/18ce54d4x5z", bearer);
    assert_eq!((foreign.status, unknown.status), (404, 404));
    assert_eq!(foreign.text().replace("x5u", "x5z"), unknown.text());
    // The pixel's token is for conversions alone.
    assert_eq!(get("/12/accounts", TOKEN).status, 401);
    for (method, path, status) in [
        ("GET", PATH, 405),
        ("POST", "/12/accounts", 405),
        ("POST", "/10/measurement/conversions/o8z6j", 404),
        ("GET", "/13/accounts", 404),
        ("GET", "/012/accounts", 404),
        ("GET", "/12/accounts/18ce54d4x5t/", 404),
    ] {
        assert_eq!(send(world.public(), method, path, &[bearer], "").status, status, "{method} {path}");
    }
}

#[test]
fn requests_are_counted_and_over_the_limit_refused() {
    let world = World::dev();
    let left = |reply: &Reply| {
        reply.header("x-rate-limit-remaining").expect("a header").parse::<u32>().expect("a number")
    };
    let first = post(&world, &[TOKEN], &json!([item()]));
    let second = post(&world, &[TOKEN], &json!([]));
    assert_eq!((left(&first), left(&second)), (99_999, 99_998));
    let reset: u64 = first.header("x-rate-limit-reset").expect("a header").parse().expect("a number");
    assert_eq!(reset, world.clock.now().0 / 1_000 / 900 * 900 + 900);
    // Another account has its own.
    let other =
        send(world.public(), "GET", "/12/accounts", &[("Authorization", "Bearer dev2-bearer-token")], "");
    assert_eq!(left(&other), 99_999);
}
