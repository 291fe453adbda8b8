//! `/admin/erasures`: POST has what is stored about people erased, GET tells what became of such requests.
//!
//! No answer repeats an identifier.

use serde::{Deserialize, Serialize};

use super::response::Answer;
use super::service::Answering;
use crate::domain::opt_out::Subject;
use crate::service::erasure::ErasureService;
use crate::service::subject::Named;

/// A thousand subjects, each with some room around it.
pub(super) const BODY_BYTES_MAX: usize = 256 << 10;
const SUBJECTS_MAX: usize = 1_000;
const LISTED_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    subjects: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Taken {
    id: String,
    at: String,
    within_s: u64,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    at: String,
    subjects: u64,
    pending: u64,
    rows: u64,
    erased_at: Option<String>,
}

/// 202 with a receipt once the request is on the disk.
pub(super) fn erase<'s>(service: &'s ErasureService, body: &[u8]) -> Answering<'s> {
    let subjects = match subjects(body) {
        Ok(subjects) => subjects,
        Err(what) => return Answering::Now(Answer::text(400, format!("{what}\n"))),
    };
    Answering::later(async move {
        match service.erase(&subjects).await {
            Ok(receipt) => super::admin::json(
                202,
                &Taken {
                    id: receipt.id.to_string(),
                    at: receipt.at.to_string(),
                    within_s: receipt.within.as_secs(),
                },
            ),
            Err(error) => Answer::try_later(&error),
        }
    })
}

pub(super) fn list(service: &ErasureService) -> Answer {
    let latest = service.latest(LISTED_MAX);
    let listed = latest.iter().map(|request| Listed {
        id: request.id.to_string(),
        at: request.at.to_string(),
        subjects: request.subjects,
        pending: request.pending,
        rows: request.rows,
        erased_at: request.erased_at.map(|at| at.to_string()),
    });
    super::admin::json(200, &listed.collect::<Vec<_>>())
}

fn subjects(body: &[u8]) -> Result<Vec<Subject>, String> {
    // What the parser says about a value may repeat it.
    let request: Request<'_> = serde_json::from_slice(body)
        .map_err(|error| format!("line {}, column {}: expected {EXPECTED}", error.line(), error.column()))?;
    let mut subjects = Vec::new();
    for (index, named) in request.subjects.iter().enumerate() {
        let named = named.erasable().map_err(|error| format!("subject {}: {error}", index + 1))?;
        subjects.extend(named);
    }
    if subjects.is_empty() || subjects.len() > SUBJECTS_MAX {
        return Err(format!("expected 1 to {SUBJECTS_MAX} identifiers"));
    }
    Ok(subjects)
}

const EXPECTED: &str = "{\"subjects\": [{\"browser_id\": \"…\"}, …], or with hashed_email, hashed_phone, device_id, \
    hashed_device_id, hashed_account_id, or partner_id and partner_user_id or hashed_partner_user_id";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{BrowserId, HashedEmail, HashedPartnerUserId, PartnerId};

    #[test]
    fn subjects_are_named_by_one_identifier_each() {
        let (short, long) = ("0f".repeat(16), "0f".repeat(32));
        let body = format!(
            r#"{{"subjects":[{{"browser_id":"{short}"}},{{"hashed_email":"{long}"}},
                {{"partner_id":7,"hashed_partner_user_id":"{long}"}}]}}"#
        );
        let expect = vec![
            Subject::Browser(BrowserId::from_bytes([15; 16])),
            Subject::Email(HashedEmail::from_bytes([15; 32])),
            Subject::PartnerUser(PartnerId::from_number(7), HashedPartnerUserId::from_bytes([15; 32])),
        ];
        assert_eq!(subjects(body.as_bytes()), Ok(expect));
        let many = |count| {
            format!(r#"{{"subjects":[{}]}}"#, vec![format!(r#"{{"browser_id":"{short}"}}"#); count].join(","))
        };
        assert_eq!(subjects(many(SUBJECTS_MAX).as_bytes()).map(|subjects| subjects.len()), Ok(SUBJECTS_MAX));
        assert!(many(SUBJECTS_MAX).len() < BODY_BYTES_MAX);
        for body in [
            String::new(),
            "[]".to_owned(),
            many(0),
            many(SUBJECTS_MAX + 1),
            format!(r#"{{"subjects":[{{"browser_id":"{long}"}}]}}"#),
            format!(r#"{{"subjects":[{{"hashed_email":"{short}"}}]}}"#),
            format!(r#"{{"subjects":[{{"hashed_partner_user_id":"{long}"}}]}}"#),
            format!(r#"{{"subjects":[{{"browser_id":"{short}","partner_id":7}}]}}"#),
            r#"{"subjects":[{}]}"#.to_owned(),
            r#"{"subjects":[{"email":"jane@shop.example"}]}"#.to_owned(),
            r#"{"subjects":[{"hashed_email":"jane@shop.example"}]}"#.to_owned(),
        ] {
            let error = subjects(body.as_bytes()).expect_err(&body);
            assert!(!error.contains("jane") && !error.contains(&short), "{error}");
        }
    }
}
