//! `pixelgate inspect adchoices`: what is in an AdChoices signal.

use serde_json::{Value, json};

use super::{CliError, Fields, Io, Verdict};
use crate::consent::adchoices::{AdChoices, Choice};
use crate::domain::time::Timestamp;

/// Show what is in an AdChoices signal, and whether it denies. Ends with 1 if it does, or is malformed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect adchoices --participant 3 BYVHiWSADABAAIQAwABAZEA")]
pub(super) struct Args {
    /// The value of `adchoices_signal`, `X-AdChoices` or `Cookie2`.
    #[arg(allow_hyphen_values = true)]
    signal: String,
    /// Our id as a participant; without it only a limit for everybody denies.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(..4096))]
    participant: Option<u16>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (verdict, fields) = match AdChoices::parse(&args.signal) {
        Ok(signal) => (judge(&signal, args.participant), fields(&signal)),
        Err(error) => (Verdict::malformed(error), Fields::new()),
    };
    verdict.show(fields, args.json, io)
}

fn judge(signal: &AdChoices<'_>, participant: Option<u16>) -> Verdict {
    if signal.denies(None) {
        Verdict::denies("the use of data is limited for everybody")
    } else if signal.denies(participant) {
        Verdict::denies("the use of data is limited for this participant")
    } else {
        // Also where it allows: that grants nothing.
        Verdict::of("abstains")
    }
}

fn fields(signal: &AdChoices<'_>) -> Fields {
    let choice = |(id, choice): (u16, Choice)| Value::String(format!("{id}={choice}"));
    vec![
        ("created".to_owned(), json!(Timestamp(u64::from(signal.created_s) * 1000).to_string())),
        ("global".to_owned(), json!(signal.global.to_string())),
        ("participants".to_owned(), signal.participants().map(choice).collect()),
        ("categories".to_owned(), signal.categories().map(choice).collect()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::command;

    const SIGNAL: &str = "BYVHiWSADABAAIQAwABAZEA";
    const FIELDS: &str = "created       2021-09-27T15:25:13.000Z\n\
                          global        none\n\
                          participants  1=limit 2=allow 3=limit\n\
                          categories    25=allow\n";

    #[track_caller]
    fn check(arguments: &[&str], expect: &str, code: u8) {
        let line = [&["inspect", "adchoices"], arguments].concat();
        assert_eq!(command(&line, ""), (expect.to_owned(), code), "{arguments:?}");
    }

    #[test]
    fn a_limit_denies_whom_it_is_for() {
        check(&[SIGNAL], &format!("abstains\n{FIELDS}"), 0);
        check(&[SIGNAL, "--participant", "2"], &format!("abstains\n{FIELDS}"), 0);
        let denies = "denies: the use of data is limited for this participant\n";
        check(&[SIGNAL, "--participant", "3"], &format!("{denies}{FIELDS}"), 1);
        let (out, code) = command(&["inspect", "adchoices", "BYVHiWQAAAAA"], "");
        assert!(out.starts_with("denies: the use of data is limited for everybody\n"), "{out}");
        assert!(out.ends_with("participants  -\ncategories    -\n"), "{out}");
        assert_eq!(code, 1);
    }

    #[test]
    fn what_is_malformed_is_told() {
        check(&["BYVHiWSAD"], "malformed: the AdChoices signal is cut off\n", 1);
        let json = r#"{"fields":{},"reason":"the AdChoices signal is not base64url","verdict":"malformed"}"#;
        check(&["--json", "x y"], &format!("{json}\n"), 1);
    }
}
