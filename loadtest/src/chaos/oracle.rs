//! Compares what was promised with what is stored.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::ledger::{Class, Ledger};

/// What a check found. All zero and empty is what is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) rows: usize,
    /// Acknowledged in a class that should have survived, and not stored.
    pub(crate) lost: Vec<String>,
    /// Stored more than once, by row id or by event id.
    pub(crate) duplicates: Vec<String>,
    /// Stored about a browser behind its opt-out.
    pub(crate) followed: Vec<String>,
    /// Acknowledged opt-outs that are not stored.
    pub(crate) opt_outs_lost: usize,
}

/// The part of an exported row that the check needs. Borrowed: there may be a million.
#[derive(Debug, Deserialize)]
struct Row<'a> {
    kind: &'a str,
    #[serde(default)]
    id: Option<&'a str>,
    #[serde(default)]
    event_id: Option<&'a str>,
    #[serde(default)]
    browser_id: Option<&'a str>,
    /// Of an opt-out: `out`, or `in` for one taken back.
    #[serde(default)]
    choice: Option<&'a str>,
}

/// Checks `export` (one row a line, in log order) against `ledger`, after something that classes from `survivors` on
/// must survive.
pub(crate) fn check(ledger: &Ledger, export: &str, survivors: Class) -> Result<Findings> {
    let mut findings = Findings::default();
    let (mut ids, mut events, mut gone) = (HashSet::new(), HashSet::new(), HashMap::new());
    for line in export.lines().filter(|line| !line.is_empty()) {
        let row: Row<'_> = serde_json::from_str(line).context("the export has a line that is no row")?;
        findings.rows += 1;
        if row.kind == "opt_out" {
            if let Some(browser) = row.browser_id.filter(|_| row.choice != Some("in")) {
                gone.entry(browser).or_insert(findings.rows);
            }
            continue;
        }
        let name = row.id.unwrap_or("without an id");
        if row.id.is_some_and(|id| !ids.insert(id)) || row.event_id.is_some_and(|event| !events.insert(event))
        {
            findings.duplicates.push(name.to_owned());
        }
        if let Some(opt_out) = row.browser_id.and_then(|browser| gone.get(browser)) {
            findings
                .followed
                .push(format!("{name} ({}, line {}, opt-out in line {opt_out})", row.kind, findings.rows));
        } else if row.event_id.is_some_and(|event| ledger.is_forbidden(event)) {
            findings.followed.push(format!("{name} (sent after the opt-out was acknowledged)"));
        }
    }
    findings.lost.extend(ledger.must_be_there(survivors).filter(|id| !ids.contains(id)).map(str::to_owned));
    findings.opt_outs_lost =
        ledger.opted_out_browsers().filter(|browser| !gone.contains_key(browser)).count();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::ledger::Attempt;
    use crate::client::hit::{Event, What};
    use crate::client::reply::Outcome;

    const COOKIE: &str = "__Host-Http-pg=v1.0b.20000.1.mac";

    /// Acknowledged: row `d` as `disk`, row `o` as `os`; then the opt-out of browser `0b`.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for (number, id, ack) in [(1, "d", "disk"), (2, "o", "os")] {
            let attempt = Attempt {
                what: What::Conversion,
                event: Event { run: 9, number },
                cookie: COOKIE.into(),
                is_repeat: false,
            };
            ledger.sending(&attempt);
            let outcome = Outcome { word: "stored", id: Some(id), ack: Some(ack), reason: None };
            ledger.answered(&attempt, 200, &outcome);
        }
        ledger.opting_out(COOKIE);
        ledger.opted_out(COOKIE);
        ledger
    }

    const D: &str = r#"{"kind":"conversion","id":"d","event_id":"1","browser_id":"0b"}"#;
    const O: &str = r#"{"kind":"page_view","id":"o","event_id":"2","browser_id":"0b","more":[1,{"a":"\n"}]}"#;
    const OUT: &str = r#"{"kind":"opt_out","id":null,"browser_id":"0b","choice":"out"}"#;

    #[track_caller]
    fn check_rows(rows: &[&str], survivors: Class, expect: [usize; 4]) {
        let found = check(&ledger(), &rows.join("\n"), survivors).unwrap();
        let counts = [found.lost.len(), found.duplicates.len(), found.followed.len(), found.opt_outs_lost];
        assert_eq!(counts, expect, "{found:?}");
    }

    #[test]
    fn every_kind_of_broken_promise_is_found() {
        check_rows(&[D, O, OUT], Class::Os, [0, 0, 0, 0]);
        check_rows(&[D, OUT], Class::Os, [1, 0, 0, 0]);
        check_rows(&[D, OUT], Class::Disk, [0, 0, 0, 0]);
        check_rows(&[O, OUT], Class::Disk, [1, 0, 0, 0]);
        check_rows(&[D, O, D, OUT], Class::Os, [0, 1, 0, 0]);
        check_rows(&[D, OUT, O], Class::Os, [0, 0, 1, 0]);
        check_rows(&[D, O], Class::Os, [0, 0, 0, 1]);
        check_rows(&[], Class::Os, [2, 0, 0, 1]);
    }

    #[test]
    fn the_same_event_under_two_row_ids_is_a_duplicate() {
        check_rows(&[D, O, &O.replace("\"o\"", "\"o2\""), OUT], Class::Os, [0, 1, 0, 0]);
    }

    #[test]
    fn what_was_sent_after_the_opt_out_must_not_be_there_under_any_name() {
        let mut ledger = ledger();
        let late = Attempt {
            what: What::PageView,
            event: Event { run: 9, number: 3 },
            cookie: COOKIE.into(),
            is_repeat: false,
        };
        ledger.sending(&late);
        let event = String::from_utf8(late.event.text().to_vec()).unwrap();
        let row = format!(r#"{{"kind":"page_view","id":"x","event_id":"{event}","browser_id":"ff"}}"#);
        let found = check(&ledger, &[D, O, OUT, &row].join("\n"), Class::Os).unwrap();
        assert_eq!(found.followed, ["x (sent after the opt-out was acknowledged)"]);
    }
}
