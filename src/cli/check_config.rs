//! `pixelgate check-config`: every mistake of a file, and nothing started.

use std::path::PathBuf;

use serde_json::json;

use super::{CliError, Io};
use crate::config::{Config, ConfigError, Mistake};

/// Check a configuration file without starting anything.
///
/// Reports every mistake at once, each with its line and column, what would be right, and the nearest key for one
/// that does not exist. Secrets that come from the environment have to be there. Ends with 2 if there is a mistake.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate check-config pixelgate.toml")]
pub(super) struct Args {
    /// The configuration (TOML).
    file: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let result = Config::load(&args.file);
    if args.json {
        writeln!(io.out, "{}", as_json(&result))?;
    }
    let config = result?;
    if !args.json {
        let pixels = config.accounts.iter().map(|account| account.pixels.len()).sum::<usize>();
        let accounts = config.accounts.len();
        writeln!(io.out, "{} is fine: {accounts} account(s), {pixels} pixel(s)", args.file.display())?;
    }
    Ok(())
}

fn as_json(result: &Result<Config, ConfigError>) -> serde_json::Value {
    match result {
        Ok(_) => json!({"ok": true, "mistakes": []}),
        Err(ConfigError::Mistaken { mistakes, .. }) => {
            json!({"ok": false, "mistakes": mistakes.iter().map(mistake_json).collect::<Vec<_>>()})
        }
        Err(error @ ConfigError::Unreadable { .. }) => json!({"ok": false, "error": error.to_string()}),
    }
}

fn mistake_json(mistake: &Mistake) -> serde_json::Value {
    let Mistake { line, column, key, what, fix } = mistake;
    json!({"line": line, "column": column, "key": key, "what": what, "fix": fix})
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::tests::command;

    #[test]
    fn mistakes_end_with_2_and_are_all_there_as_json() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"dat_dir = 1\n[consent]\ndefault_regime = \"gpdr\"\n").expect("written");
        let path = file.path().to_str().expect("a path in UTF-8");
        let (out, code) = command(&["check-config", "--json", path], "");
        assert_eq!(code, 2);
        let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let keys =
            answer["mistakes"].as_array().expect("an array").iter().map(|mistake| mistake["key"].as_str());
        let keys: Vec<&str> = keys.flatten().collect();
        assert_eq!(keys, ["data_dir", "public.listen", "cookie_keys", "dat_dir", "consent.default_regime"]);
        assert_eq!(command(&["check-config", path], ""), (String::new(), 2));
    }

    #[test]
    fn a_file_that_is_not_there_ends_with_2() {
        assert_eq!(command(&["check-config", "/nowhere/pixelgate.toml"], ""), (String::new(), 2));
    }
}
