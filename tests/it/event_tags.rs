//! Event tags that advertisers manage by the API, over real sockets.

use serde_json::{Value, json};

use crate::world::{Reply, World, send};

const BEARER: (&str, &str) = ("Authorization", "Bearer dev-bearer-token");
const PATH: &str = "/12/accounts/18ce54d4x5t/web_event_tags";
const DOWNLOAD: &str =
    "name=White+paper&type=DOWNLOAD&click_window=30&view_through_window=1&retargeting_enabled=false";

fn ask(world: &World, method: &str, path: &str) -> Reply {
    send(world.public(), method, path, &[BEARER], "")
}

#[track_caller]
fn made(world: &World, query: &str) -> Value {
    let reply = ask(world, "POST", &format!("{PATH}?{query}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"].clone()
}

fn id(tag: &Value) -> &str {
    tag["id"].as_str().expect("an id")
}

fn ids(reply: &Reply) -> Vec<String> {
    let list = reply.json();
    list["data"].as_array().expect("a list").iter().map(|tag| id(tag).to_owned()).collect()
}

#[test]
fn a_tag_counts_at_once_and_after_a_restart_until_it_is_deleted() {
    let mut world = World::dev();
    let tag = made(&world, DOWNLOAD);
    let own = id(&tag).to_owned();
    assert_eq!(
        tag,
        json!({"id": own, "name": "White paper", "type": "DOWNLOAD", "click_window": 30, "view_through_window": 1,
            "retargeting_enabled": false, "categories": [], "status": "UNVERIFIED",
            "last_tracked_at": null, "website_tag_id": "o8z6j", "deleted": false, "created_at": "2026-09-04T12:00:00.000Z",
            "embed_code": format!("<script>twq(\"event\",\"tw-o8z6j-{own}\",{{}})</script>")})
    );
    let mut used = tag;
    used["status"] = "TRACKING".into();
    used["last_tracked_at"] = "2026-09-04T12:00:00.000Z".into();
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        // Every worker knows it: the connections go to either.
        for number in 0..8 {
            let target = format!("/i/adsct?txn_id=tw-o8z6j-{own}&p_id=Twitter&event_id={restart}-{number}");
            let reply = world.get(&target, &[]);
            assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
        }
        let shown = ask(&world, "GET", &format!("{PATH}/{own}"));
        assert_eq!(shown.json()["data"], used);
    }
    let rows = world.stored();
    assert_eq!(
        (rows.len(), &rows[0]["event"], &rows[0]["event_tag_id"]),
        (16, &json!("DOWNLOAD"), &json!(own))
    );
    let changed =
        ask(&world, "PUT", &format!("{PATH}/{own}?name=Paper&click_window=7&retargeting_enabled=true"));
    let changed = changed.json()["data"].clone();
    assert_eq!(
        (&changed["name"], &changed["click_window"], &changed["retargeting_enabled"]),
        (&json!("Paper"), &json!(7), &json!(true))
    );
    assert_eq!(ask(&world, "GET", &format!("{PATH}/{own}")).json()["data"], changed);
    let deleted = ask(&world, "DELETE", &format!("{PATH}/{own}"));
    assert_eq!((deleted.status, &deleted.json()["data"]["deleted"]), (200, &json!(true)));
    let before = world.log_bytes();
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        let target = format!("/i/adsct?txn_id={own}&p_id=Twitter&event_id=late-{restart}");
        assert_eq!(world.get(&target, &[]).outcome(), "invalid; reason=unknown-txn-id");
        assert!(!ids(&ask(&world, "GET", PATH)).contains(&own));
        assert!(ids(&ask(&world, "GET", &format!("{PATH}?with_deleted=true"))).contains(&own));
        for method in ["PUT", "DELETE"] {
            let again = ask(&world, method, &format!("{PATH}/{own}?name=x"));
            assert_eq!(
                (again.status, &again.json()["errors"][0]["code"]),
                (404, &json!("WEB_EVENT_TAG_NOT_FOUND"))
            );
        }
    }
    assert!(world.log_bytes() == before);
}

#[test]
fn an_accounts_tags_are_listed_in_pages_and_nobody_elses_are() {
    let world = World::dev();
    let made: Vec<_> =
        ["b", "a", "c"].map(|name| made(&world, &DOWNLOAD.replace("White+paper", name))).to_vec();
    let of_file = ["o87ne", "o87nf", "o87ng", "o87nh"];
    let all: Vec<_> = of_file.iter().copied().chain(made.iter().map(id)).map(str::to_owned).collect();
    assert_eq!(ids(&ask(&world, "GET", PATH)), all);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for page in 0..4 {
        let reply = ask(&world, "GET", &format!("{PATH}?count=2&with_total_count=true{cursor}"));
        assert_eq!(reply.json()["total_count"], 7);
        paged.extend(ids(&reply));
        let next = reply.json()["next_cursor"].clone();
        assert_eq!(next.is_null(), page == 3, "page {page}");
        cursor = format!("&cursor={}", next.as_str().unwrap_or_default());
    }
    assert_eq!(paged, all);
    let by_name = ids(&ask(&world, "GET", &format!("{PATH}?sort_by=name-desc")));
    assert_eq!(
        by_name[..3],
        [made[2].clone(), made[0].clone(), made[1].clone()].map(|tag| id(&tag).to_owned())
    );
    // The other account has a bearer token, too.
    let theirs = ("Authorization", "Bearer dev2-bearer-token");
    let own = id(&made[0]).to_owned();
    for (method, path) in [
        ("GET", PATH.to_owned()),
        ("POST", format!("{PATH}?{DOWNLOAD}")),
        ("GET", format!("/12/accounts/18ce54d4x5u/web_event_tags/{own}")),
        ("PUT", format!("/12/accounts/18ce54d4x5u/web_event_tags/{own}?name=x")),
        ("DELETE", format!("/12/accounts/18ce54d4x5u/web_event_tags/{own}")),
        ("DELETE", format!("{PATH}/{own}")),
    ] {
        let reply = send(world.public(), method, &path, &[theirs], "");
        assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text());
    }
    let theirs = send(world.public(), "GET", "/12/accounts/18ce54d4x5u/web_event_tags", &[theirs], "");
    assert_eq!(ids(&theirs), ["o9bbc"]);
    assert_eq!(ids(&ask(&world, "GET", PATH)), all);
}

#[test]
fn what_is_wrong_with_a_tag_is_told_and_nothing_changes() {
    let world = World::dev();
    let own = id(&made(&world, DOWNLOAD)).to_owned();
    let before = ask(&world, "GET", PATH).text();
    let with = |from: &str, to: &str| format!("{PATH}?{}", DOWNLOAD.replace(from, to));
    for (method, path, status, parameters) in [
        (
            "POST",
            PATH.to_owned(),
            400,
            &["name", "type", "click_window", "view_through_window", "retargeting_enabled"][..],
        ),
        ("POST", with("White+paper", "+"), 400, &["name"]),
        ("POST", with("White+paper", &"x".repeat(256)), 400, &["name"]),
        ("POST", with("DOWNLOAD", "download"), 400, &["type"]),
        ("POST", with("click_window=30", "click_window=29"), 400, &["click_window"]),
        (
            "POST",
            with("click_window=30", "click_window=1&x=")
                .replace("view_through_window=1", "view_through_window=7"),
            400,
            &["view_through_window"],
        ),
        ("POST", with("=false", "=yes"), 400, &["retargeting_enabled"]),
        ("POST", with("name=", "website_tag_id=o9bbb&name="), 400, &["website_tag_id"]),
        ("POST", with("name=", "website_tag_id=-&name="), 400, &["website_tag_id"]),
        ("PUT", format!("{PATH}/{own}?view_through_window=30&click_window=7"), 400, &["view_through_window"]),
        ("PUT", format!("{PATH}/o87ne?name=x"), 409, &[""]),
        ("DELETE", format!("{PATH}/o87ne"), 409, &[""]),
        ("DELETE", format!("{PATH}/zzzzz"), 404, &[""]),
        ("GET", format!("{PATH}/-"), 404, &[""]),
        ("GET", format!("{PATH}?count=0"), 400, &["count"]),
        (
            "GET",
            format!("{PATH}?count=1001&with_deleted=1&sort_by=x"),
            400,
            &["count", "sort_by", "with_deleted"],
        ),
        ("GET", format!("{PATH}?cursor=nothing"), 400, &["cursor"]),
    ] {
        let reply = ask(&world, method, &path);
        let body = reply.json();
        let errors = body["errors"].as_array().expect("errors").iter();
        let found: Vec<_> = errors.map(|error| error["parameter"].as_str().unwrap_or_default()).collect();
        assert_eq!((reply.status, &*found), (status, parameters), "{method} {path}: {body}");
    }
    assert_eq!(ask(&world, "GET", PATH).text(), before);
}

#[test]
fn tags_and_partners_made_at_the_same_time_and_a_reload_take_nothing_from_each_other() {
    let world = World::dev();
    let admin = [("Authorization", "Bearer dev-admin-token")];
    // First without reloads, which would find in the files what was lost in memory.
    beside_four_tags(&world, || {
        for number in 700..703 {
            let partner = json!({"name": format!("p{number}"), "unsigned": true}).to_string();
            let path = format!("/admin/partners/{number}");
            assert_eq!(send(world.admin(), "PUT", &path, &admin, &partner).status, 201);
        }
    });
    for number in 700..703 {
        let active = ("Sec-Fetch-Storage-Access", "active");
        let reply = world.get(&format!("/match/{number}?uid=x{number}"), &[active]);
        assert!(reply.outcome().starts_with("stored;"), "{number}: {}", reply.outcome());
    }
    beside_four_tags(&world, || {
        (0..3).for_each(|_| assert_eq!(world.admin_post("/-/reload", &admin).status, 200));
    });
    let tags = ids(&ask(&world, "GET", PATH));
    assert_eq!(tags.len(), 12);
    for tag in &tags[4..] {
        let reply = world.get(&format!("/i/adsct?txn_id={tag}&p_id=Twitter&event_id=of-{tag}"), &[]);
        assert!(reply.outcome().starts_with("stored;"), "{tag}: {}", reply.outcome());
    }
}

fn beside_four_tags(world: &World, other: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || made(world, &DOWNLOAD.replace("White+paper", &format!("n{number}"))));
        }
        scope.spawn(other);
    });
}

#[test]
fn a_broken_file_of_tags_is_told_and_the_server_does_not_start() {
    let mut world = World::dev();
    let own = id(&made(&world, DOWNLOAD)).to_owned();
    let path = world.data_dir().join("event_tags.json");
    let good = read(&path);
    for bad in ["", "[", "{}", &good.replace("DOWNLOAD", "NOTHING"), &good.replace(&own, "o87ne")] {
        world.stop();
        write(&path, bad);
        let refusal = world.start_refusal(|_| {});
        assert!(refusal.contains("event_tags.json"), "{refusal}");
    }
    write(&path, &good);
    world.restart();
    assert!(ids(&ask(&world, "GET", PATH)).contains(&own));
}

#[expect(clippy::disallowed_methods, reason = "the test looks at the file itself")]
fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).expect("the file can be read")
}

#[expect(clippy::disallowed_methods, reason = "the test breaks the file by hand")]
fn write(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).expect("the file can be written");
}
