use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::tests::command;
use crate::domain::time::{Clock as _, MS_PER_DAY, Timestamp};
use crate::service::clock::SystemClock;

/// A directory of an operator's, with `installed.json` in it or not.
struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "the files that an operator has")]
    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("the temporary directory can be written to");
        self.path(name).to_str().expect("a path in UTF-8").to_owned()
    }

    #[expect(clippy::disallowed_methods, reason = "looks at what was installed")]
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    fn names(&self) -> Vec<String> {
        let entries = self.0.path().read_dir().expect("a directory").flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// Installs `list` as ours, who are vendor 755, over `installed.json`.
    fn install(&self, list: &str, more: &[&str]) -> (Value, u8) {
        let (new, to) = (self.write("new.json", list), self.path("installed.json"));
        let line = ["gvl", "install", &new, "--to", text(&to), "--vendor", "755", "--json"];
        let (out, code) = command(&[&line[..], more].concat(), "");
        (serde_json::from_str(&out).unwrap_or(Value::Null), code)
    }

    /// A refused list changes nothing, but with `--force`.
    #[track_caller]
    fn check_refused(&self, list: &str, expect: &str) {
        let before = self.read("installed.json");
        let (answer, code) = self.install(list, &[]);
        assert_eq!((code, &answer["installed"]), (1, &false.into()), "{answer}");
        let objections = answer["objections"].to_string();
        assert!(objections.contains(expect), "{objections}");
        assert_eq!(self.read("installed.json"), before);
        assert_eq!(self.install(list, &["--force"]).1, 0);
        assert_eq!(self.read("installed.json"), list);
        self.write("installed.json", &before);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// `days` old.
fn list(version: u16, days: u64) -> String {
    of(version, Timestamp(SystemClock.now().0 - days * MS_PER_DAY))
}

fn of(version: u16, updated: Timestamp) -> String {
    format!(
        "{{\"gvlSpecificationVersion\": 3, \"vendorListVersion\": {version}, \"lastUpdated\": \"{updated}\", \
         \"vendors\": {{\"755\": {{\"id\": 755, \"purposes\": [1, 3], \"legIntPurposes\": [7], \
         \"flexiblePurposes\": [7], \"features\": [3], \"specialFeatures\": []}}}}}}"
    )
}

#[test]
fn a_newer_list_takes_the_place_of_the_older_one() {
    let directory = Directory::new();
    let (answer, code) = directory.install(&list(311, 8), &[]);
    assert_eq!((code, &answer["before"]), (0, &Value::Null));
    let (answer, code) = directory.install(&list(312, 1), &[]);
    assert_eq!(
        (code, &answer["before"]["version"], &answer["list"]["version"]),
        (0, &311.into(), &312.into())
    );
    assert!(answer["next"].as_str().is_some_and(|next| next.contains("/-/reload")), "{answer}");
    assert_eq!(directory.read("installed.json"), directory.read("new.json"));
    // The same again is no step back.
    assert_eq!(directory.install(&directory.read("installed.json"), &[]).1, 0);
    assert_eq!(directory.names(), ["installed.json", "new.json"]);
    let (new, to) = (directory.path("new.json"), directory.path("installed.json"));
    let (out, code) = command(&["gvl", "install", text(&new), "--to", text(&to)], "");
    assert_eq!(code, 0);
    assert!(out.starts_with("installed: version 312 of ") && out.contains("\nnext: have the"), "{out}");
}

#[test]
fn a_list_that_is_worse_is_refused_unless_forced() {
    let directory = Directory::new();
    directory.write("installed.json", &list(312, 7));
    directory.check_refused(&list(311, 7), "version 312 of ");
    directory.check_refused(&list(312, 8), "which is there, is newer");
    directory.check_refused(&list(313, 91), "older than it may be");
    directory.check_refused(&of(313, SystemClock.now().plus_ms(2 * MS_PER_DAY)), "dated in the future");
    directory.check_refused(&list(313, 1).replace("755", "25"), "vendor 755 is not on it");
    let deleted = list(313, 1).replace("\"id\"", "\"deletedDate\": \"2026-01-15T00:00:00Z\", \"id\"");
    directory.check_refused(&deleted, "vendor 755 was deleted from it");
}

#[test]
fn what_is_no_list_is_never_installed() {
    let directory = Directory::new();
    let good = list(312, 1);
    directory.write("installed.json", &good);
    let version_2 = list(313, 1).replace(": 3,", ": 2,");
    for bad in [&version_2, &list(313, 1)[..100], "", "{}"] {
        for more in [&[][..], &["--force"]] {
            assert_eq!(directory.install(bad, more), (Value::Null, 1), "{bad}");
            assert_eq!(directory.read("installed.json"), good);
        }
    }
    let nowhere = directory.path("nowhere.json");
    let to = directory.path("installed.json");
    assert_eq!(command(&["gvl", "install", text(&nowhere), "--to", text(&to)], ""), (String::new(), 1));
    // But it is no obstacle either.
    directory.write("installed.json", &version_2);
    assert_eq!(directory.install(&list(311, 1), &[]).1, 0);
}

#[test]
fn whoever_reads_the_old_list_still_has_all_of_it() {
    use std::io::Read as _;

    let directory = Directory::new();
    let old = list(312, 7);
    directory.write("installed.json", &old);
    std::os::unix::fs::symlink(directory.path("installed.json"), directory.path("link.json"))
        .expect("a link");
    #[expect(clippy::disallowed_methods, reason = "a server in the middle of reading")]
    let mut reader = fs::File::open(directory.path("installed.json")).expect("the old list");
    let (new, link) = (directory.write("new.json", &list(313, 1)), directory.path("link.json"));
    assert_eq!(command(&["gvl", "install", &new, "--to", text(&link)], "").1, 0);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("the old list");
    assert_eq!(text, old);
    assert_eq!(directory.read("installed.json"), directory.read("new.json"));
    assert!(directory.path("link.json").is_symlink());
}

#[test]
fn a_list_that_cannot_be_put_there_leaves_nothing_behind() {
    let directory = Directory::new();
    let new = directory.write("new.json", &list(313, 1));
    fs::create_dir(directory.path("full")).expect("a directory");
    let below = directory.write("full/file", "");
    for to in [text(&directory.path("full")), &format!("{below}/list.json"), "/"] {
        assert_eq!(command(&["gvl", "install", &new, "--to", to], "").1, 1, "{to}");
    }
    assert_eq!(directory.names(), ["full", "new.json"]);
}

#[test]
fn a_configuration_says_where_the_list_goes_and_who_we_are() {
    let directory = Directory::new();
    let new = directory.write("new.json", &list(313, 20));
    let head = "data_dir = \"d\"\npublic.listen = \"[::]:80\"\n[[cookie_keys]]\nid = 1\n";
    let config = |consent: &str| {
        let secret = format!("secret = \"{}\"\n", "01".repeat(32));
        directory
            .write("pixelgate.toml", &format!("{head}{secret}[consent]\ndefault_regime = \"us\"\n{consent}"))
    };
    let install = |config: &str| command(&["gvl", "install", &new, "--config", config], "").1;
    let to = directory.path("installed.json");
    let list = |id: u16, more: &str| config(&format!("vendor_id = {id}\nvendor_list = {to:?}\n{more}"));
    assert_eq!(install(&config("vendor_id = 755")), 2);
    assert_eq!(install(&config("vendor_id = 0")), 2);
    assert_eq!(install(&list(25, "")), 1);
    assert_eq!(install(&list(755, "vendor_list_max_age_days = 19")), 1);
    assert!(!to.exists());
    assert_eq!(install(&list(755, "vendor_list_max_age_days = 21")), 0);
    assert!(to.exists());
}

#[test]
fn a_list_is_shown_with_our_entry() {
    let directory = Directory::new();
    let file = directory.write("list.json", &list(312, 3));
    let (out, code) = command(&["gvl", "show", &file, "--vendor", "755"], "");
    assert_eq!(code, 0);
    let (first, rest) = out.split_once('\n').expect("lines");
    assert!(first.ends_with("3 days old, 1 vendors (0 deleted): usable; vendor 755 is listed"), "{out}");
    assert_eq!(
        rest,
        "consent: 1, 3\nlegitimate interest: 7\neither of them: 7\nfeatures: 3\nspecial features: none\n"
    );
    let (out, code) = command(&["gvl", "show", &file, "--vendor", "755", "--json"], "");
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &answer["list"]["age_days"]), (0, &3.into()));
    assert_eq!(answer["declaration"]["consent"], serde_json::json!([1, 3]));
    assert_eq!(command(&["gvl", "show", &file], "").1, 0);
    assert_eq!(command(&["gvl", "show", &file, "--vendor", "25"], "").1, 1);
    let old = directory.write("old.json", &list(312, 91));
    assert_eq!(command(&["gvl", "show", &old], "").1, 1);
    let none = directory.write("none.json", "{}");
    assert_eq!(command(&["gvl", "show", &none], ""), (String::new(), 1));
}
