//! Stored rows as others read them.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::reader::{From, ReadError, Row, Stored, read};

pub fn json(stored: &Stored) -> Value {
    match &stored.row {
        Row::Conversion { conversion, evidence } => json!({
            "kind": stored.row.kind().name(), "id": conversion.id.to_string(), "at": conversion.at.to_string(),
            "account_id": conversion.account_id.to_string(), "pixel_id": conversion.pixel_id.to_string(),
            "event_tag_id": conversion.event_tag_id.map(|id| id.to_string()), "event": conversion.event.name(),
            "source": conversion.source.name(), "event_id": conversion.event_id.as_ref().map(|text| text.as_str()),
            "conversion_id": conversion.conversion_id.as_ref().map(|text| text.as_str()),
            "value_micros": conversion.value.map(|value| value.micros()),
            "currency": conversion.value.map(|value| value.currency().to_string()),
            "quantity": conversion.quantity,
            "browser_id": conversion.identifiers.browser_id.map(|id| id.expose()),
            "click_id": conversion.identifiers.click_id.as_ref().map(|id| id.expose()),
            "match_keys": conversion.identifiers.match_keys().collect::<Vec<_>>(),
            "page": conversion.page.as_ref().map(|page| page.as_str()),
            "country": conversion.country.as_ref().map(|country| country.code()),
            "restricted_data_use": conversion.restricted_data_use, "origin_ok": conversion.origin_ok,
            "evidence": {"regime": evidence.regime.name(), "basis": evidence.basis.name(),
                "policy": evidence.policy.to_string(), "decided_at": evidence.decided_at.to_string()},
        }),
        Row::OptOut(_) => json!({"kind": "opt_out"}),
    }
}

#[derive(Default)]
pub struct Filter {}

pub fn ndjson(dir: &Path, _: &Filter, out: &mut dyn Write) -> Result<(), ReadError> {
    for stored in read(dir, From::Start)? {
        let _ = writeln!(out, "{}", json(&stored?));
    }
    Ok(())
}
