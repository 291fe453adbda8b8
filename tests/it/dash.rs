//! The numbers of `/metrics` for people.

use std::time::Duration;

use pixelgate::domain::time::MS_PER_DAY;

use crate::opt_out;
use crate::simulated_disk::{Faults, SimulatedDisk};
use crate::world::{Reply, World, send};

const ID: &str = "__Host-Http-pg";
const HIT: &str = "/i/adsct?txn_id=o8z6j";
const ACTIVE: (&str, &str) = ("Sec-Fetch-Storage-Access", "active");
const APART: (&str, &str) = ("Sec-Fetch-Storage-Access", "none");

/// The dashboard and the metrics of one moment.
struct Seen {
    page: String,
    metrics: String,
}

impl Seen {
    /// Nothing may be under way but what the log counts behind its answers.
    fn of(world: &World) -> Self {
        // Connections close, and the clients do not wait for that.
        let metrics = || {
            let text = world.admin_get("/metrics").text();
            text.lines().filter(|line| !line.contains("pixelgate_edge")).collect::<Vec<_>>().join("\n")
        };
        for _ in 0..1_000 {
            let (before, reply, after) = (metrics(), world.admin_get("/dash"), metrics());
            assert_eq!(reply.status, 200);
            if before == after {
                return Self { page: reply.text(), metrics: after };
            }
        }
        panic!("the metrics never come to rest");
    }

    /// The rows of the table with that caption, each cell without what is in small print.
    fn rows(&self, caption: &str) -> Vec<Vec<String>> {
        let (_, table) = self.page.split_once(&format!("<caption id=\"{caption}\">")).expect("the table");
        let (table, _) = table.split_once("</table>").expect("its end");
        table.split("<tr").skip(1).map(cells).collect()
    }

    /// The cells behind the one that says `label`.
    #[track_caller]
    fn row(&self, caption: &str, label: &str) -> Vec<String> {
        let mut rows = self.rows(caption).into_iter().filter(|row| row[0] == label);
        let row = rows.next().unwrap_or_else(|| panic!("{label} in {caption}: {:?}", self.rows(caption)));
        row[1..].to_vec()
    }

    /// The rows of one partner's group.
    fn group(&self, caption: &str, partner: &str) -> Vec<Vec<String>> {
        let rows = self.rows(caption).into_iter().skip_while(|row| *row != [partner]).skip(1);
        rows.take_while(|row| row.len() > 1).collect()
    }

    /// What the metric says; 0 where there is none.
    fn metric(&self, key: &str) -> u64 {
        let value = self.metrics.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().expect("a number"))
    }

    /// The number in the row, and in the metric.
    #[track_caller]
    fn check(&self, caption: &str, label: &str, metric: &str, expect: u64) {
        assert_eq!(self.row(caption, label)[0], expect.to_string(), "{label} in {caption}");
        assert_eq!(self.metric(metric), expect, "{metric}");
    }
}

fn cells(row: &str) -> Vec<String> {
    let starts = row.match_indices("<th").chain(row.match_indices("<td"));
    let mut starts: Vec<_> = starts.map(|(at, _)| at).collect();
    starts.sort_unstable();
    starts.iter().map(|&at| text(row[at..].split("</t").next().unwrap_or_default())).collect()
}

fn text(html: &str) -> String {
    let large = html.split("<small>").next().unwrap_or_default();
    let parts = large.split('<').filter_map(|part| part.split_once('>'));
    parts.map(|(_, text)| text).collect::<String>().trim().to_owned()
}

fn browser(world: &World) -> String {
    world.get(HIT, &[ACTIVE]).cookie(ID).expect("an id cookie")
}

fn matched(world: &World, target: &str, headers: &[(&str, &str)], expect: &str) -> Reply {
    let reply = world.get(target, headers);
    assert!(reply.outcome().starts_with(expect), "{target}: {}", reply.outcome());
    reply
}

#[test]
fn the_dashboard_shows_what_became_of_hits_as_the_metrics_have_it() {
    let world = World::dev();
    for event in ["a", "a", "b", "c", "d"] {
        world.get(&format!("{HIT}&event_id={event}"), &[]);
    }
    for (times, header) in
        [(3, ("Sec-GPC", "1")), (2, ("DNT", "1")), (2, ("Sec-Purpose", "prefetch")), (1, CRAWLER)]
    {
        (0..times).for_each(|_| _ = world.get(HIT, &[header]));
    }
    world.get("/i/adsct?txn_id=zzzzz", &[]);
    world.get("/i/adsct", &[]);
    let seen = Seen::of(&world);
    let hits = |outcome: &str, reason: &str| {
        format!("pixelgate_hits_total{{outcome=\"{outcome}\",reason=\"{reason}\"}}")
    };
    for (label, outcome, reason, expect) in [
        ("stored", "stored", "", 4),
        ("duplicate", "duplicate", "", 1),
        ("speculative", "suppressed", "speculative", 2),
        ("bot", "suppressed", "bot", 1),
        ("overloaded", "overloaded", "queue", 0),
    ] {
        seen.check("outcomes", label, &hits(outcome, reason), expect);
    }
    for (code, outcome, expect) in [
        ("gpc", "suppressed", 3),
        ("dnt", "suppressed", 2),
        ("speculative", "suppressed", 2),
        ("bot", "suppressed", 1),
        ("no-txn-id", "invalid", 1),
        ("unknown-txn-id", "invalid", 1),
    ] {
        seen.check("reasons", code, &hits(outcome, code), expect);
    }
    // With the row of headings.
    assert_eq!(seen.rows("reasons").len(), 7);
    assert_eq!(seen.row("outcomes", "suppressed"), ["5", "33.3 %"]);
    assert_eq!(seen.row("outcomes", "invalid"), ["2", "13.3 %"]);
    assert_eq!(seen.row("outcomes", "all")[0], "15");
    assert_eq!(world.stored().len(), 4);
    seen.check("log", "Entries written", "pixelgate_log_stored_total{kind=\"page_view\"}", 4);
    seen.check("kinds", "page view", "pixelgate_log_stored_total{kind=\"page_view\"}", 4);
    seen.check("log", "Entries waiting, now", "pixelgate_log_waiting", 0);
    let groups = seen.metric("pixelgate_log_groups_total");
    seen.check("log", "Writes, of one or more entries", "pixelgate_log_groups_total", groups);
    seen.check("syncs", "Syncs", "pixelgate_log_sync_seconds_count", 1);
    assert!((1..=4).contains(&groups), "{groups}");
    assert_eq!(seen.row("log", "State, now"), ["takes what it is given"]);
}

const CRAWLER: (&str, &str) = ("User-Agent", "Googlebot/2.1");

#[test]
fn the_dashboard_shows_matches_by_partner_as_the_metrics_have_them() {
    let world = World::dev();
    let [first, second, third] = [(); 3].map(|()| browser(&world));
    let target = "/match/acme?uid=";
    matched(&world, &format!("{target}u1"), &[("Cookie", &first), ACTIVE], "stored");
    matched(&world, &format!("{target}u1"), &[("Cookie", &first), ACTIVE], "duplicate");
    matched(&world, &format!("{target}u2"), &[("Cookie", &second), ACTIVE], "stored");
    matched(&world, &format!("{target}u3"), &[APART], "stored");
    matched(&world, &format!("{target}u4"), &[], "stored");
    matched(&world, &format!("{target}u5"), &[ACTIVE, ("Sec-GPC", "1")], "suppressed; reason=gpc");
    for uid in ["v1", "v2", "v3", "v4"] {
        matched(&world, &format!("{target}{uid}"), &[("Cookie", &third), ACTIVE], "stored");
    }
    let late = "invalid; reason=too-many-changes";
    matched(&world, &format!("{target}v5"), &[("Cookie", &third), ACTIVE], late);
    // The partner itself says so: by way of a state.
    let sent = world.get("/match/strict/start", &[("Cookie", &first), ACTIVE]);
    let (_, state) = sent.header("Location").and_then(|to| to.split_once("state=")).expect("a state");
    matched(&world, &format!("/match/strict?uid=s1&state={state}"), &[("Cookie", &first), ACTIVE], "stored");
    matched(&world, "/match/strict?uid=s2", &[("Cookie", &second), ACTIVE], "invalid; reason=unsigned");
    world.get("/getuid?partner=acme&r=ok", &[("Cookie", &first), ACTIVE]);
    world.get("/match/acme/start", &[("Cookie", &first)]);
    matched(&world, "/match/nobody?uid=x", &[ACTIVE], "invalid; reason=unknown-partner");

    let seen = Seen::of(&world);
    let rows = |partner, standing| {
        seen.metric(&format!("pixelgate_partner_match_rows{{partner=\"{partner}\",standing=\"{standing}\"}}"))
    };
    for (partner, expect) in [("acme", [0, 2, 1]), ("strict", [1, 0, 0]), ("outbid", [0, 0, 0])] {
        let shown = seen.row("rows", partner);
        let all: u64 = expect.iter().sum();
        assert_eq!(shown, [expect[0], expect[1], expect[2], all].map(|count| count.to_string()), "{partner}");
        let found = ["verified", "unverified", "quarantined"].map(|standing| rows(partner, standing));
        assert_eq!(found, expect, "{partner}");
    }
    let cookies = ["work", "kept apart or blocked", "not said", "all"];
    let expect = [
        // Match rate, kept, came in, asked, told.
        ["77.8 %", "7", "9", "0", "1"],
        ["100.0 %", "1", "1", "0", "0"],
        ["100.0 %", "1", "1", "0", "0"],
        ["81.8 %", "9", "11", "0", "1"],
    ];
    let expect: Vec<_> =
        cookies.iter().zip(expect).map(|(&label, row)| [&[label], &row[..]].concat()).collect();
    assert_eq!(seen.group("matches", "acme"), expect);
    assert_eq!(seen.group("matches", "strict"), [["work", "50.0 %", "1", "2", "1", "0"]]);
    assert_eq!(seen.group("matches", "none that we know"), [["work", "0.0 %", "0", "1", "0", "0"]]);
    let refused = [
        ["gpc", "came in", "1"],
        ["no-third-party-cookies", "asked", "1"],
        ["too-many-changes", "came in", "1"],
    ];
    assert_eq!(seen.group("refused", "acme"), refused);
    assert_eq!(seen.group("refused", "strict"), [["unsigned", "came in", "1"]]);
    assert_eq!(seen.group("refused", "none that we know"), [["unknown-partner", "came in", "1"]]);
    for (labels, expect) in [
        ("partner=\"acme\",step=\"inbound\",storage_access=\"active\",outcome=\"stored\",reason=\"\"", 6),
        ("partner=\"acme\",step=\"inbound\",storage_access=\"active\",outcome=\"duplicate\",reason=\"\"", 1),
        ("partner=\"acme\",step=\"inbound\",storage_access=\"none\",outcome=\"stored\",reason=\"\"", 1),
        ("partner=\"acme\",step=\"inbound\",storage_access=\"unknown\",outcome=\"stored\",reason=\"\"", 1),
    ] {
        assert_eq!(seen.metric(&format!("pixelgate_matches_total{{{labels}}}")), expect, "{labels}");
    }

    // Who opts out has no row any more, whatever it was.
    for (id, expect) in [(&third, ["0", "2", "0", "2"]), (&second, ["0", "1", "0", "1"]), (&first, ["0"; 4])]
    {
        opt_out::opt_out(&world, id);
        assert_eq!(Seen::of(&world).row("rows", "acme"), expect);
    }
    assert_eq!(Seen::of(&world).row("rows", "strict"), ["0"; 4]);
}

#[test]
fn the_dashboard_shows_opt_outs_as_the_metrics_have_them_and_says_since_when_it_counts() {
    let mut world = World::dev();
    let ids = [(); 3].map(|()| browser(&world));
    ids.iter().for_each(|id| _ = opt_out::opt_out(&world, id));
    let back = format!("{}; pg_optout=1", ids[0]);
    let page = world.get("/optout", &[("Cookie", &back)]);
    let headers = [("Cookie", &*back), ("Origin", "http://px.localhost")];
    world.post("/optin", &headers, &format!("csrf={}", opt_out::token(&page)));
    let [out, back_in] =
        ["out", "in"].map(|choice| format!("pixelgate_log_choices_total{{choice=\"{choice}\"}}"));
    let seen = Seen::of(&world);
    seen.check("opt-out-numbers", "In force, now", "pixelgate_log_opt_outs", 2);
    seen.check("opt-out-numbers", "Taken", &out, 3);
    seen.check("opt-out-numbers", "Taken back", &back_in, 1);
    assert!(
        seen.page
            .contains("from <time datetime=\"2026-09-04T12:00:00.000Z\">2026-09-04 12:00:00 UTC</time> on")
    );
    assert_eq!(seen.metric("pixelgate_start_time_seconds"), crate::world::START.0 / 1_000);

    world.clock.advance(Duration::from_secs(3 * 3_600 + 60));
    assert!(Seen::of(&world).page.contains("started, 3 h 1 min ago"));
    world.restart();
    let seen = Seen::of(&world);
    seen.check("opt-out-numbers", "In force, now", "pixelgate_log_opt_outs", 2);
    seen.check("opt-out-numbers", "Taken", &out, 0);
    assert_eq!(seen.row("outcomes", "all")[0], "0");
    assert!(seen.page.contains("2026-09-04 15:01:00 UTC</time> on"));
}

#[test]
fn the_dashboard_says_why_a_server_is_not_ready_and_what_its_vendor_list_is_worth() {
    const FILE_BYTES: u64 = 16 << 10;
    let disk = SimulatedDisk::new(1, Faults { capacity: Some(6 * FILE_BYTES), ..Faults::default() });
    let world = World::on(disk.shared(), |config| {
        config.log.file_bytes = FILE_BYTES;
        config.policy.vendors_days_max = 700;
    });
    let seen = Seen::of(&world);
    assert!(seen.page.contains("Ready: requests may be sent here."));
    assert_eq!(
        (&*seen.row("list-facts", "State")[0], &*seen.row("list-facts", "Our entry")[0]),
        ("usable", "listed")
    );
    let age_s = seen.metric("pixelgate_vendor_list_age_seconds");
    assert_eq!(seen.row("list-facts", "Age in days"), [(age_s * 1_000 / MS_PER_DAY).to_string()]);

    let buy = || world.get("/i/adsct?txn_id=o87ne", &[]);
    (0..10_000).map(|_| buy()).find(|reply| reply.status == 503).expect("the disk gets full");
    world.clock.advance(Duration::from_millis(200 * MS_PER_DAY));
    let seen = Seen::of(&world);
    assert_eq!(world.admin_get("/readyz").status, 503);
    assert!(
        seen.page.contains("<title>Not ready: ") && seen.page.contains("Not ready: send requests elsewhere.")
    );
    assert!(seen.page.contains("<li>The disk takes nothing"));
    assert!(seen.page.contains("<li>The vendor list permits nothing"));
    assert_eq!(seen.row("log", "State, now"), ["takes nothing"]);
    let lost = seen.metric("pixelgate_hits_total{outcome=\"overloaded\",reason=\"disk\"}");
    assert_eq!(seen.row("reasons", "disk")[0], lost.to_string());
    assert!(lost > 0);
    assert_eq!(seen.row("list-facts", "State"), ["too-old"]);
    assert_eq!(seen.metric("pixelgate_vendor_list_usable"), 0);
    disk.set_faults(Faults::default());
}

#[test]
fn the_dashboard_names_nobody() {
    let world = World::dev();
    let id = browser(&world);
    let person = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
    let headers = [("Cookie", &*id), ACTIVE, ("User-Agent", person)];
    world.get("/i/adsct?txn_id=o87ne&tw_document_href=http%3A%2F%2Fshop.example%2Fthanks", &headers);
    world.get("/match/acme?uid=partner-calls-it-so", &headers);
    world.get("/match/jane%40shop.example?uid=x", &headers);
    world.get("/match/strict?uid=jane%40shop.example", &headers);
    opt_out::opt_out(&world, &id);
    let seen = Seen::of(&world);
    let mut secrets: Vec<_> = world
        .stored()
        .iter()
        .flat_map(|row| ["id", "browser_id", "partner_user_id", "receipt"].map(|name| row[name].clone()))
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    assert!(secrets.len() > 5, "{secrets:?}");
    secrets.extend(id.split(['=', '.']).filter(|part| part.len() > 8).map(str::to_owned));
    secrets.extend(["127.0.0.1", "jane", "shop.example", "Firefox"].map(str::to_owned));
    for secret in secrets {
        assert!(!seen.page.contains(&secret) && !seen.metrics.contains(&secret), "{secret}");
    }
}

#[test]
fn whoever_may_read_the_metrics_may_read_the_dashboard_and_nobody_else() {
    let world = World::dev();
    let wrong = ("Authorization", "Bearer guessed");
    for headers in [&[][..], &[wrong], &[("Origin", "http://evil.localhost")], &[("Host", "evil.localhost")]]
    {
        let status = |path| send(world.admin(), "GET", path, headers, "").status;
        assert_eq!(status("/dash"), status("/metrics"), "{headers:?}");
    }
    for path in ["/dash", "/dash?still", "/dash.css", "/dash.js", "/metrics"] {
        assert_eq!(world.admin_get(path).status, 200, "{path}");
        assert_eq!(send(world.admin(), "HEAD", path, &[], "").status, 200, "{path}");
        for method in ["POST", "PUT", "DELETE"] {
            let reply = send(world.admin(), method, path, &[], "");
            assert_eq!((reply.status, reply.header("Allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
        for method in ["GET", "HEAD", "POST"] {
            let hidden = send(world.public(), method, path, &[], "");
            let nothing = send(world.public(), method, "/nothing-is-here", &[], "");
            assert_eq!((hidden.status, &hidden.body), (nothing.status, &nothing.body), "{method} {path}");
            assert!(hidden.status == 404, "{method} {path}");
        }
    }
    assert_eq!(world.admin_get("/dash/").status, 404);
}

#[test]
fn the_dashboard_is_kept_by_nobody_and_loads_nothing_of_anybody_elses() {
    let world = World::dev();
    let reply = world.admin_get("/dash");
    for (name, expect) in [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        assert_eq!(reply.header(name), Some(expect), "{name}");
    }
    let [page, still] = ["/dash", "/dash?still"].map(|path| world.admin_get(path).text());
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"));
    assert!(page.contains("<script src=\"/dash.js?v="));
    assert!(!still.contains("http-equiv") && !still.contains("<script"));
    for text in [page, still] {
        assert!(!text.contains("://") && !text.contains("style=\"") && !text.contains(" onclick"));
        assert_eq!(text.matches("<table").count(), text.matches("<caption id=").count());
        assert_eq!(
            text.matches("<th").count(),
            text.matches("<th scope=").count() + text.matches("<thead>").count()
        );
    }
    for path in ["/dash.css", "/dash.js"] {
        let asset = world.admin_get(path).text();
        assert!(!asset.contains("://") && !asset.contains("@import"), "{path}");
    }
}
