//! The statistics of campaigns and line items over real sockets, beside the rows that they are made of.

use std::collections::BTreeMap;
use std::time::Duration;

use pixelgate::config::Link;
use pixelgate::domain::id::LineItemId;
use pixelgate::domain::link::LinkName;
use serde_json::{Value, json};

use crate::storage::support::Seeded;
use crate::world::{Reply, World, send};

const BEARER: (&str, &str) = ("Authorization", "Bearer dev-bearer-token");
const PATH: &str = "/12/stats/accounts/18ce54d4x5t";
const HOUR: Duration = Duration::from_secs(3_600);

/// Two line items of one campaign, each with a link.
fn world() -> World {
    World::with(|config| {
        config.erase_within = Duration::from_secs(1 << 40);
        let account = &mut config.accounts[0];
        let mut item = account.campaigns[0].line_items[0].clone();
        item.id = LineItemId::from_number(item.id.number() + 1);
        let first: &Link = &account.links[0];
        let name = LinkName::parse("autumn").expect("a name");
        let second = Link { name, line_item_id: item.id, ..first.clone() };
        account.campaigns[0].line_items.push(item);
        account.links.push(second);
    })
}

fn ask(world: &World, query: &str) -> Reply {
    send(world.public(), "GET", &format!("{PATH}?{query}"), &[BEARER], "")
}

/// Everything of the five days that the tests take.
fn query(entity: &str, ids: &str, granularity: &str) -> String {
    let end = if granularity == "DAY" { "2026-09-09" } else { "2026-09-09T00:00:00Z" };
    format!(
        "entity={entity}&entity_ids={ids}&start_time=2026-09-04T00:00:00Z&end_time={end}\
         &granularity={granularity}&placement=ALL_ON_TWITTER&metric_groups=WEB_CONVERSION"
    )
}

/// People click on ads, see them, buy by the pixel and by the advertiser's servers, and go on without an ad.
fn live(world: &World) {
    let seeded = Seeded::new(7);
    let mut browsers: Vec<String> = Vec::new();
    for step in 0..160 {
        if browsers.len() < 8 {
            browsers.extend(world.get("/i/adsct?txn_id=o9bbb", &[]).cookie("__Host-Http-pg"));
        }
        let cookie = [("Cookie", &*browsers[seeded.below(browsers.len() as u64) as usize])];
        let link = ["spring", "autumn"][seeded.below(2) as usize];
        match seeded.below(8) {
            0 => drop(world.get(&format!("/c/{link}"), &cookie)),
            1 | 2 => drop(world.get(&format!("/v/{link}.gif"), &cookie)),
            3 => {
                let click = world.get(&format!("/c/{link}"), &[]);
                let location = click.header("Location").expect("a location").to_owned();
                let click_id = location.split("twclid=").nth(1).expect("a click id");
                let item = json!({"conversion_timestamp": 1_788_523_200_000_u64 + step * 1_000, "event_id": "o87ne",
                    "identifiers": [{"twclid": click_id}], "value": "7.25", "number_items": 2});
                let body = json!({"conversions": [item]}).to_string();
                let path = "/12/measurement/conversions/o8z6j";
                let headers = [BEARER, ("Content-Type", "application/json")];
                assert_eq!(send(world.public(), "POST", path, &headers, &body).status, 200);
            }
            kind => {
                let (event, txn) =
                    [("purchase", "o87ne"), ("completeregistration", "o87nf"), ("pageview", "o87ng")]
                        [seeded.below(3) as usize];
                let value = if kind == 4 { "" } else { "&tw_sale_amount=12.50&tw_order_quantity=3" };
                let currency = if kind == 5 { "%22currency%22%3A%22EUR%22" } else { "" };
                let target = format!(
                    "/i/adsct?txn_id={txn}&event_id={step}&events=%5B%5B%22{event}%22%2C%7B{currency}%7D%5D%5D{value}"
                );
                assert!(world.get(&target, &cookie).outcome().starts_with("stored"), "{target}");
            }
        }
        world.clock.advance(HOUR * seeded.below(2) as u32 + HOUR / 10);
    }
}

/// What stored rows say was credited, by line item, metric, day and kind: conversions, pieces, and micros of dollars.
type Credits = BTreeMap<(String, &'static str, String, String), [i64; 3]>;

fn credits(rows: &[Value]) -> Credits {
    let mut credits = Credits::new();
    for row in rows.iter().filter(|row| row["credit"]["kind"].is_string()) {
        let metric = match row["event"].as_str() {
            Some("PURCHASE") => "conversion_purchases",
            Some("SIGN_UP") => "conversion_sign_ups",
            _ => "conversion_site_visits",
        };
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let day = text(&row["at"])[..10].to_owned();
        let key = (text(&row["credit"]["line_item_id"]), metric, day, text(&row["credit"]["kind"]));
        let sums = credits.entry(key).or_default();
        sums[0] += 1;
        sums[1] += row["quantity"].as_i64().unwrap_or(0) * 1_000_000;
        sums[2] += row["value_micros"].as_i64().filter(|_| row["currency"] == "USD").unwrap_or(0);
    }
    credits
}

fn numbers(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .map(|list| list.iter().map(|number| number.as_i64().expect("a number")).collect())
        .unwrap_or_default()
}

fn sum(value: &Value) -> i64 {
    numbers(value).iter().sum()
}

/// By the id of an entity its metrics, which add up.
#[track_caller]
fn told(world: &World, entity: &str, ids: &str, granularity: &str) -> BTreeMap<String, Value> {
    let reply = ask(world, &query(entity, ids, granularity));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.header("x-rate-limit-remaining").is_some());
    let body = reply.json();
    let length = body["time_series_length"].as_u64().expect("a length") as usize;
    let data = body["data"].as_array().expect("entities").iter();
    let entities: BTreeMap<_, _> = data
        .map(|one| (one["id"].as_str().expect("an id").to_owned(), one["id_data"][0]["metrics"].clone()))
        .collect();
    for metrics in entities.values() {
        for (name, metric) in
            metrics.as_object().expect("metrics").iter().filter(|(_, metric)| !metric.is_null())
        {
            for [all, view, engagement] in [
                ["metric", "post_view", "post_engagement"],
                ["order_quantity", "order_quantity_view", "order_quantity_engagement"],
                ["sale_amount", "sale_amount_view", "sale_amount_engagement"],
            ] {
                let parts = numbers(&metric[view]).into_iter().zip(numbers(&metric[engagement]));
                let parts: Vec<_> = parts.map(|(view, engagement)| view + engagement).collect();
                assert_eq!(numbers(&metric[all]), parts, "{name}: {all}");
                assert!(metric[all].is_null() || parts.len() == length, "{name}: {all}");
            }
            assert_eq!(metric["assisted"], Value::Null);
        }
    }
    entities
}

const NAMES: [&str; 3] = ["conversion_purchases", "conversion_sign_ups", "conversion_site_visits"];

#[test]
fn statistics_are_the_sums_of_the_stored_credits_at_every_granularity_restarts_included() {
    let mut world = world();
    live(&world);
    let expect = credits(&world.stored());
    assert!(expect.len() > 15, "{expect:?}");
    let items = ["6zva5", "6zva6"];
    for _ in 0..2 {
        let days = told(&world, "LINE_ITEM", &items.join(","), "DAY");
        for (item, metric, kind) in items.iter().flat_map(|item| {
            NAMES.iter().flat_map(move |name| ["post_view", "post_engagement"].map(|kind| (item, name, kind)))
        }) {
            let (suffix, found) = (kind.trim_start_matches("post"), &days[*item][*metric]);
            let each: Vec<_> = (4..9)
                .map(|day| {
                    let key = ((*item).to_owned(), *metric, format!("2026-09-{day:02}"), kind.to_owned());
                    expect.get(&key).copied().unwrap_or_default()
                })
                .collect();
            for (at, name) in
                [kind.to_owned(), format!("order_quantity{suffix}"), format!("sale_amount{suffix}")]
                    .iter()
                    .enumerate()
            {
                let wanted: Vec<_> = each.iter().map(|sums| sums[at]).collect();
                let told = numbers(&found[name]);
                assert!(
                    told == wanted || (told.is_empty() && wanted.iter().all(|sum| *sum == 0)),
                    "{item} {metric} {name}"
                );
            }
        }
        // Hours and totals add up to the same, and so do the line items of a campaign.
        let hours = told(&world, "LINE_ITEM", &items.join(","), "HOUR");
        let totals = told(&world, "LINE_ITEM", &items.join(","), "TOTAL");
        let campaign = &told(&world, "CAMPAIGN", "8wku2", "TOTAL")["8wku2"];
        for name in NAMES {
            for part in ["metric", "post_view", "order_quantity_engagement", "sale_amount"] {
                let of = |told: &BTreeMap<String, Value>| items.map(|item| sum(&told[item][name][part]));
                assert_eq!((of(&hours), of(&totals)), (of(&days), of(&days)), "{name} {part}");
                assert_eq!(sum(&campaign[name][part]), of(&days).iter().sum::<i64>(), "{name} {part}");
            }
        }
        assert_eq!(days["6zva5"]["conversion_downloads"], Value::Null);
        world.restart();
    }
}

#[test]
fn whoever_is_erased_leaves_no_credit_behind() {
    let world = world();
    let visitor = world.get("/i/adsct?txn_id=o9bbb", &[]).cookie("__Host-Http-pg").expect("an id");
    let buyer = world.get("/i/adsct?txn_id=o9bbb", &[]).cookie("__Host-Http-pg").expect("an id");
    for cookie in [&visitor, &buyer] {
        assert_eq!(world.get("/c/spring", &[("Cookie", cookie)]).status, 302);
        assert!(world.get("/i/adsct?txn_id=o87ne", &[("Cookie", cookie)]).outcome().starts_with("stored"));
    }
    let total =
        || sum(&told(&world, "LINE_ITEM", "6zva5", "TOTAL")["6zva5"]["conversion_purchases"]["metric"]);
    assert_eq!(total(), 2);
    let gone = world.stored().into_iter().find(|row| row["kind"] == "conversion").expect("a purchase");
    let body = json!({"subjects": [{"browser_id": gone["browser_id"]}]}).to_string();
    let token = ("Authorization", "Bearer dev-admin-token");
    assert_eq!(send(world.admin(), "POST", "/admin/erasures", &[token], &body).status, 202);
    assert_eq!(total(), 1, "although its rows are still in the file");
    assert_eq!(world.stored().iter().filter(|row| row["credit"]["kind"].is_string()).count(), 1);
}

#[test]
fn an_account_sees_its_own_and_values_in_its_own_currency() {
    let world = World::with(|config| {
        config.accounts[0].currency = pixelgate::domain::money::Currency::parse("EUR").expect("a code");
    });
    let click = world.get("/c/spring", &[]);
    let click_id =
        click.header("Location").expect("a location").split("twclid=").nth(1).expect("an id").to_owned();
    for (number, currency) in ["EUR", "USD"].iter().enumerate() {
        let parameters = format!("%7B%22currency%22%3A%22{currency}%22%7D");
        let target = format!(
            "/i/adsct?txn_id=o87ne&event_id={number}&tw_sale_amount=12.50&twclid={click_id}&events=%5B%5B%22purchase%22%2C{parameters}%5D%5D"
        );
        assert!(world.get(&target, &[]).outcome().starts_with("stored"));
    }
    let own = &told(&world, "CAMPAIGN", "8wku2,8WKU2", "TOTAL")["8wku2"]["conversion_purchases"];
    assert_eq!((&own["metric"], &own["sale_amount"]), (&json!([2]), &json!([12_500_000])));
    let other = ("Authorization", "Bearer dev2-bearer-token");
    let target = format!("{PATH}?{}", query("CAMPAIGN", "8wku2", "TOTAL"));
    assert_eq!(send(world.public(), "GET", &target, &[other], "").status, 404);
    let target = target.replace("18ce54d4x5t", "18ce54d4x5u");
    let foreign = send(world.public(), "GET", &target, &[other], "").json();
    let metrics = foreign["data"][0]["id_data"][0]["metrics"].as_object().expect("metrics").clone();
    assert!(metrics.len() == 14 && metrics.values().all(Value::is_null), "{foreign}");
    assert_eq!(send(world.public(), "GET", &target, &[], "").status, 401);
}

#[test]
fn a_question_with_mistakes_is_told_all_of_them() {
    let world = World::dev();
    let good = query("LINE_ITEM", "6zva5", "HOUR");
    assert_eq!(ask(&world, &good).status, 200);
    let cases: [(&str, &str, &[&str]); 11] = [
        ("entity=LINE_ITEM", "entity=ACCOUNT", &["entity is not CAMPAIGN or LINE_ITEM"]),
        ("6zva5", "6zva5,no%20id", &["entity_ids (no id) is not an id"]),
        ("6zva5", &["6zva5"; 21].join(","), &["entity_ids has more than 20 ids"]),
        (
            "2026-09-04T00:00:00Z",
            "2026-09-04T00:30:00Z",
            &["start_time is not a whole hour such as 2026-11-22T07:00:00Z, or a day such as 2026-11-22"],
        ),
        ("2026-09-09T00:00:00Z", "2026-09-04", &["end_time is not after start_time"]),
        ("2026-09-09T00:00:00Z", "2026-09-11T01:00:00Z", &["end_time is more than 7 days after start_time"]),
        (
            "09T00:00:00Z&granularity=HOUR",
            "09T01:00:00Z&granularity=DAY",
            &["start_time and end_time are not both midnight, UTC, as granularity DAY asks for"],
        ),
        ("HOUR", "WEEK", &["granularity is not HOUR or DAY or TOTAL"]),
        ("ALL_ON_TWITTER", "SPOTLIGHT", &["placement is not ALL_ON_TWITTER"]),
        ("WEB_CONVERSION", "BILLING", &["metric_groups is not WEB_CONVERSION"]),
        (
            &good,
            "entity=CAMPAIGN&granularity=DAY&placement=",
            &[
                "placement must be provided",
                "metric_groups must be provided",
                "entity_ids must be provided",
                "start_time must be provided",
                "end_time must be provided",
            ],
        ),
    ];
    for (from, to, messages) in cases {
        let reply = ask(&world, &good.replace(from, to));
        let body = reply.json();
        let told: Vec<_> =
            body["errors"].as_array().expect("errors").iter().map(|error| &error["message"]).collect();
        assert_eq!(
            (reply.status, told),
            (400, messages.iter().map(|text| json!(text)).collect::<Vec<_>>().iter().collect()),
            "{to}"
        );
    }
    let longest = good.replace("HOUR", "TOTAL").replace("2026-09-09T00:00:00Z", "2026-12-03");
    assert_eq!(ask(&world, &longest).status, 200);
    assert_eq!(ask(&world, &longest.replace("2026-12-03", "2026-12-03T01:00:00Z")).status, 400);
}
