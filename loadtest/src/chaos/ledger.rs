//! What the server has promised so far, as a client saw it.

use std::collections::{HashMap, HashSet};

use crate::client::hit::{Event, What};
use crate::client::reply::Outcome;

/// How an acknowledged row was kept, from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Memory,
    /// Survives the end of the process.
    Os,
    /// Survives the loss of power.
    Disk,
}

impl Class {
    fn parse(text: Option<&str>) -> Self {
        match text {
            Some("disk") => Self::Disk,
            Some("os") => Self::Os,
            _ => Self::Memory,
        }
    }
}

/// One hit, as it must be sent again after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) what: What,
    pub(crate) event: Event,
    /// `name=value` of the browser's id cookie, empty for a fresh browser.
    pub(crate) cookie: String,
    /// It was sent before, so it may have been stored before an opt-out that came in between.
    pub(crate) is_repeat: bool,
}

/// Survives all restarts of the server, because it is not part of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By the id that the server gave the row.
    acknowledged: HashMap<String, Class>,
    /// Sent and never answered: may or may not be stored, but once at most.
    unanswered: HashMap<Event, Attempt>,
    opt_outs: HashMap<String, OptOut>,
    /// Sent for the first time after the browser's opt-out had been acknowledged.
    forbidden: HashSet<[u8; 36]>,
    /// Ids of rows that were acknowledged although they must not be stored.
    broken: Vec<String>,
    pub(crate) duplicates_answered: u64,
    pub(crate) turned_away: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptOut {
    Tried,
    Acknowledged,
}

impl Ledger {
    /// Before `attempt` goes out.
    pub(crate) fn sending(&mut self, attempt: &Attempt) {
        let is_gone = self.opt_outs.get(browser_id(&attempt.cookie)) == Some(&OptOut::Acknowledged);
        if is_gone && !attempt.is_repeat {
            self.forbidden.insert(attempt.event.text());
        }
        self.unanswered.insert(attempt.event, attempt.clone());
    }

    /// When `attempt` was answered.
    pub(crate) fn answered(&mut self, attempt: &Attempt, status: u16, outcome: &Outcome<'_>) {
        self.unanswered.remove(&attempt.event);
        match (status, outcome.word, outcome.id) {
            (200, "stored", Some(id)) => {
                if self.forbidden.contains(&attempt.event.text()) {
                    self.broken.push(format!("row {id} was acknowledged after its browser's opt-out"));
                }
                if self.acknowledged.insert(id.to_owned(), Class::parse(outcome.ack)).is_some() {
                    self.broken.push(format!("id {id} was acknowledged twice as new"));
                }
            }
            (200, "duplicate", _) => self.duplicates_answered += 1,
            (503, ..) => self.turned_away += 1,
            _ => {}
        }
    }

    /// Before an opt-out goes out.
    pub(crate) fn opting_out(&mut self, cookie: &str) {
        self.opt_outs.entry(browser_id(cookie).to_owned()).or_insert(OptOut::Tried);
    }

    pub(crate) fn opted_out(&mut self, cookie: &str) {
        self.opt_outs.insert(browser_id(cookie).to_owned(), OptOut::Acknowledged);
    }

    /// What was never answered, to be sent again as a careful client would.
    pub(crate) fn take_unanswered(&mut self) -> Vec<Attempt> {
        self.unanswered.drain().map(|(_, attempt)| Attempt { is_repeat: true, ..attempt }).collect()
    }

    /// The ids that must be there after something that classes from `class` on survive.
    pub(crate) fn must_be_there(&self, class: Class) -> impl Iterator<Item = &str> {
        self.acknowledged.iter().filter(move |(_, kept)| **kept >= class).map(|(id, _)| id.as_str())
    }

    /// The browsers whose opt-out was acknowledged.
    pub(crate) fn opted_out_browsers(&self) -> impl Iterator<Item = &str> {
        let done = self.opt_outs.iter().filter(|(_, opt_out)| **opt_out == OptOut::Acknowledged);
        done.map(|(browser, _)| browser.as_str())
    }

    pub(crate) fn is_forbidden(&self, event_id: &str) -> bool {
        <[u8; 36]>::try_from(event_id.as_bytes()).is_ok_and(|text| self.forbidden.contains(&text))
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// What was wrong with answers themselves.
    pub(crate) fn broken(&self) -> &[String] {
        &self.broken
    }
}

/// The id inside `name=v1.<id>.…`: what an export shows.
pub(crate) fn browser_id(cookie: &str) -> &str {
    let value = cookie.split_once('=').map_or("", |(_, value)| value);
    value.split('.').nth(1).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: &str = "__Host-Http-pg=v1.00ff.20000.1.mac";

    fn attempt(number: u64) -> Attempt {
        Attempt {
            what: What::Conversion,
            event: Event { run: 1, number },
            cookie: COOKIE.into(),
            is_repeat: false,
        }
    }

    fn stored(id: &'static str) -> Outcome<'static> {
        Outcome { word: "stored", id: Some(id), ack: Some("disk"), reason: None }
    }

    #[test]
    fn what_is_stored_after_an_acknowledged_opt_out_is_a_broken_promise() {
        let mut ledger = Ledger::default();
        ledger.opting_out(COOKIE);
        ledger.sending(&attempt(1));
        ledger.answered(&attempt(1), 200, &stored("a"));
        assert!(ledger.broken().is_empty(), "the opt-out was not acknowledged yet");
        ledger.opted_out(COOKIE);
        ledger.sending(&attempt(2));
        ledger.answered(&attempt(2), 200, &stored("b"));
        assert_eq!(ledger.broken().len(), 1);
        assert_eq!(ledger.opted_out_browsers().collect::<Vec<_>>(), ["00ff"]);
    }

    #[test]
    fn what_was_sent_before_the_opt_out_may_have_been_stored_before_it() {
        let mut ledger = Ledger::default();
        ledger.sending(&attempt(1));
        ledger.opting_out(COOKIE);
        ledger.opted_out(COOKIE);
        let again = ledger.take_unanswered();
        ledger.sending(&again[0]);
        let event = String::from_utf8(again[0].event.text().to_vec()).unwrap();
        assert!(!ledger.is_forbidden(&event));
    }

    #[test]
    fn what_was_not_answered_is_sent_again() {
        let mut ledger = Ledger::default();
        ledger.sending(&attempt(1));
        ledger.sending(&attempt(2));
        ledger.answered(&attempt(1), 200, &stored("a"));
        assert_eq!(ledger.take_unanswered(), [Attempt { is_repeat: true, ..attempt(2) }]);
        assert_eq!(ledger.must_be_there(Class::Os).collect::<Vec<_>>(), ["a"]);
    }
}
