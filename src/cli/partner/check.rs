//! `pixelgate partner check`: whether a partner leads browsers back to us.

use std::sync::Arc;
use std::time::Duration;

use super::super::{CliError, Io};
use super::OnePartner;
use crate::app;
use crate::domain::page::PageAddress;
use crate::http::outbound::{Networks, Outbound, SystemResolver};
use crate::service::crypto::SystemRng;
use crate::service::partner_check::{Back, BackState, Probe};
use crate::service::partners::{Partner, Target};

/// Call a partner's address as a browser would that it has never seen, follow where it leads, and say whether that is
/// back to us with the partner's id for the browser, and with our state.
///
/// Nothing is stored. No connection is opened into networks of our own but those that outbound.allow_networks names.
/// Exit code 1 where the match would not come about.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pixelgate partner check adhub --config pixelgate.toml")]
pub(super) struct Args {
    #[command(flatten)]
    partner: OnePartner,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let (config, _) = args.partner.whose.config()?;
    let partners = app::partners(&config, None);
    let partner = args.partner.matched_among(&partners)?;
    let networks = Networks { allowed: config.outbound_networks };
    let outbound = Outbound::new(networks, Arc::new(SystemResolver), PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(app::AppError::Runtime)?;
    let targets = [("image".to_owned(), Target::Image), ("iframe".to_owned(), Target::Iframe)];
    let pixels =
        (0..u8::MAX).take(partner.pixels.len()).map(|at| (format!("pixel {}", at + 1), Target::Pixel(at)));
    let mut faults = Vec::new();
    let mut asked = 0;
    for (kind, target) in targets.into_iter().chain(pixels) {
        let Some(probe) = Probe::new(partner, target, &SystemRng::new()) else { continue };
        asked += 1;
        match runtime.block_on(visit(&outbound, partner, &probe, io))? {
            Ok(()) => writeln!(io.out, "{kind}: the match would come about")?,
            Err(fault) => {
                writeln!(io.out, "{kind}: {fault}")?;
                faults.push(kind);
            }
        }
    }
    match (asked, faults.is_empty()) {
        (0, _) => Err(CliError::Usage("the partner has neither image nor iframe nor pixels to call".into())),
        (_, true) => Ok(()),
        (_, false) => Err(CliError::Negative(format!("no match by {}", faults.join(" and ")))),
    }
}

/// Follows the partner's redirects. The inner error says why no match would come about.
async fn visit(
    outbound: &Outbound,
    partner: &Partner,
    probe: &Probe,
    io: &mut Io<'_>,
) -> Result<Result<(), String>, CliError> {
    let mut address = probe.address.clone();
    for _ in 0..HOPS_MAX {
        let answer = match outbound.get(&address).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(format!("{:#}", anyhow::Error::new(error)))),
        };
        writeln!(io.out, "{} answers {}", origin(&address), answer.status)?;
        let Some(location) = answer.location.filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308))
        else {
            return Ok(Err(
                "it does not lead back to us; expected a redirect to /match/, /i/adsct or /setuid".into(),
            ));
        };
        address = lead(&address, location);
        if let Some(back) = probe.read(partner, &address) {
            writeln!(io.out, "it leads back to {}", origin(&address))?;
            return Ok(judge(partner, &back));
        }
    }
    Ok(Err(format!("it leads through more than {HOPS_MAX} addresses; browsers and partners give up before")))
}

fn judge(partner: &Partner, back: &Back) -> Result<(), String> {
    match (&back.user_id, back.state) {
        (None, _) => Err("it brings no id of its own".into()),
        (Some(Err(why)), _) => Err(format!("what it brings for an id {}", why.in_words())),
        (Some(Ok(())), BackState::Lost) => Err("it does not bring our state back".into()),
        (Some(Ok(())), BackState::NotGiven) if !partner.takes_unsigned && partner.signing_key.is_none() => {
            Err("nothing proves that its id is for this browser: give the template a {state}, or it a secret"
                .into())
        }
        (Some(Ok(())), _) => Ok(()),
    }
}

/// Where a redirect at `address` leads, as browsers read it (WHATWG URL, "relative state"): a backslash is a slash, and
/// behind two of them is another host of the same scheme.
fn lead(address: &str, location: String) -> String {
    let origin = origin(address);
    let rest = location.trim_start_matches(['/', '\\']);
    match location.len() - rest.len() {
        0 => location,
        1 => format!("{origin}/{rest}"),
        _ => format!("{}//{rest}", origin.split("//").next().unwrap_or_default()),
    }
}

/// Scheme, host and port: the rest may be somebody's.
fn origin(address: &str) -> String {
    PageAddress::reduce(address).map_or_else(String::new, |page| page.origin().to_owned())
}

const HOPS_MAX: usize = 5;
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::lead;

    #[track_caller]
    fn check(location: &str, expect: &str) {
        assert_eq!(
            lead("https://match.adhub.example:8443/px?id=1", location.to_owned()),
            expect,
            "{location}"
        );
    }

    #[test]
    fn a_redirect_leads_where_a_browser_takes_it() {
        check("https://px.example/match/adhub?uid=1", "https://px.example/match/adhub?uid=1");
        check("/done?uid=1", "https://match.adhub.example:8443/done?uid=1");
        check("\\done", "https://match.adhub.example:8443/done");
        for other in [
            "//px.example/a?b=//c",
            "/\\px.example/a?b=//c",
            "\\\\px.example/a?b=//c",
            "///px.example/a?b=//c",
        ] {
            check(other, "https://px.example/a?b=//c");
        }
    }
}
