//! Programs that must not compile, in `tests/ui`.
//!
//! Each takes in the real sources with `#[path]`, so that its attacker is a sibling module of the gate: a program
//! that links the library from outside cannot tell `pub(crate)` from private. What is compared is rustc's error
//! codes, which are stable, and the lines that they point to, which end in `//~`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn no_program_gets_round_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let entries = directory.read_dir().expect("tests/ui is a directory");
    let mut programs: Vec<PathBuf> =
        entries.map(|entry| entry.expect("tests/ui can be read").path()).collect();
    programs.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    programs.sort();
    assert!(programs.len() > 10, "tests/ui has lost its programs");
    let faults: Vec<_> = programs.iter().filter_map(|program| verdict(program).err()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether `program` fails, or compiles, as its first line says.
fn verdict(program: &Path) -> Result<(), String> {
    let text = read(program);
    let expect = Expected::parse(&text).ok_or_else(|| format!("{}: no `//@` line", program.display()))?;
    let found = compile(program);
    if found == expect {
        return Ok(());
    }
    Err(format!("{}: expected {expect:?}, found {found:?}", program.display()))
}

/// Error codes, and the lines in the program itself that they point to. Line 0 stands for another file.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    codes: BTreeSet<String>,
    lines: BTreeSet<u64>,
}

impl Expected {
    /// `//@ error: E0451` or `//@ error: E0277, E0603`, or `//@ compiles`.
    fn parse(text: &str) -> Option<Self> {
        let head = text.lines().next()?.strip_prefix("//@ ")?;
        let codes = match head.strip_prefix("error: ") {
            Some(codes) => codes.split(", ").map(str::to_owned).collect(),
            None if head == "compiles" => BTreeSet::new(),
            None => return None,
        };
        let marked = text.lines().zip(1..).filter(|(line, _)| line.ends_with("//~"));
        Some(Self { codes, lines: marked.map(|(_, number)| number).collect() })
    }
}

fn compile(program: &Path) -> Expected {
    let out = tempfile::tempdir().expect("a temporary directory");
    let rustc = option_env!("RUSTC").unwrap_or("rustc");
    let run = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit=metadata",
            "--error-format=json",
            "-Awarnings",
        ])
        .arg("--out-dir")
        .arg(out.path())
        .arg(program)
        .output()
        .expect("rustc can be started");
    let messages = String::from_utf8(run.stderr).expect("rustc writes text");
    let mut found = Expected { codes: BTreeSet::new(), lines: BTreeSet::new() };
    for message in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(message).expect("rustc writes JSON");
        note(&message, program, &mut found);
    }
    assert_eq!(run.status.success(), found.codes.is_empty(), "an error without a message: {messages}");
    found
}

fn note(message: &serde_json::Value, program: &Path, found: &mut Expected) {
    let text = message["message"].as_str().unwrap_or_default();
    if message["level"] != "error" || text.starts_with("aborting due to") {
        return;
    }
    found.codes.insert(message["code"]["code"].as_str().unwrap_or(text).to_owned());
    let spans = message["spans"].as_array().into_iter().flatten().filter(|span| span["is_primary"] == true);
    for span in spans {
        let own = span["file_name"].as_str().is_some_and(|name| Path::new(name) == program);
        found.lines.insert(if own { span["line_start"].as_u64().unwrap_or_default() } else { 0 });
    }
}

#[expect(clippy::disallowed_methods, reason = "reads the project's own programs")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
#[expect(clippy::disallowed_methods, reason = "writes a program to try the runner on")]
fn check(program: &str, expect: Result<(), &str>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("program.rs");
    std::fs::write(&path, program).expect("the temporary directory can be written to");
    match (verdict(&path), expect) {
        (Ok(()), Ok(())) => {}
        (Err(found), Err(expect)) if found.contains(expect) => {}
        (found, expect) => panic!("expected {expect:?}, found {found:?}"),
    }
}

#[test]
fn the_runner_accepts_what_fails_as_announced() {
    check("//@ compiles\npub fn f() {}\n", Ok(()));
    check("//@ error: E0425\npub fn f() { x } //~\n", Ok(()));
    check("//@ error: E0425, E0433\npub fn f() { x; y::z() } //~\n", Ok(()));
}

#[test]
fn the_runner_rejects_what_fails_otherwise() {
    check("//@ error: E0451\npub fn f() { x } //~\n", Err("found Expected { codes: {\"E0425\"}"));
    check("//@ error: E0451\npub fn f() {} //~\n", Err("codes: {}"));
    check("//@ compiles\npub fn f() { x }\n", Err("E0425"));
    check("//@ error: E0425\npub fn f() { x; y::z() } //~\n", Err("E0433"));
    check("//@ error: E0425\npub fn f() { x }\npub fn g() {} //~\n", Err("lines: {2}"));
    check("//@ error: E0425\npub fn f() { x } //~\npub fn g() { 1 } //~\n", Err("E0308"));
    check("//@ error: E0425\npub fn f() { x } //~\npub fn g() } //~\n", Err("closing delimiter"));
    check("pub fn f() {}\n", Err("no `//@` line"));
}
