//! `/admin/partners/{id}/targeting`: a partner's targeting user files, brought, fetched, shown and forgotten.

use super::admin::{bad_method, json};
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use crate::domain::id::PartnerId;
use crate::service::caller::Caller;
use crate::service::targeting::{Ask, NotTaken, Targeting};

/// Compressed or not; larger ones are fetched.
pub(super) const BODY_BYTES_MAX: usize = 64 << 20;

/// What of `path` stands behind `/admin/partners`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    partner_id: PartnerId,
    fetches: bool,
}

impl Place {
    /// `/111/targeting` or `/111/targeting/fetch`.
    pub(super) fn of(rest: &str) -> Option<Self> {
        let (number, what) = rest.strip_prefix('/')?.split_once('/')?;
        let partner_id = PartnerId::from_number(number.parse().ok()?);
        let fetches = match what {
            "targeting" => false,
            "targeting/fetch" => true,
            _ => return None,
        };
        Some(Self { partner_id, fetches })
    }
}

pub(super) fn answer<'s>(
    targeting: &'s Targeting,
    caller: Caller,
    place: Place,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    let ask = match (place.fetches, head.method) {
        (false, "GET") => {
            let view = targeting.view(&caller, place.partner_id);
            return Answering::Now(view.map_or_else(|| refusal(&NotTaken::Unknown), |view| json(200, &view)));
        }
        (false, "POST") => Ask::Take(place.partner_id, body.to_owned()),
        (false, "DELETE") => Ask::Remove(place.partner_id),
        (true, "POST") => Ask::Fetch(place.partner_id),
        (false, _) => return Answering::Now(bad_method("GET, POST, DELETE")),
        (true, _) => return Answering::Now(bad_method("POST")),
    };
    Answering::later(async move {
        match targeting.ask(&caller, ask).await {
            Ok(view) => json(200, &view),
            Err(error) => refusal(&error),
        }
    })
}

fn refusal(why: &NotTaken) -> Answer {
    let status = match why {
        NotTaken::Bad(_) => 400,
        NotTaken::Unknown => 404,
        NotTaken::NoSource | NotTaken::NotAudience => 409,
        NotTaken::Missing | NotTaken::Failed(_) => 502,
        NotTaken::Disk(_) | NotTaken::Busy => 503,
    };
    let answer = json(status, &serde_json::json!({"errors": [why.to_string()]}));
    if status == 503 { answer.with("Retry-After", "10") } else { answer }
}
