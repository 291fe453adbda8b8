//! The verdict on one kind of breaking.

use serde::Serialize;

use super::ledger::Ledger;
use super::oracle::Findings;
use crate::process::Process;

/// What came of all cycles of one kind.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tally {
    pub(crate) kind: &'static str,
    pub(crate) cycles: u32,
    pub(crate) acknowledged: usize,
    pub(crate) opt_outs: usize,
    pub(crate) rows: usize,
    pub(crate) lost: usize,
    pub(crate) duplicates: usize,
    pub(crate) followed: usize,
    pub(crate) opt_outs_lost: usize,
    pub(crate) start_failures: u32,
    /// Duplicates that the server recognized.
    pub(crate) recognized: u64,
    pub(crate) turned_away: u64,
    /// What the kind itself has to say.
    pub(crate) remarks: Vec<String>,
    /// Everything that must not be, in words; the first few.
    pub(crate) problems: Vec<String>,
}

impl Tally {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    pub(crate) const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text);
        }
    }

    pub(crate) fn start_failure(&mut self, error: &anyhow::Error) {
        self.start_failures += 1;
        self.problem(format!("cycle {}: {error:#}", self.cycles));
    }

    /// A caught panic loses nothing that was promised, but it is a defect all the same. After the server is gone.
    pub(crate) fn note_panics(&mut self, server: &mut Process) {
        let cycle = self.cycles;
        server
            .panics()
            .into_iter()
            .for_each(|line| self.problem(format!("cycle {cycle}: the server panicked: {line}")));
    }

    /// Takes over what a check found. The counts are those of the last check: rows don't come back.
    pub(crate) fn add(&mut self, findings: &Findings) {
        self.rows = findings.rows;
        self.lost = self.lost.max(findings.lost.len());
        self.duplicates = self.duplicates.max(findings.duplicates.len());
        self.followed = self.followed.max(findings.followed.len());
        self.opt_outs_lost = self.opt_outs_lost.max(findings.opt_outs_lost);
        let cycle = self.cycles;
        let lists = [
            ("lost", &findings.lost),
            ("stored twice", &findings.duplicates),
            ("stored behind an opt-out", &findings.followed),
        ];
        for (word, ids) in lists {
            for id in ids.iter().take(3) {
                self.problem(format!("by cycle {cycle}: row {id} {word}"));
            }
        }
        if findings.opt_outs_lost > 0 {
            self.problem(format!("by cycle {cycle}: {} acknowledged opt-outs lost", findings.opt_outs_lost));
        }
    }

    /// Takes over what the ledger counted.
    pub(crate) fn close(&mut self, ledger: &Ledger) {
        self.acknowledged += ledger.acknowledged();
        self.opt_outs += ledger.opted_out_browsers().count();
        self.recognized += ledger.duplicates_answered;
        self.turned_away += ledger.turned_away;
        ledger.broken().iter().for_each(|text| self.problem(text.clone()));
    }

    pub(crate) fn line(&self) -> String {
        let mut line = format!(
            "{}: {} cycles, acknowledged {}, lost {}, duplicates {}, start failures {}, opt-outs {} (lost {}), rows behind an opt-out {}, \
             repeats recognized {}, 503 {}",
            self.kind,
            self.cycles,
            self.acknowledged,
            self.lost,
            self.duplicates,
            self.start_failures,
            self.opt_outs,
            self.opt_outs_lost,
            self.followed,
            self.recognized,
            self.turned_away
        );
        for remark in &self.remarks {
            line.push_str(", ");
            line.push_str(remark);
        }
        line.push_str(if self.is_clean() { ": all kept" } else { ": BROKEN" });
        line
    }
}

const PROBLEMS_MAX: usize = 20;
