//! Erasure as an operator asks for it: over the admin listener, and on the command line.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::world::{Reply, World, send};

const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");

/// Two browsers have been there, each twice. Erasures are done at once.
fn world() -> (World, [String; 2]) {
    let world = World::with(|config| config.erase_within = Duration::ZERO);
    let ids = [0, 1].map(|_| {
        let first = world.get("/i/adsct?txn_id=o8z6j", &[]);
        let cookie = first.cookie("__Host-Http-pg").expect("a new browser gets an id");
        world.get("/i/adsct?txn_id=o87ne", &[("Cookie", &cookie)]);
        let last = world.stored().pop().expect("it is stored");
        last["browser_id"].as_str().expect("an id").to_owned()
    });
    assert_ne!(ids[0], ids[1]);
    assert_eq!(world.stored().len(), 4);
    (world, ids)
}

fn ask(world: &World, headers: &[(&str, &str)], body: &str) -> Reply {
    send(world.admin(), "POST", "/admin/erasures", headers, body)
}

/// How often a browser's id is in a file, in bytes or in digits.
#[expect(clippy::disallowed_methods, reason = "the test looks at the bytes themselves")]
fn traces(dir: &Path, id: &str) -> usize {
    let bytes: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let files = std::fs::read_dir(dir).expect("a data directory").map(|file| file.expect("a file").path());
    let contents = files.filter_map(|path| std::fs::read(path).ok());
    let count = |file: &[u8], what: &[u8]| file.windows(what.len()).filter(|window| *window == what).count();
    contents.map(|file| count(&file, &bytes) + count(&file, id.as_bytes())).sum()
}

#[test]
fn an_erasure_over_http_gives_a_receipt_and_is_done() {
    let (world, [gone, other]) = world();
    assert_eq!(traces(&world.data_dir(), &gone), 2);
    let body = format!(r#"{{"subjects":[{{"browser_id":"{gone}"}}]}}"#);
    for headers in [&[][..], &[("Authorization", "Bearer dev")]] {
        assert_eq!(ask(&world, headers, &body).status, 401, "{headers:?}");
        assert_eq!(send(world.admin(), "GET", "/admin/erasures", headers, "").status, 401, "{headers:?}");
    }
    let refused = ask(&world, &[TOKEN], r#"{"subjects":[{"browser_id":"me"}]}"#);
    assert_eq!((refused.status, world.stored().len()), (400, 4));
    let taken = ask(&world, &[TOKEN], &body);
    assert_eq!(taken.status, 202);
    assert!(!taken.text().contains(&gone), "a receipt names nobody");
    let shown: Vec<_> = world.stored().iter().map(|row| row["browser_id"].clone()).collect();
    assert_eq!(shown, [&*other, &*other], "at once");
    let deadline = Instant::now() + Duration::from_secs(30);
    // Attempts to authenticate are limited, and this is none.
    while world.admin_get("/readyz").json()["erasures"] != "done" {
        assert!(Instant::now() < deadline, "it is not done");
    }
    let listed = send(world.admin(), "GET", "/admin/erasures", &[TOKEN], "").json();
    assert!(listed[0]["erased_at"].is_string(), "{listed}");
    let found = ["subjects", "pending", "rows"].map(|field| listed[0][field].as_u64().expect("a number"));
    assert_eq!((&listed[0]["id"], found), (&taken.json()["id"], [1, 0, 2]));
    assert!(!listed.to_string().contains(&gone));
    assert!(world.admin_get("/metrics").text().contains("\npixelgate_log_rows_erased_total 2\n"));
    assert_eq!([&gone, &other].map(|id| traces(&world.data_dir(), id)), [0, 2]);
}

fn erase(dir: &Path, id: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["erase", "--data-dir"])
        .arg(dir)
        .args(["--json", "--browser-id", id])
        .output()
        .expect("the program runs")
}

#[test]
fn the_command_erases_where_no_server_runs() {
    let (mut world, [gone, other]) = world();
    let dir = world.data_dir();
    let busy = erase(&dir, &gone);
    assert_eq!(busy.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("another process"), "{busy:?}");
    world.stop();
    let done = erase(&dir, &gone);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let receipt: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!((&receipt["rows"], receipt["erased_at"].is_string()), (&2.into(), true));
    assert_eq!([&gone, &other].map(|id| traces(&dir, id)), [0, 2]);
    world.restart();
    assert_eq!(world.stored().len(), 2);
    assert_eq!(erase(&dir.join("nowhere"), &gone).status.code(), Some(1));
    assert!(!dir.join("nowhere").exists(), "nothing is made where nothing was");
    assert_eq!(erase(&dir, "me").status.code(), Some(2));
}
