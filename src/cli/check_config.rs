//! `pixelgate check-config`: every mistake of a file, and nothing started.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{CliError, Io};
use crate::app::{KeptError, with_kept};
use crate::config::{Config, ConfigError, Mistake, PartnerSource};
use crate::storage::real_disk::RealDisk;

/// Check a configuration file without starting anything.
///
/// Reports every mistake at once, each with its line and column, what would be right, and the nearest key for one
/// that does not exist. Secrets that come from the environment have to be there. A file without mistakes is checked
/// together with what its data directory has from a running server (partners, event tags), as far as that can be read.
/// Ends with 2 if there is a mistake.
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
    let checked = check(&args.file);
    if args.json {
        writeln!(io.out, "{}", as_json(&checked))?;
    }
    let Checked { config, not_checked } = checked?;
    if !args.json {
        writeln!(io.out, "{} is fine: {}", args.file.display(), inventory(&config))?;
        if let Some(why) = not_checked {
            writeln!(io.out, "not checked: {why}")?;
        }
    }
    Ok(())
}

/// What has no mistake.
struct Checked {
    config: Config,
    /// Why what is kept in the data directory is not among it.
    not_checked: Option<String>,
}

/// The data directory may be for the server's eyes only, and then the file is checked alone.
fn check(file: &Path) -> Result<Checked, CliError> {
    let config = Config::load(file)?;
    let kept = with_kept(&config, &RealDisk, &config.data_dir);
    together(config, kept)
}

fn together(config: Config, kept: Result<Config, KeptError>) -> Result<Checked, CliError> {
    match kept {
        Ok(config) => Ok(Checked { config, not_checked: None }),
        Err(error) if error.is_denied() => Ok(Checked { config, not_checked: Some(error.to_string()) }),
        Err(error) => Err(error.into()),
    }
}

fn inventory(config: &Config) -> String {
    let pixels = config.accounts.iter().map(|account| account.pixels.len()).sum::<usize>();
    let (accounts, partners) = (config.accounts.len(), config.partners.len());
    let registered = config.partners.iter().filter(|partner| partner.source == PartnerSource::Api).count();
    let registered =
        if registered > 0 { format!(", {registered} of them by the admin API") } else { String::new() };
    format!("{accounts} account(s), {pixels} pixel(s), {partners} partner(s){registered}")
}

fn as_json(checked: &Result<Checked, CliError>) -> Value {
    let mistaken = |path: &Path, mistakes: &[Mistake]| {
        let mistakes: Vec<_> = mistakes.iter().map(|mistake| mistake_json(path, mistake)).collect();
        json!({"ok": false, "mistakes": mistakes})
    };
    match checked {
        Ok(Checked { not_checked: None, .. }) => json!({"ok": true, "mistakes": []}),
        Ok(Checked { not_checked, .. }) => json!({"ok": true, "mistakes": [], "not_checked": not_checked}),
        Err(
            CliError::Config(ConfigError::Mistaken { path, mistakes })
            | CliError::Kept(KeptError::Mistaken { path, mistakes, .. }),
        ) => mistaken(path, mistakes),
        Err(error) => json!({"ok": false, "error": error.to_string()}),
    }
}

fn mistake_json(path: &Path, mistake: &Mistake) -> Value {
    let Mistake { line, column, key, what, fix } = mistake;
    json!({"file": path, "line": line, "column": column, "key": key, "what": what, "fix": fix})
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write as _};

    use super::super::tests::command;
    use super::*;
    use crate::config::DevOptions;

    #[test]
    fn mistakes_end_with_2_and_are_all_there_as_json() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"dat_dir = 1\n[consent]\ndefault_regime = \"gpdr\"\n").expect("written");
        let path = file.path().to_str().expect("a path in UTF-8");
        let (out, code) = command(&["check-config", "--json", path], "");
        assert_eq!(code, 2);
        let answer: Value = serde_json::from_str(&out).expect("JSON");
        let keys =
            answer["mistakes"].as_array().expect("an array").iter().map(|mistake| mistake["key"].as_str());
        let keys: Vec<&str> = keys.flatten().collect();
        assert_eq!(keys, ["data_dir", "public.listen", "cookie_keys", "dat_dir", "consent.default_regime"]);
        assert_eq!(command(&["check-config", path], ""), (String::new(), 2));
    }

    #[test]
    fn registered_partners_are_checked_with_the_file() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let registered = data.path().join("partners.toml");
        let secret = "0f".repeat(32);
        let config = data.path().join("pixelgate.toml");
        write(
            &config,
            format!(
                "data_dir = \"{}\"\npublic.listen = \"127.0.0.1:80\"\nconsent.default_regime = \"us\"\n\
                 matching.secret = \"{secret}\"\ncookie_keys = [{{ id = 1, secret = \"{secret}\" }}]\n\
                 [[partners]]\nid = 7\nname = \"adhub\"\n",
                data.path().display()
            ),
        );
        let check = |json: &[&str]| {
            let line = [&["check-config", config.to_str().expect("a path in UTF-8")], json].concat();
            command(&line, "")
        };
        let (out, code) = check(&[]);
        assert_eq!(
            (out.ends_with(" is fine: 0 account(s), 0 pixel(s), 1 partner(s)\n"), code),
            (true, 0),
            "{out}"
        );
        write(&registered, "[[partners]]\nid = 8\nname = \"other\"\n");
        let (out, code) = check(&[]);
        assert_eq!((out.ends_with(" 2 partner(s), 1 of them by the admin API\n"), code), (true, 0), "{out}");
        write(&registered, "[[partners]]\nid = 8\nnmae = \"other\"\n");
        let (out, code) = check(&["--json"]);
        let answer: Value = serde_json::from_str(&out).expect("JSON");
        let first = &answer["mistakes"][1];
        assert_eq!((code, &first["file"], &first["line"]), (2, &json!(registered), &3.into()), "{answer}");
        assert_eq!(
            (&first["key"], &first["fix"]),
            (&"partners[1].nmae".into(), &"did you mean \"name\"?".into())
        );
        assert_eq!(check(&[]), (String::new(), 2));
        write(&registered, "[[partners]]\nid = 7\nname = \"a\"\n[[partners]]\nid = 8\nname = \"adhub\"\n");
        let (out, code) = check(&["--json"]);
        let of_both = [
            "registered partner 7",
            "registered partner 8",
            "of the configuration file has the id or the name",
        ];
        assert!(code == 2 && of_both.iter().all(|part| out.contains(part)), "{out}");
        // With what is no text the server does not start, either.
        write(&registered, b"\xff");
        let (out, code) = check(&["--json"]);
        assert_eq!((out.contains("the registered partners in "), code), (true, 2), "{out}");
    }

    #[test]
    fn who_may_not_read_what_is_kept_is_told_that_it_was_not_checked() {
        let config = || Config::dev(DevOptions::default());
        let unreadable = |kind: ErrorKind| {
            let path = "data/event_tags.json".into();
            together(
                config(),
                Err(KeptError::Unreadable { what: "the event tags", path, error: kind.into() }),
            )
        };
        let denied = unreadable(ErrorKind::PermissionDenied);
        let told = "the event tags in data/event_tags.json: permission denied";
        assert_eq!(as_json(&denied), json!({"ok": true, "mistakes": [], "not_checked": told}));
        assert_eq!(denied.ok().and_then(|checked| checked.not_checked).as_deref(), Some(told));
        assert!(unreadable(ErrorKind::InvalidData).is_err_and(|error| error.exit_code() == 2));
    }

    #[expect(clippy::disallowed_methods, reason = "an operator's file is not in the data directory")]
    fn write(path: &Path, text: impl AsRef<[u8]>) {
        std::fs::write(path, text).expect("written");
    }

    #[test]
    fn a_file_that_is_not_there_ends_with_2() {
        assert_eq!(command(&["check-config", "/nowhere/pixelgate.toml"], ""), (String::new(), 2));
    }
}
