//! `pixelgate inspect us-privacy`: what is in a US Privacy string.

use serde_json::json;

use super::{CliError, Fields, Io, Verdict};
use crate::consent::gpp::us_rule::UsReason;
use crate::consent::us_privacy::UsPrivacy;

/// Show what is in a US Privacy string, and whether it denies. Ends with 1 if it does, or is malformed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect us-privacy 1YNN")]
pub(super) struct Args {
    /// The value of `us_privacy`.
    #[arg(allow_hyphen_values = true)]
    string: String,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (verdict, fields) = match UsPrivacy::parse(&args.string) {
        Ok(string) if string.denies() => (Verdict::denies(UsReason::SaleOptedOut), fields(string)),
        Ok(string) if string.abstains() => (Verdict::of("abstains"), fields(string)),
        Ok(string) => (Verdict::of("does not deny"), fields(string)),
        Err(error) => (Verdict::malformed(error), Fields::new()),
    };
    verdict.show(fields, args.json, io)
}

pub(super) fn fields(string: UsPrivacy) -> Fields {
    vec![
        ("Version".to_owned(), json!(1)),
        ("Notice".to_owned(), json!(string.notice.to_string())),
        ("OptOutSale".to_owned(), json!(string.opt_out_sale.to_string())),
        ("LspaCovered".to_owned(), json!(string.lspa_covered.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::command;

    #[track_caller]
    fn check(string: &str, expect: &str, code: u8) {
        assert_eq!(command(&["inspect", "us-privacy", string], ""), (expect.to_owned(), code), "{string:?}");
    }

    #[test]
    fn every_character_is_named() {
        let fields = "Version      1\nNotice       Y\nOptOutSale   N\nLspaCovered  -\n";
        check("1YN-", &format!("does not deny\n{fields}"), 0);
    }

    #[test]
    fn an_opt_out_denies_and_what_is_malformed_is_told() {
        let fields = "Version      1\nNotice       N\nOptOutSale   Y\nLspaCovered  N\n";
        check("1nyn", &format!("denies: the person opted out of the sale of their data\n{fields}"), 1);
        check("1YN", "malformed: a US Privacy string has four characters\n", 1);
        check("", "malformed: a US Privacy string has four characters\n", 1);
        check("-YNN", "malformed: only version 1 of the US Privacy string is known\n", 1);
    }

    #[test]
    fn programs_get_json() {
        let (out, code) = command(&["inspect", "us-privacy", "--json", "1---"], "");
        let fields = r#"{"LspaCovered":"-","Notice":"-","OptOutSale":"-","Version":1}"#;
        assert_eq!(out, format!("{{\"fields\":{fields},\"reason\":null,\"verdict\":\"abstains\"}}\n"));
        assert_eq!(code, 0);
    }
}
