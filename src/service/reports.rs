//! What an advertiser's reports are made of: the rows of its account, counted.
//!
//! Counted from the log itself, by one thread, which answers one question after the other, so that neither those who
//! append nor the workers wait for it.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::account_caller::AccountCaller;
use crate::domain::id::AccountId;
use crate::domain::time::{Clock, Timestamp};
use crate::storage::reader::ReadError;
use crate::storage::tally::{Tally, TallyKey};
use crate::storage::tally_book::TallyBook;

/// Asks the thread that counts. It ends when the last of these is gone.
#[derive(Clone)]
pub struct ReportService {
    questions: mpsc::Sender<Question>,
}

/// All that is counted of what was asked for, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedRows {
    pub rows: Vec<(TallyKey, Tally)>,
    /// All that was stored before this is in it.
    pub as_of: Timestamp,
    /// A part of the log could not be read.
    pub is_damaged: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error("too many are asking; try again in a minute")]
    Busy,
    /// Since the server's start; it goes on although nobody waits.
    #[error("the rows are still being counted, with {files_left} log files to go; try again in a minute")]
    StillCounting { files_left: usize },
    #[error("the log could not be read; try again later")]
    Unreadable,
}

impl ReportService {
    /// The service, and what its thread has to run.
    pub fn new(book: TallyBook, clock: Arc<dyn Clock>) -> (Self, impl FnOnce() + Send + 'static) {
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        (Self { questions }, move || Counting { book, clock, files_left: 0 }.run(asked))
    }

    /// The caller's rows of what happened in `hours`, which count from 1970.
    pub async fn tallies(
        &self,
        caller: &AccountCaller,
        hours: Range<u64>,
    ) -> Result<CountedRows, ReportError> {
        let (answer, answered) = oneshot::channel();
        let question = Question { account_id: caller.account_id(), hours, answer };
        self.questions.try_send(question).map_err(|_| ReportError::Busy)?;
        // Without an answer the thread has ended by a panic, which the log tells of.
        answered.await.map_err(|_| ReportError::Unreadable)?
    }
}

struct Question {
    account_id: AccountId,
    hours: Range<u64>,
    answer: oneshot::Sender<Result<CountedRows, ReportError>>,
}

struct Counting {
    book: TallyBook,
    clock: Arc<dyn Clock>,
    /// Never counted yet.
    files_left: usize,
}

impl Counting {
    fn run(mut self, mut asked: mpsc::Receiver<Question>) {
        loop {
            let question = match self.files_left {
                0 => asked.blocking_recv().ok_or(mpsc::error::TryRecvError::Disconnected),
                _ => asked.try_recv(),
            };
            match question {
                // Whoever asked may have gone meanwhile.
                Ok(question) => drop(question.answer.send(self.answer(question.account_id, &question.hours))),
                Err(mpsc::error::TryRecvError::Empty) => drop(self.catch_up(STEP_TIME_MAX)),
                Err(mpsc::error::TryRecvError::Disconnected) => return,
            }
        }
    }

    fn answer(&mut self, account_id: AccountId, hours: &Range<u64>) -> Result<CountedRows, ReportError> {
        let as_of = self.clock.now();
        self.catch_up(ANSWER_TIME_MAX)?;
        let wanted = |key: &TallyKey| key.account_id == account_id && hours.contains(&key.hour);
        let mut rows: Vec<_> = self.book.sum(wanted).into_iter().collect();
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(CountedRows { rows, as_of, is_damaged: self.book.is_damaged() })
    }

    fn catch_up(&mut self, time_max: Duration) -> Result<(), ReportError> {
        let caught_up = self.book.catch_up(Instant::now() + time_max);
        // After a failure nobody counts on until somebody asks again.
        self.files_left = *caught_up.as_ref().unwrap_or(&0);
        match caught_up.map_err(tell)? {
            0 => Ok(()),
            files_left => Err(ReportError::StillCounting { files_left }),
        }
    }
}

fn tell(error: ReadError) -> ReportError {
    tracing::error!(error = &error as &dyn std::error::Error, "the rows for reports could not be counted");
    ReportError::Unreadable
}

/// Who comes on top is told to try again.
const QUESTIONS_MAX: usize = 64;
/// No other file is begun for an answer after this.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// Nor before it is looked whether somebody asks.
const STEP_TIME_MAX: Duration = Duration::from_millis(200);
