//! The layers, as `src/lib.rs` describes them: imports point down, and some things have one place only.

use std::collections::BTreeSet;
use std::path::Path as FilePath;

use crate::source::{Kind, Path, Source};

/// What each layer may import from this crate. A layer may always import itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("consent", &["domain"]),
    ("storage", &["domain", "consent"]),
    ("service", &["domain", "consent", "storage"]),
    ("http", &["domain", "consent", "service"]),
    ("config", &["domain", "consent::policy", "consent::tcf"]),
    ("telemetry", &["domain", "consent::policy"]),
    ("app", EVERYTHING_BUT_CLI),
    ("cli", EVERYTHING),
    ("main", EVERYTHING),
    ("lib", EVERYTHING),
];

const EVERYTHING: &[&str] =
    &["domain", "consent", "storage", "service", "http", "config", "telemetry", "app", "cli"];
const EVERYTHING_BUT_CLI: &[&str] =
    &["domain", "consent", "storage", "service", "http", "config", "telemetry"];

/// Layers that name nothing but std, and of std only what neither does I/O nor knows the time.
const PURE: &[&str] = &["domain", "consent"];
const IMPURE_STD: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Crates that only `http` names. What reads an answer as a client may use `httparse`, as `http` does.
const CRATES_OF_HTTP: &[&str] = &["http", "http_body", "http_body_util", "hyper", "hyper_util"];

/// Crates that only one file names, so that any of them can be replaced.
const CRATES_OF_ONE_FILE: &[&str] = &["dashmap", "maxminddb", "governor"];

/// ring is named where there are codes and randomness, and where digests are made that outlast a start.
const FILES_OF_RING: &[&str] = &["service/crypto.rs", "storage/digest.rs"];

#[test]
fn imports_point_down() {
    let sources = own_sources();
    let crates = own_dependencies();
    let faults = faults(&sources, &crates);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let manifest = read(&root().join("Cargo.toml"));
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for manifest in [manifest, read(&root().join("loadtest/Cargo.toml"))] {
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "a package that does not take the workspace's lints"
        );
    }
}

/// Every breach of the rules above, as `file:line: what`.
fn faults(sources: &[Source], crates: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        upward_imports(source, &mut faults);
        impurities(source, crates, &mut faults);
        http_elsewhere(source, &mut faults);
        cookies_elsewhere(source, &mut faults);
        ring_elsewhere(source, &mut faults);
    }
    second_places(sources, &mut faults);
    permits(sources, &mut faults);
    faults
}

fn upward_imports(source: &Source, faults: &mut Vec<String>) {
    let layer = source.layer();
    let Some(&(_, allowed)) = MAY_IMPORT.iter().find(|(known, _)| *known == layer) else {
        faults.push(format!("{}: `{layer}` is no layer that the table knows", source.file));
        return;
    };
    for path in source.paths.iter().filter(|path| path.segments[0] == "crate") {
        let named = path.segments[1..].join("::");
        let within = |prefix: &str| named == prefix || named.starts_with(&format!("{prefix}::"));
        let own = within(layer) || layer == "lib";
        if !own && !allowed.iter().any(|prefix| within(prefix)) {
            faults.push(at(source, path, &format!("`{layer}` imports `{named}`")));
        } else if !own && path.exported {
            // Would let a layer above reach what it may not import.
            faults.push(at(source, path, &format!("`{layer}` hands `{named}` on")));
        }
    }
}

fn impurities(source: &Source, crates: &[String], faults: &mut Vec<String>) {
    if !PURE.contains(&source.layer()) {
        return;
    }
    for path in &source.paths {
        let named = path.segments.join("::");
        let within = |prefix: &&str| named == **prefix || named.starts_with(&format!("{prefix}::"));
        let whole = matches!(&*named, "std" | "std::*" | "std::time" | "std::time::*");
        if crates.contains(&path.segments[0]) || IMPURE_STD.iter().any(within) || whole {
            faults.push(at(source, path, &format!("`{}` names `{named}`", source.layer())));
        }
    }
}

fn http_elsewhere(source: &Source, faults: &mut Vec<String>) {
    if source.layer() == "http" {
        return;
    }
    for name in CRATES_OF_HTTP {
        for path in source.paths_into(name) {
            faults.push(at(source, path, &format!("`{name}` is named outside `http`")));
        }
    }
}

fn cookies_elsewhere(source: &Source, faults: &mut Vec<String>) {
    if source.file == "http/cookie.rs" {
        return;
    }
    for token in &source.tokens {
        let (Kind::Word(text) | Kind::Text(text)) = &token.kind else { continue };
        let plain = text.to_ascii_lowercase().replace('_', "-");
        if plain.contains("set-cookie") {
            faults.push(format!("{}:{}: only http/cookie.rs sets cookies", source.file, token.line));
        }
    }
}

fn second_places(sources: &[Source], faults: &mut Vec<String>) {
    for name in CRATES_OF_ONE_FILE {
        let names = |source: &&Source| source.paths_into(name).next().is_some();
        let files: Vec<_> = sources.iter().filter(names).map(|source| &*source.file).collect();
        if files.len() > 1 {
            faults.push(format!("`{name}` is named in {}", files.join(" and ")));
        }
    }
}

fn ring_elsewhere(source: &Source, faults: &mut Vec<String>) {
    if !FILES_OF_RING.contains(&&*source.file) {
        for path in source.paths_into("ring") {
            faults.push(at(source, path, "`ring` is named outside its files"));
        }
    }
}

/// `Permitted { .. }` stands in one place of one file.
fn permits(sources: &[Source], faults: &mut Vec<String>) {
    let is_literal = |pair: &[crate::source::Token]| {
        pair[0].kind == Kind::Word("Permitted".into()) && pair[1].kind == Kind::Other('{')
    };
    let places: Vec<_> = sources
        .iter()
        .flat_map(|source| {
            let literals = source.tokens.windows(2).filter(|pair| is_literal(pair));
            literals.map(|pair| format!("{}:{}", source.file, pair[0].line))
        })
        .collect();
    if places.len() > 1 {
        faults.push(format!("a permit is made in {}", places.join(" and ")));
    }
}

fn at(source: &Source, path: &Path, what: &str) -> String {
    format!("src/{}:{}: {what}", source.file, path.line)
}

fn own_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root().join("src"), "", &mut sources);
    let tests: BTreeSet<String> = sources.iter().flat_map(test_files).collect();
    sources.retain(|source| !tests.iter().any(|test| is_below(&source.file, test)));
    assert!(sources.iter().any(|source| source.file == "consent/gate.rs"), "the walk went astray");
    sources
}

fn collect(directory: &FilePath, prefix: &str, sources: &mut Vec<Source>) {
    for entry in directory.read_dir().expect("src is a directory") {
        let entry = entry.expect("src can be read");
        let name = entry.file_name().into_string().expect("our names are text");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), sources);
        } else if name.ends_with(".rs") {
            sources.push(Source::parse(&format!("{prefix}{name}"), &read(&entry.path())));
        }
    }
}

/// Where the modules marked as tests are, without `.rs`.
fn test_files(source: &Source) -> Vec<String> {
    let stem = source.file.trim_end_matches(".rs");
    let directory = stem.strip_suffix("mod").map_or_else(|| format!("{stem}/"), str::to_owned);
    source.test_modules.iter().map(|name| format!("{directory}{name}")).collect()
}

fn is_below(file: &str, module: &str) -> bool {
    file.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// The crates that Cargo.toml lists, as source names them.
fn own_dependencies() -> Vec<String> {
    let manifest = read(&root().join("Cargo.toml"));
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let tables = ["dependencies", "dev-dependencies"].map(|name| manifest[name].as_table().expect("a table"));
    tables.into_iter().flat_map(toml::Table::keys).map(|name| name.replace('-', "_")).collect()
}

fn root() -> &'static FilePath {
    FilePath::new(env!("CARGO_MANIFEST_DIR"))
}

#[expect(clippy::disallowed_methods, reason = "reads the project's own sources")]
fn read(path: &FilePath) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn check(files: &[(&str, &str)], expect: &[&str]) {
    let sources: Vec<_> = files.iter().map(|(file, text)| Source::parse(file, text)).collect();
    let found = faults(&sources, &["serde".to_owned(), "uuid".to_owned()]);
    assert_eq!(found.len(), expect.len(), "{found:?}");
    for (found, expect) in found.iter().zip(expect) {
        assert!(found.contains(expect), "{found:?} does not contain {expect:?}");
    }
}

#[test]
fn an_upward_import_is_found() {
    check(
        &[("domain/id.rs", "use crate::consent::gate::Gate;")],
        &["src/domain/id.rs:1: `domain` imports `consent"],
    );
    check(
        &[("consent/gate.rs", "\nuse crate::storage::log::Log;")],
        &["src/consent/gate.rs:2: `consent` imports"],
    );
    check(
        &[("http/pixel.rs", "fn f(log: &crate::storage::log::Log) {}")],
        &["`http` imports `storage::log::Log`"],
    );
    check(
        &[("http/pixel.rs", "use super::super::{storage::log, service};")],
        &["`http` imports `storage::log`"],
    );
    check(
        &[("config.rs", "use crate::consent::{gate, policy::Policy};")],
        &["`config` imports `consent::gate`"],
    );
    check(&[("service/a.rs", "use crate::{app, cli::x, http};")], &["`app`", "`cli::x`", "`http`"]);
    check(&[("app.rs", "use crate::cli;")], &["`app` imports `cli`"]);
    check(
        &[("http/a.rs", "use crate as all;"), ("http/b.rs", "use crate::*;")],
        &["imports ``", "imports `*`"],
    );
    check(&[("extra/a.rs", "")], &["`extra` is no layer"]);
}

#[test]
fn what_points_down_is_let_through() {
    check(&[("storage/a.rs", "use crate::consent::gate::Permitted; use super::log::Log;")], &[]);
    check(&[("http/a.rs", "use crate::{service::hit, consent::signals::Signals}; use http::Uri;")], &[]);
    check(&[("cli/a.rs", "use crate::{app, http}; fn f() { http::server::run() }")], &[]);
    check(
        &[
            ("http/a.rs", "use rustls::crypto::ring; fn f() { ring::x() }"),
            ("service/crypto.rs", "use ring::hmac;"),
        ],
        &[],
    );
    check(&[("http/mod.rs", "#[cfg(test)] mod tests { use crate::storage::log; }")], &[]);
}

#[test]
fn a_layer_hands_nothing_of_another_on() {
    check(
        &[("service/mod.rs", "pub use crate::storage::log::Log;")],
        &["`service` hands `storage::log::Log` on"],
    );
    check(&[("service/mod.rs", "pub(crate) use crate::storage::log::Log;")], &["`service` hands"]);
    check(&[("service/mod.rs", "pub use crate::service::hit::Hit; pub use self::a::B;")], &[]);
}

#[test]
fn domain_and_consent_name_std_only_and_no_io() {
    check(
        &[("domain/a.rs", "#[derive(serde::Serialize)] struct A;")],
        &["`domain` names `serde::Serialize`"],
    );
    check(
        &[("consent/a.rs", "use std::{fmt, fs, time::{Duration, SystemTime}};")],
        &["std::fs", "std::time::System"],
    );
    check(&[("consent/a.rs", "fn f() { std::net::TcpStream::connect(a) }")], &["std::net"]);
    check(&[("domain/a.rs", "use std as s;")], &["`domain` names `std`"]);
}

#[test]
fn what_has_one_place_is_found_in_a_second() {
    check(&[("service/a.rs", "fn f(uri: &hyper::Uri) {}")], &["`hyper` is named outside `http`"]);
    check(&[("service/a.rs", "fn f(uri: &::http::Uri) {}")], &["`http` is named outside `http`"]);
    check(
        &[("storage/a.rs", "use dashmap::DashMap;"), ("http/b.rs", "use dashmap::DashSet;")],
        &["`dashmap` is named in"],
    );
    check(&[("service/a.rs", "use ring::hmac;")], &["`ring` is named outside its files"]);
    check(&[("http/pixel.rs", "const A: &str = \"Set-Cookie\";")], &["only http/cookie.rs sets cookies"]);
    check(
        &[("http/a.rs", "fn f() { put(SET_COOKIE) }"), ("http/cookie.rs", "fn f() { put(SET_COOKIE) }")],
        &["http/a.rs:1"],
    );
    let made = "fn f() -> Permitted<A> { Permitted { value, evidence } }";
    check(&[("consent/gate.rs", made)], &[]);
    check(
        &[("consent/gate.rs", made), ("consent/rule.rs", made)],
        &["a permit is made in consent/gate.rs:1 and"],
    );
}
