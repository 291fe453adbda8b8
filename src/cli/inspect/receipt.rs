//! `pixelgate inspect receipt`: whether a receipt for an opt-out or opt-in is genuine.

use std::io::Read as _;
use std::path::PathBuf;

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::super::config_or_dev;
use super::{CliError, Fields, Io, Verdict};
use crate::app;
use crate::domain::time::Timestamp;
use crate::service::receipt::Receipt;

/// Check a receipt for an opt-out or opt-in, as text or JSON, from standard input. Ends with 1 if it is not genuine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect receipt --config pixelgate.toml < receipt.txt")]
pub(super) struct Args {
    /// The configuration (TOML) whose keys count; without it, those of `serve --dev`.
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    config: Option<PathBuf>,
    /// The public key (base64url) that counts, as the server's /optout/receipt-keys tells it.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    public_key: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let mut text = String::new();
    let read = io.input.take(RECEIPT_BYTES_MAX).read_to_string(&mut text);
    let parsed = read.ok().and_then(|_| parse(&text));
    let Some(receipt) = parsed else {
        return Verdict::malformed("this is no receipt").show(Fields::new(), args.json, io);
    };
    let verdict = if is_genuine(args, &receipt)? {
        Verdict::of("genuine")
    } else {
        let reason = "the key did not sign this, or something in it was changed".to_owned();
        Verdict { name: "forged", reason: Some(reason) }
    };
    verdict.show(fields(&receipt), args.json, io)
}

fn is_genuine(args: &Args, receipt: &Receipt) -> Result<bool, CliError> {
    if let Some(key) = &args.public_key {
        let key = BASE64URL_NOPAD.decode(key.trim().as_bytes());
        let key =
            key.map_err(|error| CliError::Usage(format!("the public key is not base64url: {error}")))?;
        return Ok(receipt.is_signed_by(&key));
    }
    let config = config_or_dev(args.config.as_deref())?;
    Ok(app::receipts(&config).verify(receipt))
}

fn parse(text: &str) -> Option<Receipt> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).ok();
    }
    Receipt::from_text(text)
}

fn fields(receipt: &Receipt) -> Fields {
    let terms = &receipt.terms;
    vec![
        ("Host".to_owned(), json!(terms.host)),
        ("Time".to_owned(), json!(Timestamp(terms.at_ms).to_string())),
        ("Choice".to_owned(), json!(terms.choice.name())),
        ("IdsRecorded".to_owned(), json!(terms.ids_recorded)),
        ("Kept".to_owned(), json!(terms.ack)),
        ("Key".to_owned(), json!(terms.key_id)),
    ]
}

const RECEIPT_BYTES_MAX: u64 = 16_384;

#[cfg(test)]
mod tests {
    use super::super::super::tests::command;

    #[test]
    fn what_is_no_receipt_is_malformed() {
        for text in ["", "{}", "Pixelgate receipt\nhost: a\n"] {
            let expect = ("malformed: this is no receipt\n".to_owned(), 1);
            assert_eq!(command(&["inspect", "receipt"], text), expect, "{text:?}");
        }
    }

    #[test]
    fn a_receipt_that_nobody_signed_is_forged() {
        let text = "Pixelgate receipt\nhost: px.example\ntime: 2026-11-22T03:04:05.678Z\nchoice: opt-out\n\
             ids recorded: 1\nkept: disk\nkey: 1\nsignature: AAAA\n";
        let (out, code) = command(&["inspect", "receipt", "--json"], text);
        assert!(out.contains("\"verdict\":\"forged\"") && code == 1, "{out}");
        let (_, code) = command(&["inspect", "receipt", "--public-key", "not base64url!"], text);
        assert_eq!(code, 2);
    }
}
