//! `POST /admin/optouts` takes a list of people who have opted out: as a whole, or not at all.
//!
//! Nobody is opted in again this way: only the people themselves can do that. No answer repeats an identifier.

use serde::Serialize;

use super::admin::json;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use crate::domain::opt_out::{Choice, Subject};
use crate::service::opt_out::OptOutService;
use crate::service::opt_out_list::{self, Format};

/// About 40,000 lines.
pub(super) const BODY_BYTES_MAX: usize = 4 << 20;
const ERRORS_MAX: usize = 100;

#[derive(Serialize)]
struct Taken {
    /// Identifiers, of which a row may have several.
    recorded: u64,
    ack: Option<&'static str>,
}

#[derive(Serialize)]
struct Refused {
    errors: Vec<String>,
}

/// `Content-Type: text/csv` or `application/x-ndjson`. 200 once all of it is on the disk.
pub(super) fn record<'s>(service: &'s OptOutService, head: &Head<'_>, body: &[u8]) -> Answering<'s> {
    let subjects = match read(head, body) {
        Ok(subjects) => subjects,
        Err((status, errors)) => return Answering::Now(json(status, &Refused { errors })),
    };
    Answering::later(async move {
        match service.choose(subjects, Choice::Out).await {
            Ok(recorded) => {
                json(200, &Taken { recorded: recorded.ids, ack: recorded.ack.map(|ack| ack.name()) })
            }
            Err(error) => Answer::try_later(&error),
        }
    })
}

fn read(head: &Head<'_>, body: &[u8]) -> Result<Vec<Subject>, (u16, Vec<String>)> {
    let one = |status, error: &str| Err((status, vec![error.to_owned()]));
    let format = match head.header("content-type").map(|value| value.split(';').next().unwrap_or_default()) {
        Some("text/csv") => Format::Csv,
        Some("application/x-ndjson") => Format::Ndjson,
        _ => return one(415, "expected Content-Type: text/csv or application/x-ndjson"),
    };
    let (mut subjects, mut errors) = (Vec::new(), Vec::new());
    for row in opt_out_list::read(format, body) {
        match row {
            Ok(named) => subjects.extend(named),
            Err(error) if errors.len() < ERRORS_MAX => errors.push(error.to_string()),
            Err(_) => break,
        }
    }
    match (errors.is_empty(), subjects.is_empty()) {
        (false, _) => Err((400, errors)),
        (true, true) => one(400, "the list names nobody"),
        (true, false) => Ok(subjects),
    }
}
