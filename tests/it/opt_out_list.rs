//! Lists of people who have opted out, as an operator brings them to a data directory or to a running server.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::world::{World, send};

const EMAIL: &str = "5ba1d7c4a2e8f0936b4c1d2e3f405162738495a6b7c8d9e0f1021324354657a6";

fn optout(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pixelgate"));
    command.arg("optout").args(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints text")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[track_caller]
fn check(arguments: &[&str], code: i32, out: &str, err: &str) {
    let output = optout(arguments);
    let (found_out, found_err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {found_out}{found_err}");
    assert!(found_out.contains(out), "{arguments:?} prints {found_out:?}");
    assert!(found_err.contains(err), "{arguments:?} complains {found_err:?}");
}

#[expect(clippy::disallowed_methods, reason = "an operator's list is not in a data directory")]
fn write(directory: &Path, name: &str, text: &str) -> String {
    let file = directory.join(name);
    std::fs::write(&file, text).expect("written");
    path(&file).to_owned()
}

fn purchase(event: &str, email: &str) -> String {
    format!("/i/adsct?txn_id=o87ne&tw_sale_amount=1&event_id={event}&email_address={email}")
}

#[test]
fn who_is_on_an_operators_list_is_stored_no_more() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let token = write(directory.path(), "token", "dev-admin-token\n");
    let mut world = World::dev();
    let admin = world.admin().to_string();
    world.get(&purchase("1", EMAIL), &[]);
    let stored = world.stored().len();
    assert_eq!(stored, 1);

    let list = write(directory.path(), "list.csv", &format!("hashed_email,browser_id\n{EMAIL},\n"));
    check(&["import", &list, "--admin", &admin, "--token-file", &token], 0, "1 identifier(s) opted out", "");
    let answer = world.get(&purchase("2", EMAIL), &[]);
    assert_eq!(answer.header("pixelgate-outcome"), Some("suppressed; reason=opted-out"));
    // Upper case is the same hash, and somebody else's is another.
    world.get(&purchase("3", &EMAIL.to_uppercase()), &[]);
    world.get(&purchase("4", &EMAIL.replace('5', "6")), &[]);
    let rows = world.stored();
    let stored: Vec<&Value> =
        rows.iter().filter(|row| row["kind"] == "conversion").map(|row| &row["event_id"]).collect();
    assert_eq!(stored, ["1", "4"]);

    let dir = world.data_dir();
    check(&["check", "--data-dir", path(&dir), "--hashed-email", EMAIL], 0, "opted out", "");
    // Nor in another process.
    world.restart();
    world.get(&purchase("5", EMAIL), &[]);
    assert!(world.stored().iter().all(|row| row["event_id"] != "5"));
}

#[test]
fn a_list_with_a_mistake_opts_nobody_out() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let dir = directory.path().join("data");
    let bad = format!("hashed_email\n{EMAIL}\njane@shop.example\n");
    let list = write(directory.path(), "list.csv", &bad);
    let wrong = "line 3: hashed_email is not 64 hexadecimal digits\nnobody was opted out";
    check(&["import", &list, "--data-dir", path(&dir)], 2, "", wrong);
    assert!(!dir.exists());

    let output = optout(&["import", &list, "--data-dir", path(&dir), "--skip-bad", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&said["recorded"], said["bad"].as_array().map(Vec::len)), (&Value::from(1), Some(1)));
    assert!(!text(&output.stdout).contains("jane"));

    let world = World::dev();
    let (admin, token) = (world.admin().to_string(), write(directory.path(), "token", "dev-admin-token"));
    let body = format!("{{\"hashed_email\":\"{EMAIL}\"}}\n{{\"email\":\"jane@shop.example\"}}\n");
    let headers = [("Authorization", "Bearer dev-admin-token"), ("Content-Type", "application/x-ndjson")];
    let answer = send(world.admin(), "POST", "/admin/optouts", &headers, &body);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("line 2: expected one JSON object") && !answer.text().contains("jane"));
    assert!(world.stored().is_empty());
    let locked = "another process is using the data directory";
    check(&["import", &list, "--skip-bad", "--data-dir", path(&world.data_dir())], 1, "", locked);
    write(directory.path(), "token", "wrong");
    let import = ["import", &list, "--skip-bad", "--admin", &admin, "--token-file", &token];
    check(&import, 1, "", "answers 401");
}

#[test]
fn a_list_of_who_has_opted_out_can_be_taken_elsewhere() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (here, there) = (directory.path().join("here"), directory.path().join("there"));
    let rows = format!(
        "{{\"browser_id\":\"{0}\",\"hashed_phone\":\"{EMAIL}\"}}\n{{\"partner_id\":7,\"partner_user_id\":\"abc\"}}\n\
         {{\"device_id\":\"6D92078A-8246-4BA4-AE5B-76104861E7DC\"}}\n",
        "0f".repeat(16)
    );
    let list = write(directory.path(), "list.ndjson", &rows);
    check(&["import", &list, "--data-dir", path(&here)], 0, "4 identifier(s) opted out", "");
    check(&["add", "--hashed-email", EMAIL, "--data-dir", path(&here)], 0, "1 identifier(s) opted out", "");
    let listed = text(&optout(&["list", "--data-dir", path(&here)]).stdout);
    let list = write(directory.path(), "copy.ndjson", &listed);
    check(&["import", &list, "--data-dir", path(&there)], 0, "5 identifier(s) opted out", "");
    let copied = text(&optout(&["list", "--data-dir", path(&there)]).stdout);
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&copied), sorted(&listed));
    let nobody = "00".repeat(16);
    let check_two = ["check", "--data-dir", path(&there), "--browser-id", &nobody, "--hashed-email", EMAIL];
    check(&check_two, 1, "not opted out", "1 of 2 not opted out");
}
