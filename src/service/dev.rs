//! What a developer reads back: the latest decisions, each with the row that it left in the log.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::journal::{Journal, Note};
use crate::domain::id::EventId;
use crate::storage::export;
use crate::storage::reader::{self, ReadError};

/// Only in development mode.
pub struct DevService {
    pub journal: Arc<Journal>,
    pub data_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// What was stored.
    Good,
    /// What was not.
    Bad,
}

impl DevService {
    /// A JSON array, oldest first.
    pub fn list(&self, which: Which) -> Result<String, ReadError> {
        let mut notes = self.journal.notes();
        notes.retain(|note| match which {
            Which::All => true,
            Which::Good => note.stored.is_some(),
            Which::Bad => note.stored.is_none(),
        });
        let rows = self.rows_of(&notes)?;
        let list: Vec<Value> = notes.iter().map(|note| describe(note, &rows)).collect();
        Ok(Value::Array(list).to_string())
    }

    pub fn reset(&self) {
        self.journal.reset();
    }

    fn rows_of(&self, notes: &[Note]) -> Result<HashMap<EventId, Value>, ReadError> {
        let mut rows: HashMap<EventId, Value> =
            notes.iter().filter_map(|note| Some((note.stored?, Value::Null))).collect();
        for stored in reader::read(&self.data_dir, reader::From::Start)? {
            let stored = stored?;
            if let Some(row) = stored.row.event_id().and_then(|id| rows.get_mut(&id)) {
                let mut line = Vec::new();
                export::write_ndjson(&stored, &mut line).expect("memory takes all that is written");
                *row = serde_json::from_slice(&line).expect("an exported line is JSON");
            }
        }
        Ok(rows)
    }
}

fn describe(note: &Note, rows: &HashMap<EventId, Value>) -> Value {
    json!({
        "at": note.at.to_string(),
        "outcome": note.outcome,
        "reason": note.reason,
        "text": note.text,
        "event": note.stored.and_then(|id| rows.get(&id)),
    })
}
