//! The load tests tested: what a lying server does must be found, and an honest one must pass.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The fake server, under the name of the lie that it shall tell.
struct Fake {
    directory: tempfile::TempDir,
    program: PathBuf,
}

impl Fake {
    fn new(lie: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let built = Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("examples").join("fake_server");
        let program = directory.path().join(lie);
        std::fs::copy(built, &program).expect("cargo has built the example");
        Self { directory, program }
    }

    /// Starts it; returns where it listens.
    fn serve(&self) -> (Child, String) {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--data-dir"]).arg(self.directory.path().join("data")).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the fake starts");
        let stdout = child.stdout.take().expect("its output is ours");
        let line = std::io::BufRead::lines(std::io::BufReader::new(stdout)).next();
        let line = line.expect("it says where it listens").expect("in UTF-8");
        (child, line.trim_start_matches("listening on ").to_owned())
    }
}

fn loadtest(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest")).args(args).output().expect("loadtest starts")
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// Runs the oracle against the fake; returns the exit code and what it said.
fn kill(lie: &str, cycles: &str) -> (Option<i32>, String) {
    let fake = Fake::new(lie);
    let program = fake.program.to_str().expect("a UTF-8 path");
    let scratch = fake.directory.path().to_str().expect("a UTF-8 path");
    let output = loadtest(&[
        "chaos",
        "--kill",
        cycles,
        "--server",
        program,
        "--scratch",
        scratch,
        "--connections",
        "8",
    ]);
    (output.status.code(), text(&output))
}

#[track_caller]
fn check_found(lie: &str, word: &str) {
    let (code, said) = kill(lie, "2");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("BROKEN") && said.contains(word), "{said}");
}

#[test]
fn an_honest_server_passes() {
    let (code, said) = kill("honest", "4");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("kill: 4 cycles, acknowledged ") && said.contains(" lost 0, duplicates 0"),
        "{said}"
    );
    assert!(!said.contains("acknowledged 0,") && !said.contains("opt-outs 0 "), "nothing was tried: {said}");
}

#[test]
fn a_lost_row_is_found() {
    check_found("losing", " lost\n");
}

#[test]
fn a_row_stored_twice_is_found() {
    check_found("doubling", "stored twice");
}

#[test]
fn a_row_behind_an_opt_out_is_found() {
    check_found("following", "stored behind an opt-out");
}

#[test]
fn a_lost_opt_out_is_found() {
    check_found("forgetting", "acknowledged opt-outs lost");
}

#[test]
fn a_server_that_does_not_start_again_is_found() {
    check_found("stillborn", "there is something in the directory already");
}

/// Runs `loadtest run` against the fake; returns its report.
fn run(lie: &str, args: &[&str]) -> Value {
    let fake = Fake::new(lie);
    let (mut child, origin) = fake.serve();
    let html = fake.directory.path().join("report.html");
    let fixed = [
        "run",
        "--json",
        "--warm-up",
        "0",
        "--target",
        &origin,
        "--html",
        html.to_str().expect("a UTF-8 path"),
    ];
    let output = loadtest(&[&fixed, args].concat());
    child.kill().expect("the fake is ours to end");
    child.wait().expect("it ends");
    let page = std::fs::read_to_string(html).expect("the report was written");
    assert_eq!(page.matches("<figure>").count(), 3);
    assert!(!page.contains("<script") && !page.contains("src="), "the report needs nothing else");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
}

#[test]
fn a_stall_counts_for_all_who_had_to_wait() {
    let load = ["--rate", "1000", "--arrivals", "constant", "--connections", "1", "--seconds", "1"];
    let report = run("stalling", &load);
    let p90 = report["latency_us"]["p90"].as_f64().expect("a number");
    assert!(p90 > 100_000.0, "300 of 1000 arrivals fell into the stall of 300 ms, yet p90 is {p90} µs");
    let service = report["service_us"]["p90"].as_f64().expect("a number");
    assert!(service < 100_000.0, "only one request took that long by itself, yet p90 is {service} µs");
}

#[test]
fn refusals_are_counted_and_are_no_goodput() {
    let report =
        run("refusing", &["--closed", "--connections", "4", "--requests", "500", "--mix", "fresh=100"]);
    assert_eq!(report["statuses"]["503"], report["statuses"]["200"]);
    assert_eq!(report["outcomes"]["overloaded"], 250);
    assert_eq!(report["outcomes"]["stored; disk"], 250);
    assert_eq!(report["answers"], 500);
    let (good, all) = (report["good_per_s"].as_f64().unwrap(), report["answers_per_s"].as_f64().unwrap());
    assert!((good * 2.0 / all - 1.0).abs() < 0.01, "{good} of {all}");
}

#[test]
fn browsers_send_what_their_kind_sends() {
    let mix =
        ["--closed", "--connections", "2", "--requests", "400", "--mix", "returning=50,opted-out=25,gpc=25"];
    let report = run("honest", &mix);
    let sum: u64 =
        report["browsers"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum, 400);
    // The first returning browsers have no cookie yet; after that they have.
    assert!(report["browsers"]["fresh"].as_u64().unwrap() <= 4, "{report}");
    assert!(report["browsers"]["returning"].as_u64().unwrap() > 100, "{report}");
}

#[test]
fn a_comparison_measures_cpu_and_memory() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let path = scratch.path().to_str().expect("a UTF-8 path");
    let short = ["--rounds", "2", "--seconds", "0.3", "--warm-up", "0.1", "--idle", "150", "--scratch", path];
    let output = loadtest(&[&["compare", "--json", "--only", "hyper"][..], &short].concat());
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    for round in report["rounds"].as_array().expect("rounds") {
        let sample = &round[0][1];
        assert!(sample["cpu_us_per_request"].as_f64().is_some_and(|us| us > 0.5 && us < 1000.0), "{sample}");
        assert_eq!((&sample["wrong"], &sample["broken"]), (&Value::from(0), &Value::from(0)), "{sample}");
    }
    assert_eq!(report["idle"][0][1]["held"], 150);
    assert_eq!(std::fs::read_dir(path).expect("still there").count(), 0, "all data is removed");
}
