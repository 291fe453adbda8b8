//! What the Global Vendor List permits, refuses, and says of itself.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use pixelgate::config::VendorListSource;
use pixelgate::domain::time::{MS_PER_DAY, Timestamp};
use serde_json::{Value, json};

use crate::world::{Reply, START, World};

const ID: &str = "__Host-Http-pg";
const BROWSER: (&str, &str) = (
    "User-Agent",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
);
const TOKEN: (&str, &str) = ("Authorization", "Bearer dev-admin-token");

/// Consent to purposes 1 and 7 and to us; without purpose 1; without purpose 7.
const CONSENTED: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAIIAAAAAAAABOHwAROHgAAAA";
const NOT_P1: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAAIAAAAAAAABOHwAROHgAAAA";
const NOT_P7: &str = "CQKmmYAQKmmYAAAAAAAAAAEgAIAAAAAAAAABOHwAROHgAAAA";

/// We ask for consent to purposes 1 and 7; to 1 only; we have left.
const BOTH: &str = "\"purposes\": [1, 7], \"legIntPurposes\": [], \"flexiblePurposes\": []";
const P1_ONLY: &str = "\"purposes\": [1], \"legIntPurposes\": [], \"flexiblePurposes\": []";
const DELETED: &str = "\"deletedDate\": \"2026-01-15T00:00:00Z\", \"purposes\": [1, 7], \"legIntPurposes\": [], \
                       \"flexiblePurposes\": []";

const DAY: Duration = Duration::from_millis(MS_PER_DAY);

/// A server that may use its list for a week.
struct Listed {
    world: World,
    directory: tempfile::TempDir,
}

impl Listed {
    fn start(list: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write(directory.path().join("list.json"), list);
        let path = directory.path().join("list.json");
        let world = World::with(|config| {
            config.vendor_list = Some(VendorListSource::File(path));
            config.policy.vendors_days_max = 7;
        });
        Self { world, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("list.json")
    }

    fn reload(&self, list: &str) -> Reply {
        write(self.path(), list);
        self.world.admin_post("/-/reload", &[TOKEN])
    }

    fn hit(&self, consent: &str) -> Reply {
        let target = format!("/i/adsct?txn_id=o8z6j&twclid=abc123&gdpr=1&gdpr_consent={consent}");
        self.world.get(&target, &[BROWSER])
    }

    /// Nothing is stored and no id is given, for `reason`.
    #[track_caller]
    fn check_refused(&self, reason: &str) {
        let before = self.world.log_bytes();
        let reply = self.hit(CONSENTED);
        assert_eq!(reply.outcome(), format!("suppressed; reason={reason}"));
        assert_eq!(reply.headers_named("Set-Cookie").count(), 0);
        assert!(self.world.log_bytes() == before, "{reason}");
    }

    /// The latest row has its identifiers, by consent.
    #[track_caller]
    fn check_stored(&self) {
        let reply = self.hit(CONSENTED);
        assert!(reply.outcome().starts_with("stored") && reply.cookie(ID).is_some(), "{}", reply.outcome());
        check_identified(self.world.stored().last().expect("a row"));
    }

    fn status(&self) -> Value {
        let reply = self.world.admin_get("/readyz");
        assert_eq!(reply.status, 200);
        reply.json()["vendor_list"].take()
    }

    #[track_caller]
    fn check_metric(&self, name: &str, expect: Option<i64>) {
        let metrics = self.world.admin_get("/metrics").text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert_eq!(line.map(|value| value.parse().expect("a number")), expect, "{name} in {metrics}");
    }
}

#[track_caller]
fn check_identified(row: &Value) {
    let evidence = &row["evidence"];
    assert_eq!((&evidence["regime"], &evidence["basis"]), (&json!("gdpr"), &json!("consent")), "{row}");
    assert!(row["browser_id"].is_string(), "{row}");
    assert_eq!(row["click_id"], "abc123");
}

/// Version 7 of a list, from `days` before the server's start, with `us` in it.
fn list(days: u64, us: &str) -> String {
    of_version(7, Timestamp(START.0 - days * MS_PER_DAY), us)
}

fn of_version(version: u16, updated: Timestamp, us: &str) -> String {
    format!(
        "{{\"gvlSpecificationVersion\": 3, \"vendorListVersion\": {version}, \"lastUpdated\": \"{updated}\", \
         \"vendors\": {{\"9999\": {{\"id\": 9999, {us}}}}}}}"
    )
}

#[expect(clippy::disallowed_methods, reason = "the file that an operator has")]
fn write(path: PathBuf, text: &str) {
    std::fs::write(path, text).expect("the temporary directory can be written to");
}

#[test]
fn a_tc_string_permits_what_it_consents_to_and_no_more() {
    let listed = Listed::start(&list(1, BOTH));
    listed.check_stored();
    let bare = listed.hit(NOT_P1);
    assert!(bare.outcome().starts_with("stored") && bare.cookie(ID).is_none(), "{}", bare.outcome());
    let row = &listed.world.stored()[1];
    assert_eq!((&row["browser_id"], &row["click_id"]), (&Value::Null, &Value::Null));
    let before = listed.world.log_bytes();
    let refused = listed.hit(NOT_P7);
    assert_eq!(refused.outcome(), "suppressed; reason=tcf-no-consent");
    assert_eq!(refused.headers_named("Set-Cookie").count(), 0);
    assert!(listed.world.log_bytes() == before);
}

#[test]
fn in_development_mode_consent_to_us_is_stored_with_identifiers() {
    let world = World::dev();
    let target = format!("/i/adsct?txn_id=o8z6j&twclid=abc123&gdpr=1&gdpr_consent={CONSENTED}");
    let reply = world.get(&target, &[BROWSER]);
    assert!(reply.outcome().starts_with("stored") && reply.cookie(ID).is_some(), "{}", reply.outcome());
    check_identified(&world.stored()[0]);
    // The made-up list does not age.
    world.clock.advance(DAY * 10_000);
    assert!(world.get(&target, &[BROWSER]).outcome().starts_with("stored"));
}

#[test]
fn a_vendor_list_that_does_not_say_so_permits_nothing() {
    let interest = "\"purposes\": [1], \"legIntPurposes\": [7], \"flexiblePurposes\": []";
    let others = list(1, BOTH).replace("9999", "755");
    for (list, reason) in [
        (list(1, P1_ONLY), "tcf-not-declared"),
        (list(1, interest), "tcf-no-interest"),
        (list(1, DELETED), "tcf-not-on-list"),
        (others, "tcf-not-on-list"),
        (list(8, BOTH), "tcf-list-too-old"),
        (of_version(7, START.plus_ms(MS_PER_DAY + 1), BOTH), "tcf-list-from-future"),
        (list(1, BOTH).replace(": 3,", ": 2,"), "tcf-list-missing"),
        (list(1, BOTH)[..100].to_owned(), "tcf-list-missing"),
    ] {
        Listed::start(&list).check_refused(reason);
    }
}

#[test]
fn a_server_without_its_vendor_list_starts_and_takes_it_later() {
    let nowhere = World::with(|config| {
        config.vendor_list = Some(VendorListSource::File("no/such/list.json".into()));
    });
    let target = format!("/i/adsct?txn_id=o8z6j&gdpr=1&gdpr_consent={CONSENTED}");
    assert_eq!(nowhere.get(&target, &[BROWSER]).outcome(), "suppressed; reason=tcf-list-missing");
    assert!(nowhere.get("/i/adsct?txn_id=o8z6j", &[BROWSER]).outcome().starts_with("stored"));

    let listed = Listed::start("{}");
    listed.check_refused("tcf-list-missing");
    let missing = json!({
        "state": "missing", "version": null, "last_updated": null, "age_days": null, "vendors": null,
        "deleted": null, "vendor_id": 9999, "vendor": "not-listed"
    });
    assert_eq!(listed.status(), missing);
    listed.check_metric("pixelgate_vendor_list_usable", Some(0));
    listed.check_metric("pixelgate_vendor_list_version", None);
    // There is nothing to lose, so other settings can be reloaded.
    assert_eq!(listed.reload("still no list").status, 200);
    assert_eq!(listed.reload(&list(1, BOTH)).status, 200);
    listed.check_stored();
}

#[test]
fn a_vendor_list_ages_while_the_server_runs() {
    let listed = Listed::start(&list(2, BOTH));
    listed.check_stored();
    listed.world.clock.advance(DAY * 5);
    listed.check_stored();
    listed.world.clock.advance(Duration::from_millis(1));
    listed.check_refused("tcf-list-too-old");
    assert_eq!(listed.status()["state"], "too-old");
    listed.check_metric("pixelgate_vendor_list_usable", Some(0));
    assert_eq!(listed.reload(&of_version(8, START.plus_ms(4 * MS_PER_DAY), BOTH)).status, 200);
    listed.check_stored();
    assert_eq!(listed.status()["age_days"], 1);
}

#[test]
fn a_reload_replaces_the_vendor_list_and_a_broken_one_does_not() {
    let listed = Listed::start(&list(2, BOTH));
    listed.check_stored();
    let status = json!({
        "state": "usable", "version": 7, "last_updated": "2026-09-02T12:00:00.000Z", "age_days": 2, "vendors": 1,
        "deleted": 0, "vendor_id": 9999, "vendor": "listed"
    });
    assert_eq!(listed.status(), status);
    listed.check_metric("pixelgate_vendor_list_usable", Some(1));
    listed.check_metric("pixelgate_vendor_list_version", Some(7));
    listed.check_metric("pixelgate_vendor_list_age_seconds", Some(2 * 86_400));

    let broken = listed.reload("{\"gvlSpecificationVersion\": 3");
    assert_eq!(broken.status, 422);
    assert!(broken.text().contains("list.json is not usable: EOF while parsing"), "{}", broken.text());
    assert_eq!(listed.status(), status);
    listed.check_stored();

    assert_eq!(listed.reload(&of_version(8, START, DELETED)).status, 200);
    listed.check_refused("tcf-not-on-list");
    assert_eq!((&listed.status()["version"], &listed.status()["vendor"]), (&json!(8), &json!("deleted")));
    listed.check_metric("pixelgate_vendor_list_usable", Some(0));
}

#[test]
fn an_installed_list_is_in_force_after_a_reload() {
    let listed = Listed::start(&list(2, P1_ONLY));
    listed.check_refused("tcf-not-declared");
    let new = listed.directory.path().join("new.json");
    // By force, as the program goes by the machine's clock and the server by the test's.
    write(new.clone(), &of_version(8, START, BOTH));
    let installed = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["gvl", "install", "--force", "--vendor", "9999", "--to"])
        .args([listed.path(), new])
        .output()
        .expect("the program runs");
    let out = String::from_utf8(installed.stdout).expect("text");
    assert!(installed.status.success() && out.contains("replaced: version 7 of 2026-09-02"), "{out}");
    listed.check_refused("tcf-not-declared");
    assert_eq!(listed.world.admin_post("/-/reload", &[TOKEN]).status, 200);
    listed.check_stored();
    assert_eq!(listed.status()["version"], 8);
}
