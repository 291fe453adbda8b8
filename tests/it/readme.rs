//! What the README says is so: each promise has its test, and the configuration in it is one.

use std::path::Path;

use pixelgate::config::Config;
use pixelgate::consent::refusal::Refusal;

#[test]
fn every_promise_names_a_test_that_exists() {
    let readme = read("README.md");
    let table = section(&readme, "## What it promises");
    let promises: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(promises.len() > 10, "the table of promises has lost its rows");
    let tests = Tests::collect();
    let missing: Vec<_> = promises.iter().flat_map(|row| tests.missing(row)).collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_configuration_in_the_readme_is_accepted() {
    let readme = read("README.md");
    let (_, text) = readme.split_once("```toml\n").expect("a configuration in the README");
    let (text, _) = text.split_once("```").expect("its end");
    let environment =
        |_: &str| Some("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".to_owned());
    if let Err(mistakes) = Config::parse(text, &environment) {
        panic!("{mistakes:?}");
    }
}

#[test]
fn the_codes_of_refusals_are_those_of_the_program() {
    let readme = read("README.md");
    let table = section(&readme, "## Why something was refused");
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expect: Vec<_> =
        Refusal::ALL.iter().map(|reason| format!("| `{}` | {} |", reason.code(), reason.text())).collect();
    assert_eq!(rows, expect);
}

/// Every test there is.
struct Tests {
    /// The sources of those in Rust.
    rust: String,
    /// The sources of those in a browser.
    browser: String,
}

impl Tests {
    fn collect() -> Self {
        let mut tests = Self { rust: String::new(), browser: String::new() };
        for directory in ["src", "tests/it", "loadtest/src"] {
            gather(&root().join(directory), "rs", &mut tests.rust);
        }
        gather(&root().join("tests/browser"), "test.mjs", &mut tests.browser);
        tests
    }

    /// What the last column of `row` names and nobody can find; also a row that names nothing.
    fn missing(&self, row: &str) -> Vec<String> {
        let cells = row.trim_end().strip_suffix('|').unwrap_or(row);
        let column = cells.rsplit('|').next().unwrap_or_default();
        // A heading within the table.
        if cells.trim_end().ends_with('|') && cells.starts_with("| **") {
            return Vec::new();
        }
        let in_rust = quoted(column, '`').filter(|name| !self.is_in_rust(name));
        let in_browser = quoted(column, '"').filter(|name| !self.browser.contains(&format!("test('{name}'")));
        let mut missing: Vec<_> = in_rust.chain(in_browser).map(|name| format!("no test {name}")).collect();
        if quoted(column, '`').chain(quoted(column, '"')).next().is_none() {
            missing.push(format!("no test at all: {row}"));
        }
        missing
    }

    /// A test's function, or a file or directory of tests.
    fn is_in_rust(&self, name: &str) -> bool {
        if name.contains('/') {
            return root().join(name).exists();
        }
        let function = format!("fn {name}()");
        self.rust.match_indices(&function).any(|(at, _)| {
            let before: Vec<_> = self.rust[..at].lines().rev().take(4).map(str::trim).collect();
            before.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
        })
    }
}

/// What stands between two `mark`s.
fn quoted(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.split(mark).skip(1).step_by(2)
}

fn section<'r>(readme: &'r str, heading: &str) -> &'r str {
    let (_, text) = readme.split_once(heading).unwrap_or_else(|| panic!("no {heading:?} in the README"));
    text.split_once("\n## ").map_or(text, |(text, _)| text)
}

fn gather(directory: &Path, ending: &str, into: &mut String) {
    for entry in directory.read_dir().expect("a directory of ours") {
        let path = entry.expect("it can be read").path();
        let name = path.to_string_lossy();
        if path.is_dir() && !name.ends_with("node_modules") {
            gather(&path, ending, into);
        } else if name.ends_with(ending) {
            into.push_str(&read(path.strip_prefix(root()).expect("a path below the root")));
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[expect(clippy::disallowed_methods, reason = "reads the project's own files")]
fn read(file: impl AsRef<Path>) -> String {
    let path = root().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_missing_test_is_noticed() {
    let tests = Tests {
        rust: "    #[test]\n    fn there() {}\n\n\n\n    fn helper() {}\n".to_owned(),
        browser: "test('it shows', LIMIT, async () => {});".to_owned(),
    };
    assert_eq!(tests.missing("| a | `there`, \"it shows\" (`tests/ui/`) |"), Vec::<String>::new());
    assert_eq!(tests.missing("| **the log** | |"), Vec::<String>::new());
    assert_eq!(tests.missing("| a | `elsewhere` |"), ["no test elsewhere"]);
    assert_eq!(tests.missing("| a | `helper` |"), ["no test helper"]);
    assert_eq!(tests.missing("| a | \"it hides\" |"), ["no test it hides"]);
    assert_eq!(tests.missing("| a | `tests/no/such` |"), ["no test tests/no/such"]);
    assert_eq!(tests.missing("| `there` | |"), ["no test at all: | `there` | |"]);
}
