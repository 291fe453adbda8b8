//! `pixelgate keygen`: a fresh key for the browser-id cookie.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::{CliError, Io};
use crate::config::SECRET_BYTES_MIN;
use crate::domain::time::Rng as _;
use crate::service::crypto::SystemRng;

/// Print a fresh cookie key as a piece of configuration.
///
/// The first key of a configuration signs; all of them verify. To change keys, put the new one first and keep the
/// old one for as long as a cookie lives.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate keygen >> pixelgate.toml")]
pub(super) struct Args {
    /// The number that stands in every cookie that the key signs [default: a random one].
    #[arg(long)]
    id: Option<u32>,
    /// Print the key as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (mut secret, mut random) = ([0; SECRET_BYTES_MIN], [0; 4]);
    let rng = SystemRng::new();
    rng.fill(&mut secret);
    rng.fill(&mut random);
    let id = args.id.unwrap_or(1 + u32::from_be_bytes(random) % RANDOM_ID_MAX);
    let secret = BASE64URL_NOPAD.encode(&secret);
    if args.json {
        writeln!(io.out, "{}", json!({"id": id, "secret": secret}))?;
    } else {
        writeln!(io.out, "[[cookie_keys]]\nid = {id}\nsecret = \"{secret}\"")?;
    }
    Ok(())
}

/// Short, because it stands in every cookie.
const RANDOM_ID_MAX: u32 = 9_999;

#[cfg(test)]
mod tests {
    use super::super::tests::command;
    use crate::config::Config;

    #[test]
    fn a_fresh_key_is_a_valid_piece_of_configuration_and_never_the_same() {
        let (key, code) = command(&["keygen"], "");
        assert_eq!(code, 0);
        assert_ne!(command(&["keygen"], "").0, key);
        let rest = "data_dir = \"d\"\npublic.listen = \"127.0.0.1:80\"\nconsent.default_regime = \"us\"\n";
        let config = Config::parse(&format!("{rest}{key}"), &|_| None).expect("a configuration");
        assert_eq!(config.cookie_keys.len(), 1);
    }
}
