//! The program as an operator runs it: what it prints, what it ends with, and what it leaves behind.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::served::Served;
use crate::world::{World, send, stored_in};

fn pixelgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pixelgate")).args(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints text")
}

#[track_caller]
fn check(arguments: &[&str], code: i32, out: &str, err: &str) {
    let output = pixelgate(arguments);
    let (found_out, found_err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {found_out}{found_err}");
    assert!(found_out.contains(out), "{arguments:?} prints {found_out:?}");
    assert!(found_err.contains(err), "{arguments:?} complains {found_err:?}");
}

/// A server with a page view, two conversions and an opt-out's worth of refusals in its log.
fn world_with_rows() -> World {
    let world = World::dev();
    for target in [
        "/i/adsct?txn_id=o8z6j",
        "/i/adsct?txn_id=o87ne&tw_sale_amount=12.50",
        "/i/adsct?txn_id=o87nf",
        "/i/adsct?txn_id=o87nf&gdpr=1",
    ] {
        world.get(target, &[]);
    }
    world
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_log_is_exported_inspected_and_verified_while_the_server_runs() {
    let world = world_with_rows();
    let dir = world.data_dir();
    let dir = path(&dir);
    let ids: Vec<String> =
        world.stored().iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 3);

    let all = text(&pixelgate(&["export", "--data-dir", dir]).stdout);
    let rows = all.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    assert_eq!(rows.collect::<Vec<serde_json::Value>>(), world.stored());

    let rest = text(&pixelgate(&["export", "--data-dir", dir, "--after", &ids[1]]).stdout);
    assert!(rest.lines().count() == 1 && rest.contains(&ids[2]), "{rest}");

    let csv =
        text(&pixelgate(&["export", "--data-dir", dir, "--format", "csv", "--kind", "conversion"]).stdout);
    assert_eq!(csv.lines().count(), 3, "a header and two conversions: {csv}");

    check(&["inspect", "log", "--data-dir", dir], 0, "conversion           2\n", "");
    check(&["log", "verify", "--data-dir", dir], 0, "the log is whole", "");
    check(&["reindex", "--data-dir", dir, "--json"], 0, "\"entries\":3", "");
    check(&["log", "repair", "--data-dir", dir], 1, "", "another process is using the data directory");
}

#[test]
fn an_export_makes_credits_anew_on_request() {
    let world = World::dev();
    let click = world.get("/c/spring", &[]);
    let click_id = click.header("Location").and_then(|to| to.split("twclid=").nth(1)).expect("a click id");
    world.get(&format!("/i/adsct?txn_id=o87ne&twclid={click_id}"), &[]);
    let dir = world.data_dir();
    let export = ["export", "--data-dir", path(&dir)];
    let stored = text(&pixelgate(&export).stdout);
    let anew = text(&pixelgate(&[&export[..], &["--recompute-credit"]].concat()).stdout);
    assert!(stored.contains("\"key\":\"click_id\"") && stored == anew, "{stored}{anew}");
    let csv =
        text(&pixelgate(&[&export[..], &["--format", "csv", "--kind", "touch,conversion"]].concat()).stdout);
    assert!(
        csv.lines().count() == 3 && csv.contains(",post_engagement,click_id,spring,8wku2,6zva5,"),
        "{csv}"
    );
}

#[test]
fn what_is_not_there_ends_with_1() {
    let world = world_with_rows();
    let dir = world.data_dir();
    let nobody = "00000000-0000-7000-8000-000000000000";
    check(&["export", "--data-dir", path(&dir), "--after", nobody], 1, "", "there is no event");
    let nowhere = dir.join("nowhere");
    for command in [&["export"][..], &["inspect", "log"], &["log", "verify"], &["reindex"]] {
        check(&[command, &["--data-dir", path(&nowhere)]].concat(), 1, "", "could not be");
    }
}

#[test]
fn a_tc_string_is_shown_and_judged() {
    let outdated = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA";
    check(
        &["inspect", "tcstring", outdated],
        1,
        "disclosed vendors            1-5, 100, 404\n",
        "its policy version",
    );
    check(
        &["inspect", "tcstring", &outdated[..40]],
        1,
        "malformed\n",
        "a segment ends before its last field",
    );
    check(&["inspect", "tcstring", "CQSb!"], 1, "malformed\n", "not base64url");
}

#[test]
fn bad_usage_ends_with_2() {
    check(&[], 2, "", "Usage: pixelgate");
    check(&["serve"], 2, "", "--config <FILE>|--dev");
    check(&["serve", "--dev", "--config", "x"], 2, "", "cannot be used with");
    check(&["export", "--data-dir", "d", "--kind", "converson"], 2, "", "page_view, conversion, opt_out");
    check(&["export", "--data-dir", "d", "--output", "x"], 2, "", "--output is for --format parquet");
    check(&["export", "--data-dir", "d", "--format", "parquet"], 2, "", "--output <DIR>");
    check(&["explain", "hello there"], 2, "", "neither an address");
    check(
        &["serve", "--dev", "--gvl", "no/such/list.json"],
        2,
        "",
        "list.json could not be read: No such file",
    );
    check(
        &["serve", "--dev", "--gvl", "Cargo.toml"],
        2,
        "",
        "Cargo.toml is not usable: expected value at line 1",
    );
}

#[test]
fn a_configuration_with_mistakes_starts_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data_dir = directory.path().join("data");
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let config = format!(
        "data_dir = {data_dir:?}\npublic.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n\
         [[cookie_keys]]\nid = 1\nsecret = \"{}\"\n[log]\nfile_byte = 4_194_304\n",
        "00".repeat(32)
    );
    file.write_all(config.as_bytes()).expect("written");
    for command in [&["serve", "--config"][..], &["check-config"]] {
        let output = pixelgate(&[command, &[path(file.path())]].concat());
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(
            complaint.contains(":8:1: log.file_byte: unknown key; did you mean \"file_bytes\"?"),
            "{complaint}"
        );
        assert!(complaint.contains("consent.default_regime: missing; choose what applies"), "{complaint}");
        assert!(complaint.contains("2 mistakes in the configuration"), "{complaint}");
        assert!(!data_dir.exists(), "nothing was started");
    }
}

#[test]
fn a_development_server_says_what_it_starts_with_and_ends_cleanly() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let served = Served::start(directory.path());
    for expect in [
        "account 18ce54d4x5t \"Dev shop\", country US",
        "pixel o8z6j, origins http://shop.localhost:*",
        "event tag o87nh ADD_TO_CART (click 7, view 0 days)",
        "account 18ce54d4x5u \"Dev news\", country DE",
        "admin token is dev-admin-token",
        "vendor 9999, vendor list: built in, made up",
    ] {
        assert!(served.listing.contains(expect), "{expect:?} in {}", served.listing);
    }
    let reply = send(served.public, "GET", "/i/adsct?txn_id=o87ne", &[], "");
    assert!(reply.outcome().starts_with("stored; id="), "{reply:?}");
    assert_eq!(served.terminate(), Some(0));
    assert_eq!(stored_in(directory.path()).len(), 1);
}

/// The same list as a file, compressed or not, in the place of an older one; what cannot be written leaves that.
fn check_files(data_dir: &str, lines: &str) {
    let out = tempfile::tempdir().expect("a temporary directory");
    for name in ["acme.tsv", "acme.tsv.gz"] {
        let file = out.path().join(name);
        write(&file, "older");
        let told = format!("{}: 2 line(s)\n", path(&file));
        check(&["partner", "table", "acme", "--data-dir", data_dir, "--output", path(&file)], 0, &told, "");
        let bytes = read(&file);
        let list = match name.ends_with(".gz") {
            true => std::io::read_to_string(flate2::read::GzDecoder::new(&*bytes)).expect("a whole file"),
            false => String::from_utf8(bytes).expect("text"),
        };
        let sorted = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(sorted(&list), sorted(lines), "{name}");
        assert_eq!(list.lines().count(), 2, "{name}");
    }
    let opt_outs = out.path().join("opt-outs.tsv.gz");
    let told = format!("{}: 0 line(s)\n", path(&opt_outs));
    check(
        &["partner", "opt-outs", "acme", "--data-dir", data_dir, "--output", path(&opt_outs)],
        0,
        &told,
        "",
    );
    let files = out.path().read_dir().expect("a directory");
    let mut names: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
    names.sort();
    assert_eq!(names, ["acme.tsv", "acme.tsv.gz", "opt-outs.tsv.gz"], "nothing is left beside them");
    let nowhere = out.path().join("nowhere").join("acme.tsv");
    let line = ["partner", "table", "acme", "--data-dir", data_dir, "--output", path(&nowhere)];
    check(&line, 1, "", "what was exported could not be put at");
    let older = out.path().join("acme.tsv");
    let before = read(&older);
    let unknown = ["partner", "table", "meter", "--data-dir", data_dir, "--output", path(&older)];
    check(&unknown, 2, "", "the partner takes no part in cookie matching");
    assert_eq!(read(&older), before);
}

#[expect(clippy::disallowed_methods, reason = "what an operator is given is not in the data directory")]
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the file can be read")
}

#[expect(clippy::disallowed_methods, reason = "what an operator is given is not in the data directory")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the file can be written");
}

#[test]
fn a_partner_gets_its_own_rows_of_the_match_table_and_nothing_of_ours() {
    let world = World::dev();
    let active = ("Sec-Fetch-Storage-Access", "active");
    let mut pairwise = Vec::new();
    for uid in ["a1", "a2"] {
        let reply = world.get(&format!("/match/acme?uid={uid}"), &[active]);
        let id = reply.cookie("__Host-Http-pg").expect("an id cookie");
        let start = world.get("/match/acme/start", &[("Cookie", &id), active]);
        let address = start.header("Location").expect("an address").to_owned();
        pairwise.push(address.split("puid=").nth(1).expect("an id").to_owned());
    }
    world.get("/match/outbid?uid=o1", &[active]);
    let dir = world.data_dir();
    let dir = path(&dir);
    let lines = text(&pixelgate(&["partner", "table", "acme", "--data-dir", dir]).stdout);
    let mut rows: Vec<_> = lines.lines().map(|line| line.split('\t').collect::<Vec<_>>()).collect();
    rows.sort_by_key(|row| row[1]);
    let expect = [(&*pairwise[0], "a1", "0"), (&*pairwise[1], "a2", "0")];
    assert_eq!(rows.iter().map(|row| (row[0], row[1], row[3])).collect::<Vec<_>>(), expect);
    for row in world.stored() {
        assert!(!lines.contains(row["browser_id"].as_str().expect("an id")), "{lines}");
    }
    check_files(dir, &lines);
    let stats = text(&pixelgate(&["partner", "stats", "--data-dir", dir, "--json"]).stdout);
    let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
    let acme = &stats["partners"][0];
    let row = (&acme["name"], &acme["known"], &acme["verified"]);
    assert_eq!(row, (&"acme".into(), &2.into(), &0.into()));
    check(&["partner", "table", "nobody", "--data-dir", dir], 2, "", "no partner is called \"nobody\"");
}
