//! Campaigns and links that are registered while the server runs, over real sockets.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::kept_file::{text, write};
use crate::unnaming_disk::UnnamingDisk;
use crate::world::{Reply, World, send};

const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");
const BEARER: (&str, &str) = ("Authorization", "Bearer dev-bearer-token");
/// More requests to the admin listener would be too many attempts to authenticate at once.
const REQUESTS_MAX: usize = 8;
const SHOP: &str = "18ce54d4x5t";
const NEWS: &str = "18ce54d4x5u";

fn ask(world: &World, method: &str, path: &str, body: &str) -> Reply {
    send(world.admin(), method, &format!("/admin/{path}"), &[TOKEN], body)
}

#[track_caller]
fn put(world: &World, path: &str, body: &Value, status: u16) -> Value {
    let reply = ask(world, "PUT", path, &body.to_string());
    assert_eq!(reply.status, status, "{}", reply.text());
    reply.json()
}

fn autumn() -> Value {
    json!({"account_id": SHOP, "name": "Autumn sale",
           "line_items": [{"id": "6zva8", "name": "Readers"}, {"id": "6zva9", "name": "Listeners"}]})
}

fn link(line_item: &str) -> Value {
    let page = format!("https://shop.example/autumn?ad={line_item}");
    json!({"account_id": SHOP, "landing_page": page, "line_item_id": line_item})
}

fn kept(world: &World) -> PathBuf {
    world.data_dir().join("ads.toml")
}

fn names(world: &World) -> Vec<String> {
    let of = |kind: &str, key: &str| {
        let list = ask(world, "GET", kind, "").json();
        let list = list[kind].as_array().expect("a list").clone();
        list.iter().map(|one| format!("{} {}", one[key], one["source"]).replace('"', "")).collect::<Vec<_>>()
    };
    [of("campaigns", "id"), of("links", "name")].concat()
}

/// Clicks on the ad and buys. The click id, and what the purchase is credited to.
#[track_caller]
fn buy(world: &World, link: &str, page: &str) -> (String, Value) {
    let click = world.get(&format!("/c/{link}"), &[]);
    let location = click.header("Location").expect("a location");
    let (before, click_id) = location.split_once("&twclid=").expect("a click id");
    assert_eq!((click.status, before), (302, page));
    (click_id.to_owned(), bought(world, click_id))
}

fn bought(world: &World, click_id: &str) -> Value {
    let purchase = world.get(&format!("/i/adsct?txn_id=o87ne&twclid={click_id}"), &[]);
    assert!(purchase.outcome().starts_with("stored;"), "{}", purchase.outcome());
    world.stored().pop().expect("a row")["credit"].clone()
}

#[test]
fn a_link_leads_on_at_once_and_after_a_restart_and_its_line_item_gets_the_credit_until_it_is_deleted() {
    let mut world = World::dev();
    assert_eq!(world.get("/c/autumn", &[]).status, 404);
    let campaign = put(&world, "campaigns/8wku9", &autumn(), 201);
    let mut expect = autumn();
    (expect["id"], expect["source"]) = (json!("8wku9"), json!("api"));
    assert_eq!(campaign, expect);
    let shown = put(&world, "links/autumn", &link("6zva8"), 201);
    let mut expect = link("6zva8");
    for (key, value) in [("name", "autumn"), ("campaign_id", "8wku9"), ("source", "api")] {
        expect[key] = json!(value);
    }
    assert_eq!(shown, expect);
    let credit = |line_item: &str| ["autumn", "8wku9", line_item].map(|text| json!(text));
    let credited = |credit: &Value| ["link", "campaign_id", "line_item_id"].map(|key| credit[key].clone());
    let mut first = String::new();
    for round in ["at once", "reloaded", "restarted"] {
        match round {
            "reloaded" => assert_eq!(world.admin_post("/-/reload", &[TOKEN]).status, 200),
            "restarted" => world.restart(),
            _ => {}
        }
        // Every worker knows it: the connections go to either.
        for _ in 0..4 {
            let (click_id, bought) = buy(&world, "autumn", "https://shop.example/autumn?ad=6zva8");
            assert_eq!(credited(&bought), credit("6zva8"), "{round}");
            first = click_id;
        }
        assert!(world.get("/v/autumn.gif", &[]).outcome().starts_with("stored;"), "{round}");
        let view = world.stored().pop().expect("a row");
        assert_eq!((&view["touch"], credited(&view)), (&json!("view"), credit("6zva8")), "{round}");
        assert_eq!(ask(&world, "GET", "links/autumn", "").json(), shown);
    }
    put(&world, "links/autumn", &link("6zva9"), 200);
    let (_, second) = buy(&world, "autumn", "https://shop.example/autumn?ad=6zva9");
    assert_eq!(credited(&second), credit("6zva9"));
    assert_eq!(credited(&bought(&world, &first)), credit("6zva8"), "whoever clicked before did not see that");
    let gone = ask(&world, "DELETE", "links/autumn", "");
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    for _ in 0..2 {
        let before = world.log_bytes();
        let click = world.get("/c/autumn", &[]);
        assert_eq!((click.status, click.header("Location")), (404, None));
        assert_eq!(world.get("/v/autumn.gif", &[]).outcome(), "invalid; reason=unknown-link");
        assert!(world.log_bytes() == before);
        assert_eq!(ask(&world, "DELETE", "links/autumn", "").status, 404);
        assert_eq!(ask(&world, "GET", "links/autumn", "").status, 404);
        assert_eq!(names(&world), ["8wku2 file", "8wku9 api", "spring file"]);
        world.restart();
    }
    assert_eq!(credited(&bought(&world, &first)), credit("6zva8"), "the touch stays");
}

/// A world in which whatever is asked is refused, and nothing changes.
struct Refusing {
    world: World,
    before: Option<String>,
    asked: usize,
}

impl Refusing {
    fn new() -> Self {
        let world = World::dev();
        put(&world, "campaigns/8wku9", &autumn(), 201);
        put(&world, "links/autumn", &link("6zva8"), 201);
        let before = text(&kept(&world));
        Self { world, before, asked: 2 }
    }

    #[track_caller]
    fn check(&mut self, request: &str, body: &str, status: u16, expect: &str) {
        self.asked += 1;
        if self.asked.is_multiple_of(REQUESTS_MAX) {
            self.world.restart();
        }
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let reply = ask(&self.world, method, path, body);
        let told = reply.json();
        let errors = told["errors"].as_array().expect("errors");
        assert_eq!((reply.status, errors.len()), (status, 1), "{errors:?}");
        let error = errors[0].as_str().expect("a text");
        assert!(error.starts_with(expect), "{error}");
        assert_eq!(text(&kept(&self.world)), self.before);
    }

    /// Also no body over the limit, and no other method.
    #[track_caller]
    fn end(mut self, path: &str, bytes_max: usize) {
        self.world.restart();
        let padded = |bytes: usize| format!("{{\"name\":\"{}\"}}", "a".repeat(bytes - 11));
        assert_eq!(ask(&self.world, "PUT", path, &padded(bytes_max)).status, 400);
        assert_eq!(ask(&self.world, "PUT", path, &padded(bytes_max + 1)).status, 413);
        assert_eq!(ask(&self.world, "POST", path, "").status, 405);
        assert_eq!(text(&kept(&self.world)), self.before);
        assert_eq!(names(&self.world), ["8wku2 file", "8wku9 api", "spring file", "autumn api"]);
    }
}

fn with(mut body: Value, key: &str, value: Value) -> String {
    body[key] = value;
    body.to_string()
}

#[test]
fn links_are_put_as_a_whole_or_not_at_all() {
    let mut refusing = Refusing::new();
    let good = link("6zva8").to_string();
    let mut check = |key, value: Value, expect: &str| {
        refusing.check("PUT links/winter", &with(link("6zva8"), key, value), 400, expect);
    };
    check(
        "line_item_id",
        json!("6zva7"),
        "line_item_id: no campaign of account 18ce54d4x5t has the line item",
    );
    check("line_item_id", json!("-"), "line_item_id: \"-\" does not fit");
    // The other account has no such line item.
    check("account_id", json!(NEWS), "line_item_id: no campaign of account 18ce54d4x5u has the line item");
    check("account_id", json!("zz9"), "account_id: there is no account zz9");
    check("landing_page", json!("http://shop.example/"), "landing_page: this is no landing page");
    check("landing_page", json!("https://a.example/{gpp}"), "landing_page: this is no landing page");
    check("name", json!("autumn"), "name: it is not the one in the path");
    check("campaign_id", json!("8wku9"), "campaign_id: unknown key");
    let at = "the path: expected /admin/links/ and 1 to 64 characters";
    refusing.check("PUT links/Winter", &good, 400, at);
    refusing.check("PUT links/", &good, 400, at);
    refusing.check("PUT links/winter", "[]", 400, "line 1, column 0: expected a JSON object with");
    refusing.check("PUT links/spring", &good, 409, "link \"spring\" is in the configuration file; change it");
    refusing.check("DELETE links/spring", "", 409, "link \"spring\" is in the configuration file; change it");
    refusing.check("DELETE links/winter", "", 404, "there is no such link");
    refusing.check("GET links/winter", "", 404, "there is no such link");
    refusing.end("links/winter", 16 << 10);
}

#[test]
fn campaigns_are_put_as_a_whole_or_not_at_all() {
    let mut refusing = Refusing::new();
    let good = autumn().to_string();
    let mut check = |key, value: Value, expect: &str| {
        refusing.check("PUT campaigns/8wku8", &with(autumn(), key, value), 400, expect);
    };
    check("account_id", json!("zz9"), "account_id: there is no account zz9");
    check("name", json!(" "), "name: ");
    check("line_items", json!([{"id": "a"}]), "line_items[1].name: missing");
    check(
        "line_items",
        json!([{"id": "a", "name": "a"}, {"id": "A", "name": "a"}]),
        "line_items[2].id: doubled",
    );
    let at = "the path: expected /admin/campaigns/ and 1 to 12 characters";
    refusing.check("PUT campaigns/8WKU8", &good, 400, at);
    let both = "campaigns 8wku9 and 8wku8 both have a line item 6zva8";
    refusing.check("PUT campaigns/8wku8", &good, 409, both);
    let of_file = "campaign 8wku2 is in the configuration file; change it there";
    refusing.check("PUT campaigns/8wku2", &good, 409, of_file);
    refusing.check("DELETE campaigns/8wku2", "", 409, of_file);
    refusing.check("DELETE campaigns/8wku8", "", 404, "there is no such campaign");
    refusing.check("GET campaigns/8wku8", "", 404, "there is no such campaign");
    refusing.end("campaigns/8wku8", 64 << 10);
}

#[test]
fn a_campaign_stays_as_long_as_a_link_needs_it() {
    let mut world = World::dev();
    put(&world, "campaigns/8wku9", &autumn(), 201);
    put(&world, "links/autumn", &link("6zva8"), 201);
    let before = text(&kept(&world));
    let told = "campaign 8wku9 is in use: link \"autumn\" leads to its line item 6zva8; delete that link";
    let mut without = autumn();
    without["line_items"] = json!([{"id": "6zva9", "name": "Listeners"}]);
    let mut elsewhere = autumn();
    elsewhere["account_id"] = json!(NEWS);
    for (method, body) in [("DELETE", ""), ("PUT", &*without.to_string()), ("PUT", &*elsewhere.to_string())] {
        let reply = ask(&world, method, "campaigns/8wku9", body);
        let error = reply.json()["errors"][0].as_str().expect("a text").to_owned();
        assert!(reply.status == 409 && error.starts_with(told), "{method} {body}: {error}");
        assert_eq!(text(&kept(&world)), before);
        buy(&world, "autumn", "https://shop.example/autumn?ad=6zva8");
    }
    world.restart();
    // A line item of the file will do, too.
    put(&world, "links/autumn", &link("6zva5"), 200);
    assert_eq!(put(&world, "campaigns/8wku9", &without, 200)["line_items"], without["line_items"]);
    assert_eq!(ask(&world, "DELETE", "campaigns/8wku9", "").status, 204);
    let (_, credit) = buy(&world, "autumn", "https://shop.example/autumn?ad=6zva5");
    assert_eq!(credit["campaign_id"], "8wku2");
}

#[test]
fn who_is_not_authenticated_sees_and_changes_no_link() {
    let mut world = World::dev();
    for headers in [&[][..], &[("Authorization", "Bearer dev")]] {
        for path in ["campaigns", "links"] {
            for (method, id) in [("GET", ""), ("GET", "/a"), ("PUT", "/a"), ("DELETE", "/a")] {
                let target = format!("/admin/{path}{id}");
                assert_eq!(
                    send(world.admin(), method, &target, headers, "").status,
                    401,
                    "{method} {target}"
                );
                assert_eq!(
                    send(world.public(), method, &target, &[TOKEN], "").status,
                    404,
                    "{method} {target}"
                );
            }
        }
        world.restart();
    }
    assert_eq!(text(&kept(&world)), None);
}

#[test]
fn a_broken_file_of_links_is_told_and_costs_none() {
    let mut world = World::dev();
    put(&world, "campaigns/8wku9", &autumn(), 201);
    put(&world, "links/autumn", &link("6zva8"), 201);
    let good = text(&kept(&world)).expect("the file");
    let other = |from: &str, to: &str| {
        let at = good.find("[[links]]").expect("a link");
        format!("{good}\n{}", good[at..].replace(from, to))
    };
    for (broken, expect) in [
        (format!("{good}[[links]]\n"), "links[2].account_id: missing"),
        (format!("{good}[[links]\n"), "not TOML"),
        (good.replace("landing_page", "landingpage"), "unknown key; did you mean \"landing_page\"?"),
        (other("autumn", "autumn"), "doubled link name"),
        (
            other("\"autumn\"", "\"spring\""),
            "link \"spring\" of ads.toml has the name of one in the configuration file",
        ),
        (good.replace("\"8wku9\"", "\"8wku2\""), "there are two campaigns with the id 8wku2"),
        (good.replace("\"6zva9\"", "\"6zva5\""), "campaigns 8wku2 and 8wku9 both have a line item 6zva5"),
        (
            good.replace("\"6zva8\", \"name\"", "\"6zva7\", \"name\""),
            "link \"autumn\" of ads.toml leads to line item 6zva8, which no campaign of account 18ce54d4x5t has",
        ),
    ] {
        assert_ne!(broken, good);
        write(&kept(&world), &broken);
        let reply = world.admin_post("/-/reload", &[TOKEN]);
        assert_eq!(reply.status, 422, "{broken}");
        let told = reply.text();
        assert!(told.contains(expect) && told.contains("stay as they were"), "{told}");
        buy(&world, "autumn", "https://shop.example/autumn?ad=6zva8");
        let reply = ask(&world, "PUT", "links/more", &link("6zva5").to_string());
        assert!(matches!(reply.status, 503 | 409), "{}", reply.text());
        assert!(reply.text().contains(&expect.replace('"', "\\\"")), "{}", reply.text());
        assert_eq!(text(&kept(&world)).as_ref(), Some(&broken), "nobody writes over it");
        assert!(world.start_refusal(|_| {}).contains(expect));
        write(&kept(&world), &good);
        world.restart();
    }
    // What the configuration file says comes to the same.
    let refusal = world.start_refusal(|config| {
        let twin = config.accounts[0].campaigns[0].clone();
        config.accounts[1].campaigns.push(pixelgate::config::Campaign { id: id("8wku9"), ..twin });
    });
    assert!(refusal.contains("there are two campaigns with the id 8wku9"), "{refusal}");
    world.restart();
    // Of an account that is not there any more: kept, and without effect.
    write(&kept(&world), &good.replace(SHOP, "zz9"));
    world.restart();
    assert_eq!(world.get("/c/autumn", &[]).status, 404);
    assert_eq!(names(&world), ["8wku2 file", "8wku9 api", "spring file", "autumn api"]);
    put(&world, "links/more", &link("6zva5"), 201);
    assert!(text(&kept(&world)).is_some_and(|text| text.contains("zz9") && text.contains("more")));
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("an id")
}

#[test]
fn what_ends_between_writing_and_renaming_leaves_the_old_links() {
    let disk = Arc::new(UnnamingDisk::default());
    let mut world = World::on(disk.clone(), |_| {});
    put(&world, "links/autumn", &link("6zva5"), 201);
    let before = text(&kept(&world));
    disk.refuse(true);
    for _ in 0..2 {
        put(&world, "links/more", &link("6zva5"), 503);
        put(&world, "campaigns/8wku9", &autumn(), 503);
        assert_eq!(ask(&world, "DELETE", "links/autumn", "").status, 503);
        assert!(world.data_dir().join("ads.toml.new").exists());
        assert_eq!(text(&kept(&world)), before);
        buy(&world, "autumn", "https://shop.example/autumn?ad=6zva5");
        assert_eq!(world.get("/c/more", &[]).status, 404);
        world.restart();
    }
    disk.refuse(false);
    put(&world, "links/more", &link("6zva5"), 201);
    world.restart();
    assert_eq!(names(&world)[2..], ["autumn api", "more api"]);
}

#[test]
fn links_tags_and_partners_made_at_the_same_time_and_a_reload_take_nothing_from_each_other() {
    let mut world = World::dev();
    // First without a reload, which would find in the files what was lost in memory.
    for round in 0..2 {
        let made = std::thread::scope(|scope| {
            for number in 0..3 {
                let world = &world;
                scope.spawn(move || put(world, &format!("links/a{round}-{number}"), &link("6zva5"), 201));
            }
            for number in 0..3 {
                let partner = json!({"name": format!("p{round}-{number}"), "unsigned": true});
                let world = &world;
                let path = format!("partners/{}", 900 + 10 * round + number);
                scope.spawn(move || put(world, &path, &partner, 201));
            }
            let tags: Vec<_> = (0..3).map(|_| scope.spawn(|| make_tag(&world))).collect();
            if round == 1 {
                scope.spawn(|| assert_eq!(world.admin_post("/-/reload", &[TOKEN]).status, 200));
            }
            tags.into_iter().map(|tag| tag.join().expect("a tag")).collect::<Vec<_>>()
        });
        for (number, tag) in made.iter().enumerate() {
            buy(&world, &format!("a{round}-{number}"), "https://shop.example/autumn?ad=6zva5");
            let hit = world.get(&format!("/i/adsct?txn_id={tag}&event_id=of-{tag}"), &[]);
            assert!(hit.outcome().starts_with("stored;"), "{tag}: {}", hit.outcome());
            let active = ("Sec-Fetch-Storage-Access", "active");
            let matched = world.get(&format!("/match/p{round}-{number}?uid=abc"), &[active]);
            assert!(matched.outcome().starts_with("stored;"), "{}", matched.outcome());
        }
        world.restart();
    }
    assert_eq!(names(&world).len(), 2 + 6);
}

fn make_tag(world: &World) -> String {
    let query = "name=x&type=DOWNLOAD&click_window=30&view_through_window=1&retargeting_enabled=false";
    let path = format!("/12/accounts/{SHOP}/web_event_tags?{query}");
    let reply = send(world.public(), "POST", &path, &[BEARER], "");
    reply.json()["data"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn so_many_campaigns_and_links_are_registered_and_no_more() {
    let (campaigns_max, links_max) = (1_000, 10_000);
    let mut world = World::dev();
    let campaigns: String = (1..campaigns_max)
        .map(|number| format!("[[campaigns]]\naccount_id = \"{SHOP}\"\nid = \"c{number}\"\nname = \"a\"\n"))
        .collect();
    let links: String = (1..links_max)
        .map(|number| {
            let page = "landing_page = \"https://shop.example/\"\nline_item_id = \"6zva5\"";
            format!("[[links]]\naccount_id = \"{SHOP}\"\nname = \"a{number}\"\n{page}\n")
        })
        .collect();
    world.stop();
    write(&kept(&world), &format!("{campaigns}{links}"));
    world.restart();
    for (path, body, told) in [
        (
            "campaigns/9wku",
            json!({"account_id": SHOP, "name": "a"}),
            "there are 1000 registered campaigns already",
        ),
        ("links/more", link("6zva5"), "there are 10000 registered links already"),
    ] {
        put(&world, &format!("{path}1"), &body, 201);
        let refused = put(&world, &format!("{path}2"), &body, 409);
        assert!(refused["errors"][0].as_str().expect("a text").starts_with(told), "{refused}");
        put(&world, &format!("{path}1"), &body, 200);
    }
    assert_eq!(world.get("/c/more1", &[]).status, 302);
    assert_eq!(world.get("/c/more2", &[]).status, 404);
}
