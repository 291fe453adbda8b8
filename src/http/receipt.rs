//! Receipts for choices: shown on the page that a choice leads to, and downloaded from there. Nothing is kept of them
//! here: the address holds the whole receipt, and only what we signed is shown.

use serde_json::json;

use super::request::Head;
use super::response::Answer;
use super::visitor;
use crate::service::live::Live;
use crate::service::opt_out::Recorded;
use crate::service::receipt::Receipt;

/// The receipt for a choice at `host`, as the address of the page has it that the choice leads to.
pub fn sign(host: &str, live: &Live, recorded: Recorded) -> Option<String> {
    Some(live.receipts.sign(host, recorded)?.compact())
}

/// The receipt in the request's address, if we signed it for this very host.
pub fn shown(head: &Head<'_>, live: &Live) -> Option<Receipt> {
    let text = visitor::parameter(head, "receipt")?;
    let receipt = Receipt::from_compact(&text, head.host().unwrap_or_default())?;
    live.receipts.verify(&receipt).then_some(receipt)
}

/// `/optout/receipt?receipt=…&format=text|json`: the same to keep.
pub fn download(head: &Head<'_>, live: &Live) -> Answer {
    let Some(receipt) = shown(head, live) else {
        return Answer::text(404, "this is no receipt of ours\n");
    };
    let wants_json = visitor::parameter(head, "format").is_some_and(|format| format == "json");
    let (content_type, name, text) = if wants_json {
        let text = serde_json::to_string_pretty(&receipt).unwrap_or_default();
        ("application/json", "attachment; filename=\"receipt.json\"", text)
    } else {
        ("text/plain; charset=utf-8", "attachment; filename=\"receipt.txt\"", receipt.text())
    };
    Answer::new(200, content_type, text)
        .with("Content-Disposition", name)
        .with("Cache-Control", "no-store")
        .with("X-Content-Type-Options", "nosniff")
}

/// `/optout/receipt-keys`: what anybody needs to check a receipt.
pub fn keys(live: &Live) -> Answer {
    let keys = live.receipts.public().map(|(id, key)| json!({"id": id, "public_key": key}));
    let text = json!({"algorithm": "Ed25519", "keys": keys.collect::<Vec<_>>()}).to_string();
    Answer::json(200, text).with("Cache-Control", "no-cache").with("Access-Control-Allow-Origin", "*")
}
