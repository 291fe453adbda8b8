//! `pixelgate inspect`: what is in a cookie, a consent string or a log.

mod adchoices;
mod cookie;
mod gpp;
mod log;
mod receipt;
mod tcstring;
mod us_privacy;

use serde_json::{Value, json};

use super::{CliError, Io};

/// Show what is in a cookie, a consent string or a log.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate inspect log --data-dir pixelgate-dev")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Adchoices(adchoices::Args),
    Cookie(cookie::Args),
    Gpp(gpp::Args),
    Log(log::Args),
    Receipt(receipt::Args),
    #[command(name = "tcstring")]
    TcString(tcstring::Args),
    UsPrivacy(us_privacy::Args),
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    match &args.command {
        Command::Adchoices(args) => adchoices::run(args, io),
        Command::Cookie(args) => cookie::run(args, io),
        Command::Gpp(args) => gpp::run(args, io),
        Command::Log(args) => log::run(args, io),
        Command::Receipt(args) => receipt::run(args, io),
        Command::TcString(args) => tcstring::run(args, io),
        Command::UsPrivacy(args) => us_privacy::run(args, io),
    }
}

/// What a signal comes to, and why if that is a no.
struct Verdict {
    /// `denies`, `malformed`, …
    name: &'static str,
    reason: Option<String>,
}

impl Verdict {
    const fn of(name: &'static str) -> Self {
        Self { name, reason: None }
    }

    fn denies(reason: impl ToString) -> Self {
        Self { name: "denies", reason: Some(reason.to_string()) }
    }

    fn malformed(reason: impl ToString) -> Self {
        Self { name: "malformed", reason: Some(reason.to_string()) }
    }

    fn write(&self, io: &mut Io<'_>) -> Result<(), CliError> {
        match &self.reason {
            Some(reason) => writeln!(io.out, "{}: {reason}", self.name)?,
            None => writeln!(io.out, "{}", self.name)?,
        }
        Ok(())
    }

    /// `more` beside the verdict.
    fn as_json(&self, more: Value) -> Value {
        let mut all = json!({"verdict": self.name, "reason": self.reason});
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
            all.extend(more);
        }
        all
    }

    /// All there is to say about a signal that has one list of fields.
    fn show(self, fields: Fields, as_json: bool, io: &mut Io<'_>) -> Result<(), CliError> {
        if as_json {
            writeln!(io.out, "{}", self.as_json(json!({"fields": fields_as_json(fields)})))?;
        } else {
            self.write(io)?;
            write_fields(&fields, "", io)?;
        }
        self.into_result()
    }

    fn into_result(self) -> Result<(), CliError> {
        self.reason.map_or(Ok(()), |reason| Err(CliError::Negative(reason)))
    }
}

/// Fields of a signal, in its order.
type Fields = Vec<(String, Value)>;

fn write_fields(fields: &Fields, indent: &str, io: &mut Io<'_>) -> Result<(), CliError> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in fields {
        writeln!(io.out, "{indent}{name:<width$}  {}", plain(value))?;
    }
    Ok(())
}

fn fields_as_json(fields: Fields) -> Value {
    Value::Object(fields.into_iter().collect())
}

/// A list without brackets, a text without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
        value => value.to_string(),
    }
}
