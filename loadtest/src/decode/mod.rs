//! `loadtest decode`: what decoding a TC string takes, beside the published crate, a GPP string, and
//! looking a page's path through for terms of sensitive categories. The one command
//! that measures the server's library and not a running server: a string's share of a request is too small to be seen
//! from outside.

mod measure;

use anyhow::Result;
use serde::Serialize;

use self::measure::{Figures, GppFigures, PathFigures};
use crate::cli::Decode;
use crate::console::Console;
use crate::random::fresh_seed;
use crate::tc_string::Kind;
use crate::{Verdict, gpp_string, pin};

#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    rounds: u32,
    strings: Vec<Figures>,
    gpp_strings: Vec<GppFigures>,
    paths: PathFigures,
}

pub(crate) fn run(args: &Decode, console: Console) -> Result<Verdict> {
    if let Some(core) = args.core {
        pin::pin_this_thread(core)?;
    }
    let seed = args.seed.unwrap_or_else(fresh_seed);
    console.say(format!("seed {seed}, the fastest of {} rounds, nanoseconds per string", args.rounds));
    console.say(format!(
        "{:<34} {:>7} {:>12} {:>12} {:>14} {:>8}",
        "TC strings", "bytes", "one vendor", "two vendors", "lib_tcstring", "ratio"
    ));
    let mut strings = Vec::new();
    for kind in Kind::ALL {
        let figures = measure::measure(kind, args.rounds, seed);
        console.say(line(&figures));
        strings.push(figures);
    }
    console.say(
        "ratio: lib_tcstring, which only parses, by this server, which parses and asks about one vendor",
    );
    console.say(format!("\n{:<34} {:>7} {:>12}", "GPP strings", "bytes", "all sections"));
    let mut gpp_strings = Vec::new();
    for kind in gpp_string::Kind::ALL {
        let figures = measure::measure_gpp(kind, args.rounds, seed);
        console.say(format!("{:<34} {:>7} {:>12.0}", kind.name(), figures.bytes, figures.ns));
        gpp_strings.push(figures);
    }
    let paths = measure::measure_paths(args.rounds, seed);
    console.say(format!("\n{:<34} {:>7} {:>12}", "Pages", "bytes", "all terms"));
    console.say(format!("{:<34} {:>7} {:>12.0}", "paths of a shop", paths.bytes, paths.ns));
    console.result(&Report { seed, rounds: args.rounds, strings, gpp_strings, paths })?;
    Ok(Verdict::Kept)
}

fn line(figures: &Figures) -> String {
    format!(
        "{:<34} {:>7} {:>12.0} {:>12.0} {:>14.0} {:>8.1}{}",
        figures.kind.name(),
        figures.bytes,
        figures.one_vendor_ns,
        figures.two_vendors_ns,
        figures.lib_tcstring_ns,
        figures.ratio(),
        if figures.lib_tcstring_refuses { "  (lib_tcstring refuses some)" } else { "" }
    )
}
