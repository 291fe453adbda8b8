//! What is stored about the browser ids that a visit shows.
//!
//! Answered from the log itself, because there is no index by person. One thread does it, one question after the
//! other, so that however many ask, no more than one log file is in memory and no worker waits.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::targeting::TargetedBy;
use crate::consent::evidence::Basis;
use crate::domain::event::EventType;
use crate::domain::id::BrowserId;
use crate::domain::money::Money;
use crate::domain::opt_out::{Choice, OptOut, Subject};
use crate::domain::page::{are_of_different_sites, host_of};
use crate::domain::time::Timestamp;
use crate::domain::touch::TouchKind;
use crate::storage::export;
use crate::storage::reader::{self, ReadError, Row, Stored};

/// Asks the thread that looks things up. It ends when the last of these is gone.
#[derive(Clone)]
pub struct PrivacyService {
    questions: mpsc::Sender<Question>,
}

/// The newest rows about somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Newest {
    /// Newest first, at most [`NEWEST_ROWS_MAX`].
    pub rows: Vec<RowAbout>,
    /// Whether these are all that there are.
    pub complete: bool,
}

impl Newest {
    /// Whether a row is surely from another site than that of `host`.
    pub fn has_other_sites(&self, host: &str) -> bool {
        let mut sites = self.rows.iter().filter_map(|row| row.site.as_deref());
        sites.any(|site| are_of_different_sites(site, host))
    }
}

/// One stored row, as far as a person wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAbout {
    pub at: Timestamp,
    pub what: What,
    /// The site's host name.
    pub site: Option<String>,
    pub amount: Option<Money>,
    /// Why it was permitted; `None` for what needs no permission.
    pub basis: Option<Basis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Event(EventType),
    OptOut(Choice),
    /// A page with content of ours was seen.
    Embed,
    /// A partner told us its id for the browser.
    Match,
    /// That was taken back.
    Unmatch,
    /// An ad was seen or clicked on.
    Touch(TouchKind),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("too many are asking; try again in a minute")]
    Busy,
    #[error("the log could not be read; try again later")]
    Unreadable,
}

impl PrivacyService {
    /// The service, and what its thread has to run, for the log in `data_dir`.
    pub fn new(data_dir: PathBuf) -> (Self, impl FnOnce() + Send + 'static) {
        let (questions, mut asked) = mpsc::channel::<Question>(QUESTIONS_MAX);
        let look_up = move || {
            while let Some(question) = asked.blocking_recv() {
                question.answer(&data_dir);
            }
        };
        (Self { questions }, look_up)
    }

    /// The newest rows about `browser_ids`.
    pub async fn newest(&self, browser_ids: Vec<BrowserId>) -> Result<Newest, LookupError> {
        self.ask(|answer| Question::Newest(browser_ids, answer)).await
    }

    /// Everything about `browser_ids` as a JSON object with `audiences` and the rows as they are exported, newest first.
    ///
    /// Of more than [`ALL_ROWS_MAX`] rows, and of more than can be read in time, it has the newest, and says so.
    pub async fn everything(
        &self,
        browser_ids: Vec<BrowserId>,
        audiences: Vec<TargetedBy>,
        now: Timestamp,
    ) -> Result<String, LookupError> {
        self.ask(|answer| Question::Everything(browser_ids, audiences, now, answer)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Question) -> Result<T, LookupError> {
        let (answer, answered) = oneshot::channel();
        self.questions.try_send(question(answer)).map_err(|_| LookupError::Busy)?;
        // Without an answer the thread has ended by a panic, which the log tells of.
        answered.await.map_err(|_| LookupError::Unreadable)?
    }
}

type Answer<T> = oneshot::Sender<Result<T, LookupError>>;

enum Question {
    Newest(Vec<BrowserId>, Answer<Newest>),
    Everything(Vec<BrowserId>, Vec<TargetedBy>, Timestamp, Answer<String>),
}

impl Question {
    fn answer(self, data_dir: &Path) {
        match self {
            Self::Newest(browser_ids, answer) => {
                let search = Search { rows_max: NEWEST_ROWS_MAX, time_max: NEWEST_TIME_MAX };
                let found = search.run(data_dir, &browser_ids, || answer.is_closed());
                give(answer, found.map(|found| found.newest()));
            }
            Self::Everything(browser_ids, audiences, now, answer) => {
                let search = Search { rows_max: ALL_ROWS_MAX, time_max: ALL_TIME_MAX };
                let found = search.run(data_dir, &browser_ids, || answer.is_closed());
                give(answer, found.map(|found| found.to_json(&browser_ids, audiences, now)));
            }
        }
    }
}

fn give<T>(answer: Answer<T>, found: Result<T, ReadError>) {
    let found = found.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a person's rows could not be read");
        LookupError::Unreadable
    });
    // Whoever asked may have gone meanwhile.
    let _ = answer.send(found);
}

/// How far to look.
#[derive(Debug, Clone, Copy)]
struct Search {
    rows_max: usize,
    /// No other file is begun after this.
    time_max: Duration,
}

struct Found {
    /// Newest first.
    rows: Vec<Stored>,
    complete: bool,
}

impl Search {
    /// Goes through the files from the newest to the oldest.
    fn run(
        self,
        data_dir: &Path,
        browser_ids: &[BrowserId],
        is_abandoned: impl Fn() -> bool,
    ) -> Result<Found, ReadError> {
        let started = Instant::now();
        let mut found = Found { rows: Vec::new(), complete: true };
        for file in reader::newest_first(data_dir)? {
            let late = started.elapsed() >= self.time_max;
            if found.rows.len() >= self.rows_max || late || is_abandoned() {
                found.complete = false;
                break;
            }
            self.look_through(file, browser_ids, &mut found)?;
        }
        Ok(found)
    }

    /// Keeps the newest rows of one file.
    fn look_through(
        self,
        file: reader::Rows,
        browser_ids: &[BrowserId],
        found: &mut Found,
    ) -> Result<(), ReadError> {
        let room = self.rows_max - found.rows.len();
        let mut here = VecDeque::new();
        for stored in file {
            match stored {
                Ok(stored) if is_about(&stored.row, browser_ids) => {
                    if here.len() == room {
                        here.pop_front();
                        found.complete = false;
                    }
                    here.push_back(stored);
                }
                Ok(_) => {}
                Err(ReadError::Damaged { .. } | ReadError::Unknown { .. }) => found.complete = false,
                Err(error) => return Err(error),
            }
        }
        found.rows.extend(here.into_iter().rev());
        Ok(())
    }
}

fn is_about(row: &Row, browser_ids: &[BrowserId]) -> bool {
    let browser_id = match row {
        Row::Conversion { conversion, .. } => conversion.identifiers.browser_id,
        Row::EmbedView { view, .. } => view.browser_id,
        Row::Match { found, .. } => Some(found.browser_id),
        Row::Touch { touch, .. } => touch.browser_id,
        Row::Unmatch(unmatch) => Some(unmatch.browser_id),
        Row::OptOut(OptOut { subject: Subject::Browser(id), .. }) => Some(*id),
        Row::OptOut(_) | Row::Settings(_) => None,
    };
    browser_id.is_some_and(|id| browser_ids.contains(&id))
}

impl Found {
    fn newest(self) -> Newest {
        Newest { rows: self.rows.into_iter().filter_map(RowAbout::of).collect(), complete: self.complete }
    }

    fn to_json(&self, browser_ids: &[BrowserId], audiences: Vec<TargetedBy>, now: Timestamp) -> String {
        let rows = self.rows.iter().map(|stored| {
            let mut line = Vec::new();
            export::write_ndjson(stored, &mut line).expect("memory takes all that is written");
            let line = String::from_utf8(line).expect("an exported line is text");
            RawValue::from_string(line).expect("an exported line is JSON")
        });
        let download = Download {
            generated_at: now.to_string(),
            browser_ids: browser_ids.iter().map(|id| id.expose()).collect(),
            complete: self.complete,
            audiences,
            rows: rows.collect(),
        };
        serde_json::to_string(&download).expect("texts and exported lines are JSON")
    }
}

/// What a person can take along.
#[derive(serde::Serialize)]
struct Download {
    generated_at: String,
    browser_ids: Vec<String>,
    /// `false`: there are older rows, or a part of the log could not be read.
    complete: bool,
    /// That partners have put it into.
    audiences: Vec<TargetedBy>,
    rows: Vec<Box<RawValue>>,
}

impl RowAbout {
    /// `None` for what is about no browser.
    fn of(stored: Stored) -> Option<Self> {
        Some(match stored.row {
            Row::Conversion { conversion, evidence, .. } => Self {
                at: conversion.at,
                what: What::Event(conversion.event),
                site: conversion.page.map(|page| host_of(page.origin()).to_owned()),
                amount: conversion.value,
                basis: Some(evidence.basis),
            },
            Row::EmbedView { view, evidence } => Self {
                at: view.at,
                what: What::Embed,
                site: Some(host_of(view.page.origin()).to_owned()),
                amount: None,
                basis: Some(evidence.basis),
            },
            Row::Match { found, evidence } => Self {
                at: found.at,
                what: What::Match,
                site: None,
                amount: None,
                basis: Some(evidence.basis),
            },
            Row::Touch { touch, evidence } => Self {
                at: touch.at,
                what: What::Touch(touch.kind),
                site: None,
                amount: None,
                basis: Some(evidence.basis),
            },
            Row::Unmatch(unmatch) => {
                Self { at: unmatch.at, what: What::Unmatch, site: None, amount: None, basis: None }
            }
            Row::OptOut(opt_out) => Self {
                at: opt_out.at,
                what: What::OptOut(opt_out.choice),
                site: None,
                amount: None,
                basis: None,
            },
            Row::Settings(_) => return None,
        })
    }
}

/// What a page shows.
pub const NEWEST_ROWS_MAX: usize = 200;
/// What a download holds: at most some 30 MB, and in practice a tenth of that.
pub const ALL_ROWS_MAX: usize = 10_000;
/// A page should not let its reader wait.
const NEWEST_TIME_MAX: Duration = Duration::from_secs(2);
const ALL_TIME_MAX: Duration = Duration::from_secs(20);
/// Who comes on top is told to try again.
const QUESTIONS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_when_too_many_are_waiting_is_told_so_at_once() {
        let (service, _never_run) = PrivacyService::new(PathBuf::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut waiting = Vec::new();
            for _ in 0..QUESTIONS_MAX {
                let mut question = Box::pin(service.newest(Vec::new()));
                let asked = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(question.as_mut().poll(context).is_pending())
                });
                assert!(asked.await);
                waiting.push(question);
            }
            assert_eq!(service.newest(Vec::new()).await, Err(LookupError::Busy));
        });
    }
}
