//! Exports to Parquet: what is in the files is what is in the log, and analysts' software reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use pixelgate::domain::time::{Clock as _, MS_PER_DAY, Timestamp};
use pixelgate::storage::disk::Disk as _;
use pixelgate::storage::export_columns::{Column, ColumnType};
use pixelgate::storage::{export, reader};
use serde_json::{Map, Value, json};

use crate::simulated_disk::{Faults, SimulatedDisk};
use crate::world::{START, World, send};

/// Rows of every kind, some with next to nothing in them, and some of earlier days.
fn world() -> World {
    let world = World::with(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().expect("a network")];
        config.proxies.country_header = Some("x-country".into());
    });
    // The purchase is credited to the click.
    let click = world.get("/c/spring", &[("X-Country", "US")]);
    let landing = click.header("Location").expect("a landing page").to_owned();
    let (_, click_id) = landing.split_once("twclid=").expect("a click id");
    world.get(&format!("/i/adsct?txn_id=o87ne&event_id=credited&twclid={click_id}"), &[("X-Country", "US")]);
    for target in ["/i/adsct?txn_id=o8z6j", "/i/adsct?txn_id=o87ne&tw_sale_amount=12.50&tw_order_quantity=2"]
    {
        world.get(target, &[("X-Country", "US")]);
    }
    let token = ("X-Pixel-Token", "dev-pixel-token");
    for (days, value) in [(0, "0.000001"), (1, "19.99"), (1, "7"), (40, "1")] {
        let time = Timestamp(world.clock.now().0 - days * MS_PER_DAY).to_string();
        let item = json!({"conversion_time": time, "event_id": "o87nf", "value": value, "restricted_data_use": days == 1,
            "identifiers": [{"twclid": value.replace('.', "x")}, {"hashed_email": "3a".repeat(32)}]});
        let body = json!({"conversions": [item]}).to_string();
        let reply = send(world.public(), "POST", "/12/measurement/conversions/o8z6j", &[token], &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let embed = "/i/embed?href=https%3A%2F%2Fnews.example%2Fstory";
    world.get(embed, &[("X-Country", "US")]);
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie("__Host-Http-pg").expect("an id");
    let known = [("Cookie", &*id), ("Sec-Fetch-Storage-Access", "active")];
    for target in ["/match/acme?uid=abc", "/setuid?bidder=acme&uid="] {
        world.get(target, &known);
    }
    let admin = [("Authorization", "Bearer dev-admin-token")];
    let settings = json!({"settings": [{"hashed_account_id": "ab".repeat(32), "personalize": true, "partners": false,
        "devices": true, "web": false}]});
    send(world.admin(), "POST", "/admin/settings", &admin, &settings.to_string());
    let list = json!({"hashed_email": "cd".repeat(32)}).to_string();
    let ndjson = [admin[0], ("Content-Type", "application/x-ndjson")];
    send(world.admin(), "POST", "/admin/optouts", &ndjson, &list);
    world
}

fn run_export(world: &World, to: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pixelgate"));
    command.args(["export", "--format", "parquet", "--data-dir"]).arg(world.data_dir());
    command.arg("--output").arg(to).args(more).output().expect("the program runs")
}

/// All files below `dir`, in the order of their names.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        dir.read_dir().expect("a directory").map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The rows of all files with what their directories say of them.
fn rows(dir: &Path) -> Vec<Map<String, Value>> {
    files(dir).iter().flat_map(|file| rows_of(dir, file)).collect()
}

#[expect(clippy::disallowed_methods, reason = "reads what was exported, as an analyst would")]
fn rows_of(dir: &Path, path: &Path) -> Vec<Map<String, Value>> {
    let below = path.strip_prefix(dir).expect("below it").to_str().expect("text");
    let parts: Vec<_> = below.split('/').collect();
    let [kind, day, file] = parts[..] else { panic!("{below}") };
    assert!(file.starts_with("part-") && file.ends_with(".parquet"), "{below}");
    let said = |part: &str, name| part.strip_prefix(name).unwrap_or_else(|| panic!("{below}")).to_owned();
    let (kind, day) = (said(kind, "kind="), said(day, "day="));
    let reader = SerializedFileReader::new(File::open(path).expect("a file")).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows").map(|row| {
        let row = row.expect("a row");
        let fields = row.get_column_iter().map(|(name, field)| (name.clone(), cell(field)));
        let mut fields: Map<String, Value> = fields.collect();
        assert_eq!(fields["at"].as_str().map(|at| &at[..10]), Some(&*day), "{below}");
        fields.insert("kind".to_owned(), kind.clone().into());
        fields
    });
    rows.collect()
}

fn cell(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => (*flag).into(),
        Field::Long(number) => (*number).into(),
        Field::Str(text) => text.clone().into(),
        Field::TimestampMillis(ms) => Timestamp(ms.cast_unsigned()).to_string().into(),
        Field::ListInternal(list) => list.elements().iter().map(cell).collect(),
        other => panic!("a field of an unexpected type: {other:?}"),
    }
}

/// A row of NDJSON as Parquet has it: evidence and credit beside the rest, and null for what its kind does not have.
fn flat(row: &Value) -> Map<String, Value> {
    let mut row = row.as_object().expect("an object").clone();
    if let Some(Value::Object(evidence)) = row.remove("evidence") {
        row.extend(evidence);
    }
    if let Some(Value::Object(credit)) = row.remove("credit") {
        row.extend(credit.into_iter().map(|(name, value)| (format!("credit_{name}"), value)));
    }
    for column in Column::ALL {
        row.entry(column.name()).or_insert(Value::Null);
    }
    row
}

fn sorted(mut rows: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    rows.sort_by_key(|row| serde_json::to_string(row).expect("text"));
    rows
}

#[test]
fn parquet_has_row_by_row_what_the_log_has() {
    let world = world();
    let stored: Vec<_> = world.stored().iter().map(flat).collect();
    let kinds: std::collections::BTreeSet<_> = stored.iter().map(|row| row["kind"].to_string()).collect();
    assert_eq!(kinds.len(), 8, "every kind: {kinds:?}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (all, some) = (directory.path().join("a/b"), directory.path().join("some"));
    let output = run_export(&world, &all, &[]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert_eq!(sorted(rows(&all)), sorted(stored.clone()));
    // And a part of it.
    let first = stored.iter().find(|row| row["kind"] == "conversion").expect("a conversion");
    let id = first["id"].as_str().expect("an id");
    run_export(&world, &some, &["--kind", "conversion,opt_out", "--after", id]);
    let wanted = |row: &Map<String, Value>| row["kind"] == "conversion" || row["kind"] == "opt_out";
    let expect: Vec<_> =
        stored.iter().filter(|row| wanted(row) && row["id"] != first["id"]).cloned().collect();
    assert_eq!((expect.len(), sorted(rows(&some))), (6, sorted(expect)));
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() {
    let world = world();
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert!(run_export(&world, directory.path(), &[]).status.success(), "an empty one is taken");
    let before = files(directory.path());
    let output = run_export(&world, directory.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("has something in it already"), "{told}");
    assert_eq!(files(directory.path()), before);
}

/// Wherever the power goes, what has a name is whole.
#[test]
fn a_file_has_its_name_only_when_it_is_whole() {
    let world = world();
    let rows = reader::read(&world.data_dir(), reader::From::Start).expect("the log can be read");
    let rows: Vec<_> = rows.map(|row| row.expect("a whole row")).collect();
    let day = START.to_string();
    let place =
        |kind: &str| Path::new("/export").join(format!("kind={kind}")).join(format!("day={}", &day[..10]));
    let export = |disk: &SimulatedDisk| -> std::io::Result<()> {
        let mut files = export::ParquetFiles::create(disk, "/export".into())?;
        rows.iter().try_for_each(|row| files.write(row))?;
        files.finish()
    };
    let (mut cut, mut seen) = (0, 0);
    for at in 1.. {
        let disk = SimulatedDisk::new(at, Faults { power_off_at: Some(at), ..Faults::default() });
        let is_done = export(&disk).is_ok();
        let after = disk.after_power_cut(at * 31, Faults::default());
        for dir in ["page_view", "conversion", "opt_out", "match"].map(place) {
            let names = after.list(&dir).unwrap_or_default();
            assert!(!is_done || names == ["part-0.parquet"], "{names:?}");
            for name in names.iter().filter(|name| name.ends_with(".parquet")) {
                let bytes = Bytes::from(after.bytes(&dir.join(name)));
                SerializedFileReader::new(bytes).unwrap_or_else(|error| panic!("cut at {at}: {error}"));
                seen += 1;
            }
        }
        if !disk.is_off() {
            break;
        }
        cut += 1;
    }
    assert!(cut > 40 && seen > 90, "the power went at {cut} operations, and {seen} files were there");
}

#[test]
#[ignore = "takes `npm ci` in tests/duckdb; tests/run does both"]
fn duckdb_counts_and_sums_an_export_as_the_log_has_it() {
    let world = world();
    let directory = tempfile::tempdir().expect("a temporary directory");
    run_export(&world, directory.path(), &[]);
    let query = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/duckdb/query.mjs");
    let output = Command::new("node").arg(query).arg(directory.path()).output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut expect = BTreeMap::new();
    for row in world.stored().iter().map(flat) {
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        let (kind, at) = (text("kind"), text("at"));
        let sums: &mut Sums = expect.entry((kind, at[..10].to_owned())).or_default();
        sums.add(&row, at);
    }
    let expect: Vec<_> = expect.into_iter().map(|((kind, day), sums)| sums.told(&kind, &day)).collect();
    assert!(expect.len() > 8, "several kinds and days: {expect:?}");
    assert_eq!(found, Value::from(expect));
}

/// What the query adds up.
#[derive(Default)]
struct Sums {
    rows: u64,
    value_micros: Option<i64>,
    match_keys: Option<usize>,
    restricted: u64,
    first: Option<String>,
}

impl Sums {
    fn add(&mut self, row: &Map<String, Value>, at: String) {
        self.rows += 1;
        if let Some(micros) = row["value_micros"].as_i64() {
            *self.value_micros.get_or_insert(0) += micros;
        }
        if let Some(keys) = row["match_keys"].as_array() {
            *self.match_keys.get_or_insert(0) += keys.len();
        }
        self.restricted += u64::from(row["restricted_data_use"] == true);
        self.first = Some(self.first.take().map_or(at.clone(), |first| first.min(at)));
    }

    fn told(self, kind: &str, day: &str) -> Value {
        json!({"kind": kind, "day": day, "rows": self.rows, "value_micros": self.value_micros.map(|sum| sum.to_string()),
            "match_keys": self.match_keys, "restricted": self.restricted, "first": self.first})
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads the project's own documentation")]
fn every_column_of_an_export_is_documented_with_its_type() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    for column in Column::ALL {
        let of = match column.of() {
            ColumnType::Text => "text",
            ColumnType::Words => "list of text",
            ColumnType::Whole => "int64",
            ColumnType::Flag => "boolean",
            ColumnType::Time => "timestamp",
        };
        let row = format!("| `{}` | {of} |", column.name());
        assert!(readme.contains(&row), "no row {row:?} in the README");
    }
}
