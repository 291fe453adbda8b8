//! Partners that are registered while the server runs, over real sockets.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use pixelgate::config::PartnerLimit;
use serde_json::{Value, json};

use crate::gated_disk::GatedDisk;
use crate::kept_file::{text, write};
use crate::unnaming_disk::UnnamingDisk;
use crate::world::{Reply, World, send};

const ID: &str = "__Host-Http-pg";
const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");
/// More requests to the admin listener would be too many attempts to authenticate at once.
const REQUESTS_MAX: usize = 8;
/// What a browser says whose third-party cookies work.
const ACTIVE: (&str, &str) = ("Sec-Fetch-Storage-Access", "active");
const SECRET: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

fn ask(world: &World, method: &str, path: &str, body: &str) -> Reply {
    send(world.admin(), method, &format!("/admin/partners{path}"), &[TOKEN], body)
}

fn put(world: &World, id: u32, partner: &Value) -> Reply {
    ask(world, "PUT", &format!("/{id}"), &partner.to_string())
}

fn adhub() -> Value {
    json!({"name": "adhub", "vendor_id": 755, "unsigned": true, "secret": SECRET, "id_pattern": "[a-z]+", "rematch": "36h",
        "image": "https://match.adhub.example/px?id={browser_id}&back={state}",
        "callbacks": [{"name": "ok", "url": "https://match.adhub.example/done?id={browser_id}"}]})
}

fn kept(world: &World) -> PathBuf {
    world.data_dir().join("partners.toml")
}

fn matches(world: &World) -> Vec<Value> {
    world.stored().into_iter().filter(|row| row["kind"] == "match").collect()
}

fn names(world: &World) -> Vec<String> {
    let list = ask(world, "GET", "", "").json();
    let partners = list["partners"].as_array().expect("a list").iter();
    partners.map(|partner| format!("{} {}", partner["name"], partner["source"]).replace('"', "")).collect()
}

#[test]
fn a_partner_put_by_the_api_is_matched_with_at_once_and_after_a_restart() {
    let mut world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie");
    let browser = [("Cookie", &*id), ACTIVE];
    assert_eq!(world.get("/match/adhub?uid=abc", &browser).outcome(), "invalid; reason=unknown-partner");
    let reply = put(&world, 700, &adhub());
    assert_eq!(reply.status, 201, "{}", reply.text());
    for (round, uid) in ["abc", "abd"].into_iter().enumerate() {
        // Every worker knows it: the connections go to either.
        for _ in 0..8 {
            let start = world.get("/match/adhub/start", &browser);
            let location = start.header("Location").unwrap_or_default();
            assert!(location.starts_with("https://match.adhub.example/px?id="), "{location}");
        }
        let reply = world.get(&format!("/match/700?uid={uid}"), &browser);
        assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
        assert_eq!(world.get("/getuids", &browser).json(), json!({"buyeruids": {"adhub": uid}}));
        let rows = matches(&world);
        let last = &rows[round];
        assert_eq!((&last["partner_id"], &last["partner_user_id"]), (&700.into(), &uid.into()));
        assert_eq!(
            world.get("/match/adhub?uid=123", &browser).outcome(),
            "invalid; reason=bad-partner-user-id"
        );
        world.restart();
    }
    let changed = json!({"name": "adhub", "unsigned": true});
    assert_eq!(put(&world, 700, &changed).status, 200);
    assert!(world.get("/match/adhub?uid=123", &browser).outcome().starts_with("stored;"));
    assert_eq!(world.get("/match/adhub/start", &browser).outcome(), "invalid; reason=unknown-callback");
    assert_eq!(names(&world), ["acme file", "strict file", "outbid file", "meter file", "adhub api"]);
}

#[test]
fn a_deleted_partner_is_unknown_and_its_rows_are_handed_out_no_more() {
    let mut world = World::dev();
    assert_eq!(put(&world, 700, &adhub()).status, 201);
    assert_eq!(put(&world, 701, &json!({"name": "other"})).status, 201);
    let id = world.get("/match/adhub?uid=abc", &[ACTIVE]).cookie(ID).expect("an id cookie");
    let browser = [("Cookie", &*id), ACTIVE];
    assert_eq!(world.get("/getuids", &browser).json(), json!({"buyeruids": {"adhub": "abc"}}));
    let gone = ask(&world, "DELETE", "/700", "");
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    for _ in 0..2 {
        let before = world.log_bytes();
        for target in
            ["/match/adhub?uid=abd", "/match/700?uid=abd", "/match/adhub/start", "/getuid?partner=adhub&r=ok"]
        {
            let (gone, never) =
                (world.get(target, &browser), world.get(&target.replace("adhub", "nobody"), &browser));
            assert_eq!((gone.status, gone.outcome()), (400, "invalid; reason=unknown-partner"), "{target}");
            assert_eq!((gone.status, gone.outcome()), (never.status, never.outcome()), "{target}");
        }
        assert_eq!(world.get("/getuids", &browser).json(), json!({"buyeruids": {}}));
        assert!(world.log_bytes() == before);
        assert_eq!(ask(&world, "DELETE", "/700", "").status, 404);
        assert_eq!(ask(&world, "GET", "/700", "").status, 404);
        assert_eq!(names(&world), ["acme file", "strict file", "outbid file", "meter file", "other api"]);
        world.restart();
    }
}

#[test]
fn a_partner_is_put_as_a_whole_or_not_at_all() {
    let mut world = World::dev();
    assert_eq!(put(&world, 700, &adhub()).status, 201);
    let mut asked = 1;
    let before = text(&kept(&world));
    let long = format!("{{\"name\":\"{}\"}}", "a".repeat(64 << 10));
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(17), "]".repeat(17));
    for (method, path, body, status, expect) in [
        (
            "PUT",
            "/701",
            "{\"name\":\"A\",\"image\":\"http://p.example/\",\"nmae\":1}",
            400,
            &["image: ", "name: ", "nmae: "][..],
        ),
        (
            "PUT",
            "/701",
            "{\"id\":702,\"name\":\"a\",\"iframe\":null}",
            400,
            &["iframe: null", "id: it is not"],
        ),
        ("PUT", "/701", "[]", 400, &["line 1, column 0: expected a JSON object"]),
        ("PUT", "/701", "", 400, &["line 1, column 0"]),
        ("PUT", "/701", &deep, 400, &["expected a JSON object"]),
        ("PUT", "/0", "{\"name\":\"a\"}", 400, &["the path: "]),
        ("PUT", "/0701", "{\"name\":\"a\"}", 400, &["the path: "]),
        ("PUT", "/adhub", "{\"name\":\"a\"}", 400, &["the path: "]),
        ("PUT", "/", "{\"name\":\"a\"}", 400, &["the path: "]),
        (
            "PUT",
            "/111",
            "{\"name\":\"a\"}",
            409,
            &["partner 111 is in the configuration file; change it there"],
        ),
        ("DELETE", "/111", "", 409, &["partner 111 is in the configuration file; change it there"]),
        ("PUT", "/701", "{\"name\":\"acme\"}", 409, &["partner 111 \"acme\" of the configuration file has"]),
        ("PUT", "/701", "{\"name\":\"adhub\"}", 409, &["partner 700 \"adhub\" of the admin API has"]),
        ("DELETE", "/701", "", 404, &["there is no such partner"]),
        ("GET", "/701", "", 404, &["there is no such partner"]),
    ] {
        let reply = ask(&world, method, path, body);
        let told = reply.json();
        asked += 1;
        if asked % REQUESTS_MAX == 0 {
            world.restart();
        }
        let errors: Vec<_> =
            told["errors"].as_array().expect("errors").iter().filter_map(Value::as_str).collect();
        assert_eq!(
            (reply.status, errors.len()),
            (status, expect.len()),
            "{method} {path} {body}: {errors:?}"
        );
        for (error, expect) in errors.iter().zip(expect) {
            assert!(error.starts_with(expect), "{error}");
        }
        assert_eq!(text(&kept(&world)), before, "{method} {path} {body}");
    }
    world.restart();
    assert_eq!(ask(&world, "PUT", "/701", &long).status, 413);
    assert_eq!(ask(&world, "POST", "/701", "").status, 405);
    assert_eq!(ask(&world, "POST", "", "").status, 405);
    assert_eq!(ask(&world, "GET", "ial", "").status, 404);
    assert_eq!(text(&kept(&world)), before);
    assert_eq!(names(&world), ["acme file", "strict file", "outbid file", "meter file", "adhub api"]);
}

#[test]
fn who_is_not_authenticated_sees_and_changes_no_partner() {
    let mut world = World::dev();
    assert_eq!(put(&world, 700, &adhub()).status, 201);
    let before = text(&kept(&world));
    for headers in [&[][..], &[("Authorization", "Bearer dev")]] {
        for (method, path) in [("GET", ""), ("GET", "/700"), ("PUT", "/701"), ("DELETE", "/700")] {
            let target = format!("/admin/partners{path}");
            let reply = send(world.admin(), method, &target, headers, "");
            assert_eq!(reply.status, 401, "{method} {path}");
        }
        world.restart();
    }
    assert_eq!(send(world.public(), "GET", "/admin/partners", &[TOKEN], "").status, 404);
    assert_eq!(text(&kept(&world)), before);
    assert_eq!(names(&world), ["acme file", "strict file", "outbid file", "meter file", "adhub api"]);
}

#[test]
fn without_a_matching_secret_no_partner_is_registered() {
    let mut world = World::with(|config| {
        config.partners.clear();
        config.matching.secret = None;
    });
    let reply = put(&world, 700, &adhub());
    assert_eq!(reply.status, 409);
    assert!(reply.text().contains("a registered partner needs [matching] secret"), "{}", reply.text());
    assert_eq!((text(&kept(&world)), names(&world).len()), (None, 0));
    write(&kept(&world), "[[partners]]\nid = 700\nname = \"adhub\"\n");
    assert!(world.start_refusal(|_| {}).contains("needs [matching] secret"));
}

#[test]
fn no_answer_holds_a_partners_secret_and_its_file_is_its_owners_alone() {
    let mut world = World::dev();
    let signed = json!({"name": "signed", "secret": SECRET, "provider_id": 89});
    let put_all = [
        put(&world, 700, &adhub()),
        put(&world, 700, &adhub()),
        put(&world, 701, &signed),
        put(&world, 702, &json!({"name": "A", "secret": SECRET, "callbacks": SECRET})),
        put(&world, 702, &json!({"name": "a", "secret": [SECRET]})),
        put(&world, 702, &json!({"name": "a", "secret": &SECRET[..60]})),
        ask(&world, "PUT", "/702", &format!("{{\"name\":\"a\",\"secret\":\"{SECRET}\" x")),
        put(&world, 111, &signed),
        put(&world, 702, &signed),
    ];
    world.restart();
    let asked = [
        ask(&world, "GET", "", ""),
        ask(&world, "GET", "/700", ""),
        ask(&world, "GET", "/701", ""),
        world.admin_get("/metrics"),
    ];
    assert_eq!(put_all.each_ref().map(|reply| reply.status), [201, 200, 201, 400, 400, 400, 400, 409, 409]);
    for reply in put_all.iter().chain(&asked) {
        assert!(!reply.text().contains(&SECRET[..16]), "{}", reply.text());
    }
    assert!(put_all.iter().chain(&asked[..3]).all(|reply| reply.header("Cache-Control") == Some("no-store")));
    let mut expect = adhub();
    expect.as_object_mut().expect("an object").remove("secret");
    for (key, value) in [
        ("id", json!(700)),
        ("kinds", json!(["audience"])),
        ("source", json!("api")),
        ("has_secret", json!(true)),
        ("iframe", Value::Null),
        ("pixels", json!([])),
        ("id_chars_max", json!(256)),
        ("priority", json!(100)),
        ("pairwise_epoch", json!(1)),
        ("matches_per_second", Value::Null),
        ("matches_burst", Value::Null),
        (
            "targeting",
            json!({"url": null, "user": null, "has_password": false, "every": "1h", "expires": "7d"}),
        ),
    ] {
        expect[key] = value;
    }
    assert_eq!(asked[1].json(), expect);
    assert_eq!(put_all[0].json(), expect);
    assert_eq!((&asked[2].json()["provider_id"], &asked[2].json()["rematch"]), (&json!(89), &json!("14d")));
    assert_eq!(ask(&world, "GET", "/111", "").json()["has_secret"], false);
    assert!(text(&kept(&world)).is_some_and(|text| text.contains(SECRET)), "it is kept to be checked with");
    let mode = kept(&world).metadata().expect("the file is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_broken_file_of_partners_is_told_and_costs_none() {
    let mut world = World::dev();
    assert_eq!(put(&world, 700, &adhub()).status, 201);
    let good = text(&kept(&world)).expect("the file");
    let reload = |world: &World| world.admin_post("/-/reload", &[TOKEN]);
    for (broken, expect) in [
        (format!("{good}[[partners]]\nid = 701\n"), "partners[2].name: missing"),
        (format!("{good}[[partners]\n"), "not TOML"),
        (good.replace("vendor_id", "vendorid"), "unknown key; did you mean \"vendor_id\"?"),
        (
            format!("{good}[[partners]]\nid = 111\nname = \"a\"\n"),
            "partner 111 \"acme\" of the configuration file",
        ),
        (
            format!("{good}[[partners]]\nid = 701\nname = \"strict\"\n"),
            "partner 222 \"strict\" of the configuration file",
        ),
        (format!("{good}[[partners]]\nid = 701\nname = \"adhub\"\n"), "doubled partner name"),
    ] {
        write(&kept(&world), &broken);
        let reply = reload(&world);
        assert_eq!(reply.status, 422, "{broken}");
        assert!(
            reply.text().contains(expect) && reply.text().contains("stay as they were"),
            "{}",
            reply.text()
        );
        assert!(world.get("/match/adhub?uid=abc", &[ACTIVE]).outcome().starts_with("stored;"), "as before");
        let reply = put(&world, 702, &json!({"name": "more"}));
        assert!(matches!(reply.status, 503 | 409), "{}", reply.text());
        assert!(reply.text().contains(&expect.replace('"', "\\\"")), "{}", reply.text());
        assert_eq!(text(&kept(&world)).as_ref(), Some(&broken), "nobody writes over it");
        let refusal = world.start_refusal(|_| {});
        assert!(refusal.contains(expect) && refusal.contains("partners.toml"), "{refusal}");
        write(&kept(&world), &good);
        world.restart();
    }
    // Made by hand, and good.
    write(&kept(&world), &format!("{good}\n[[partners]]\nid = 701\nname = \"byhand\"\nunsigned = true\n"));
    assert_eq!(reload(&world).status, 200);
    assert!(world.get("/match/byhand?uid=abc", &[ACTIVE]).outcome().starts_with("stored;"));
    assert_eq!(put(&world, 702, &json!({"name": "more"})).status, 201);
    assert_eq!(names(&world)[4..], ["adhub api", "byhand api", "more api"]);
}

#[test]
fn what_ends_between_writing_and_renaming_leaves_the_old_partners() {
    let disk = Arc::new(UnnamingDisk::default());
    let mut world = World::on(disk.clone(), |_| {});
    assert_eq!(put(&world, 700, &adhub()).status, 201);
    let before = text(&kept(&world));
    disk.refuse(true);
    for _ in 0..2 {
        assert_eq!(put(&world, 701, &json!({"name": "more"})).status, 503);
        assert_eq!(ask(&world, "DELETE", "/700", "").status, 503);
        assert!(world.data_dir().join("partners.toml.new").exists());
        assert_eq!(text(&kept(&world)), before);
        assert_eq!(names(&world)[4..], ["adhub api"]);
        assert!(world.get("/match/adhub?uid=abc", &[ACTIVE]).outcome().starts_with("stored;"));
        assert_eq!(world.get("/match/more?uid=abc", &[ACTIVE]).outcome(), "invalid; reason=unknown-partner");
        world.restart();
    }
    disk.refuse(false);
    assert_eq!(put(&world, 701, &json!({"name": "more"})).status, 201);
    assert!(!world.data_dir().join("partners.toml.new").exists());
    world.restart();
    assert_eq!(names(&world)[4..], ["adhub api", "more api"]);
}

#[test]
fn of_partners_put_at_the_same_time_none_is_lost() {
    let mut world = World::dev();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let world = &world;
            scope.spawn(move || {
                let reply =
                    put(world, 800 + number, &json!({"name": format!("p{number}"), "unsigned": true}));
                assert_eq!(reply.status, 201, "{}", reply.text());
            });
        }
        scope.spawn(|| assert_eq!(world.admin_post("/-/reload", &[TOKEN]).status, 200));
    });
    for _ in 0..2 {
        assert_eq!(names(&world).len(), 12);
        for number in 0..8 {
            let reply = world.get(&format!("/match/p{number}?uid=abc"), &[ACTIVE]);
            assert!(reply.outcome().starts_with("stored;"), "{number}: {}", reply.outcome());
        }
        world.restart();
    }
}

#[test]
fn while_a_change_waits_for_the_disk_the_listener_answers_and_some_more_may_wait() {
    const WAITING_MAX: u32 = 8;
    let disk = GatedDisk::default();
    let world = World::on(Arc::new(disk.clone()), |_| {});
    disk.shut();
    std::thread::scope(|scope| {
        let opened = disk.opened_at_the_end();
        let (answered, answers) = mpsc::channel();
        for number in 0..=WAITING_MAX {
            let (world, answered) = (&world, answered.clone());
            scope.spawn(move || {
                let partner = json!({"name": format!("p{number}"), "unsigned": true});
                answered.send((number, put(world, 800 + number, &partner))).expect("somebody waits for it");
            });
        }
        disk.await_writer();
        // Nobody else can have an answer while the disk hangs.
        let (late, busy) = answers.recv_timeout(PATIENCE).expect("one too many is answered at once");
        let told = "8 requests are waiting for the disk already; try again later";
        assert_eq!((busy.status, busy.text().contains(told)), (503, true), "{}", busy.text());
        let reload = begin(&world, "POST", "/-/reload", "");
        for path in ["/healthz", "/metrics", "/dash"] {
            assert_eq!(world.admin_get(path).status, 200, "{path}");
        }
        for number in 0..=WAITING_MAX {
            let reply = world.get(&format!("/match/p{number}?uid=abc"), &[ACTIVE]);
            assert_eq!(reply.outcome(), "invalid; reason=unknown-partner");
        }
        assert!(answers.try_recv().is_err());
        drop(opened);
        for (number, reply) in answers.iter().take(WAITING_MAX as usize) {
            assert_eq!((reply.status, number == late), (201, false), "{number}: {}", reply.text());
            assert!(
                world.get(&format!("/match/p{number}?uid=abc"), &[ACTIVE]).outcome().starts_with("stored;")
            );
        }
        let answer = io::read_to_string(reload).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}

/// Until a test is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request to the admin listener, and leaves its answer to come.
fn begin(world: &World, method: &str, target: &str, body: &str) -> TcpStream {
    let mut socket = TcpStream::connect(world.admin()).expect("a connection");
    let (name, value) = TOKEN;
    let head = format!("{method} {target} HTTP/1.1\r\nHost: px\r\n{name}: {value}\r\nConnection: close\r\n");
    write!(socket, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("it takes a request");
    socket
}

#[test]
fn a_change_is_made_even_if_who_asked_for_it_has_gone_away() {
    let disk = GatedDisk::default();
    let mut world = World::on(Arc::new(disk.clone()), |_| {});
    disk.shut();
    let opened = disk.opened_at_the_end();
    let socket = begin(&world, "PUT", "/admin/partners/700", &adhub().to_string());
    disk.await_writer();
    drop(socket);
    // The listener has seen it go when it has answered somebody else.
    assert_eq!(world.admin_get("/healthz").status, 200);
    drop(opened);
    // Ends once the change is made.
    world.restart();
    assert_eq!(names(&world)[4..], ["adhub api"]);
}

#[test]
fn a_partner_over_its_limit_is_put_off_and_no_other_is() {
    let world = World::with(|config| {
        for partner in &mut config.partners {
            let limit = PartnerLimit { per_s: 2, burst: 3 };
            partner.limit = (partner.name != "outbid").then_some(limit);
            partner.unsigned |= partner.name == "outbid";
        }
    });
    let mut other = json!({"name": "other", "unsigned": true, "matches_per_second": 2, "matches_burst": 3});
    assert_eq!(put(&world, 700, &other).status, 201);
    let taken = |p_id: u32, name: &str| (0..9).filter(|path| is_taken(&world, p_id, name, *path)).count();
    assert_eq!(taken(111, "acme"), 3);
    // What nobody can know to come from the partner does not count.
    for _ in 0..9 {
        assert_eq!(world.get("/match/strict?uid=abc", &[ACTIVE]).outcome(), "invalid; reason=unsigned");
    }
    assert_eq!((taken(111, "acme"), taken(700, "other"), taken(333, "outbid")), (0, 3, 9));
    world.clock.advance(Duration::from_millis(500));
    assert_eq!((taken(111, "acme"), taken(700, "other")), (1, 1));
    // Neither a reload nor a change of something else is a new burst; another limit is.
    assert_eq!(world.admin_post("/-/reload", &[TOKEN]).status, 200);
    other["priority"] = json!(5);
    assert_eq!(put(&world, 700, &other).status, 200);
    assert_eq!((taken(111, "acme"), taken(700, "other")), (0, 0));
    other["matches_burst"] = json!(4);
    assert_eq!(put(&world, 700, &other).json()["matches_burst"], 4);
    assert_eq!((taken(111, "acme"), taken(700, "other")), (0, 4));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!((taken(111, "acme"), taken(700, "other")), (3, 4));
    let id = world.get("/i/adsct?txn_id=o8z6j", &[ACTIVE]).cookie(ID).expect("an id cookie");
    let start = world.get("/match/strict/start", &[("Cookie", &id), ACTIVE]);
    let (_, state) = start.header("Location").and_then(|to| to.split_once("&state=")).expect("a state");
    let back = world.get(&format!("/match/strict?uid=abc&state={state}"), &[("Cookie", &id), ACTIVE]);
    assert!(back.outcome().starts_with("stored;"), "{}", back.outcome());
    let metrics = world.admin_get("/metrics").text();
    let put_off = ["acme", "other", "outbid", "strict"].map(|name| put_off(&metrics, name));
    assert_eq!(put_off, [6 + 9 + 8 + 9 + 9 + 6, 6 + 8 + 9 + 5 + 5, 0, 0]);
}

/// Sends an id of the partner for a new browser, on one of the paths.
#[track_caller]
fn is_taken(world: &World, p_id: u32, name: &str, path: u32) -> bool {
    let count = world.stored().len();
    let target = match path % 3 {
        0 => format!("/i/adsct?p_id={p_id}&p_user_id=u{count}"),
        1 => format!("/match/{name}?uid=u{count}"),
        _ => format!("/setuid?bidder={name}&uid=u{count}"),
    };
    let before = world.log_bytes();
    let reply = world.get(&target, &[ACTIVE]);
    let is_taken = reply.outcome().starts_with("stored;");
    if !is_taken {
        assert_eq!((reply.status, reply.outcome()), (503, "overloaded; reason=partner-limit"), "{target}");
        assert_eq!((reply.header("Retry-After"), reply.cookie(ID)), (Some("1"), None), "{target}");
        assert!(world.log_bytes() == before, "{target}");
    }
    is_taken
}

/// How many of a partner's ids the metrics say were put off for its limit.
fn put_off(metrics: &str, partner: &str) -> u32 {
    let (partner, reason) = (format!("partner=\"{partner}\""), "reason=\"partner-limit\"");
    let of = metrics.lines().filter(|line| line.contains(&partner) && line.contains(reason));
    of.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok()).sum()
}
