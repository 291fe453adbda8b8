//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::drive::mix::Mix;
use crate::drive::plan::Arrivals;
use crate::target::Target;

/// Load, comparison and crash tests from outside: through command line and sockets only. (`decode`, `matches` and
/// `export` also call the server's library.)
///
/// Exit codes: 0 all right; 1 a promise was broken (chaos), a limit missed (compare --check) or not one good
/// answer (run); 2 wrong usage, or something could not be set up.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print the result as one JSON document on standard output; text goes to standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Compare(Compare),
    Chaos(Chaos),
    Decode(Decode),
    Matches(Matches),
    Upload(Upload),
    Export(Export),
    Guess(Guess),
    #[command(hide = true)]
    BareHyper(BareHyper),
    #[command(hide = true)]
    Spin,
}

/// Sends hits to a server on this machine and reports latency from the intended send time.
///
/// Example: loadtest run --target http://127.0.0.1:8080 --rate 5000 --seconds 30 --conversions 10 --html report.html
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Run {
    /// Where to: http://127.0.0.1:PORT. Anything but a loopback address is refused.
    #[arg(long)]
    pub(crate) target: Target,
    /// Arrivals per second, whether or not the server keeps up.
    #[arg(long, default_value_t = 1000.0, value_parser = positive)]
    pub(crate) rate: f64,
    /// How arrivals are spaced.
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub(crate) arrivals: Arrivals,
    /// Closed loop instead: every connection at full speed.
    #[arg(long, conflicts_with_all = ["rate", "arrivals"])]
    pub(crate) closed: bool,
    /// Keep-alive connections, 1 to 15000.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=15_000))]
    pub(crate) connections: u16,
    /// Length of the run in seconds, at most 3600.
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Seconds at the start that are not counted.
    #[arg(long, default_value = "1", value_parser = seconds)]
    pub(crate) warm_up: Duration,
    /// Stop after so many requests.
    #[arg(long, default_value_t = 100_000_000)]
    pub(crate) requests: u64,
    /// Milliseconds after which an arrival that found no free connection gives up; never without it.
    #[arg(long)]
    pub(crate) patience_ms: Option<u64>,
    /// Who visits, in percent: fresh, returning, opted-out, gpc, prefetch.
    #[arg(long, default_value = "fresh=20,returning=65,opted-out=5,gpc=5,prefetch=5")]
    pub(crate) mix: Mix,
    /// Percentage of conversions among the hits; the rest are page views.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) conversions: u8,
    /// Send `gdpr=1` and a TC string of real size with every hit.
    #[arg(long)]
    pub(crate) tc_string: bool,
    /// Pin the generator to this core.
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// Repeat a run by the seed that it printed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write the JSON report here.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Write the HTML report with plots here.
    #[arg(long)]
    pub(crate) html: Option<PathBuf>,
}

/// Compares the CPU time per request with nginx and a bare hyper server, each pinned to one core, alternating.
///
/// Example: loadtest compare --rounds 5 --seconds 5 --report compare.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Compare {
    /// The server's program. Default: `pixelgate` beside this one.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
    /// nginx's program.
    #[arg(long, default_value = "/usr/sbin/nginx")]
    pub(crate) nginx: PathBuf,
    /// Which of them, comma-separated.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "page-views,conversions,nginx,hyper")]
    pub(crate) only: Vec<crate::compare::subject::Subject>,
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Measured seconds of every run.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,
    #[arg(long, default_value = "1", value_parser = seconds)]
    pub(crate) warm_up: Duration,
    /// Connections of the closed loop.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) connections: u16,
    /// Idle keep-alive connections for the memory row; 0 leaves it out.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(0..=15_000))]
    pub(crate) idle: u16,
    /// Offered load for the overload row, as a multiple of the peak; 0 leaves it out.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) overload: f64,
    /// Busy loops that share the server's core in the overload row, so that one generator core can outrun it.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=16))]
    pub(crate) spinners: u8,
    /// Connections of the overload row; arrivals that find none free within 100 ms give up.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) overload_connections: u16,
    /// Browsers that opt out during the overload row.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) opt_outs: u32,
    /// Core of the server. Default: the first.
    #[arg(long)]
    pub(crate) server_core: Option<usize>,
    /// Core of the generator. Default: the last.
    #[arg(long)]
    pub(crate) generator_core: Option<usize>,
    /// Send `gdpr=1` and a TC string of real size with every hit, to all of them.
    #[arg(long)]
    pub(crate) tc_string: bool,
    /// Exit with 1 when a limit is missed.
    #[arg(long)]
    pub(crate) check: bool,
    /// Directory for data; on a real disk. Removed afterwards. Default: beside this program.
    #[arg(long)]
    pub(crate) scratch: Option<PathBuf>,
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write the figures of all rounds here.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Further arguments for the server, as one word each.
    #[arg(last = true)]
    pub(crate) server_args: Vec<String>,
}

/// Breaks a running server and checks from outside that it kept every promise it had acknowledged.
///
/// Example: loadtest chaos --kill 200
/// Example: loadtest chaos --power 100 --eio 150 --full-disk   (as root)
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(crate) struct Chaos {
    /// kill -9 under load, so many times; acknowledgements of class `os` and `disk` must survive.
    #[arg(long, value_name = "CYCLES")]
    pub(crate) kill: Option<u32>,
    /// Power cut of an ext4 image, so many times; acknowledgements of class `disk` must survive. Needs root.
    #[arg(long, value_name = "CYCLES")]
    pub(crate) power: Option<u32>,
    /// EIO at a random fdatasync, then a power cut, so many times. Needs root and strace.
    #[arg(long, value_name = "INJECTIONS")]
    pub(crate) eio: Option<u32>,
    /// A small file system filled to the brim. Needs root.
    #[arg(long)]
    pub(crate) full_disk: bool,
    /// The server's program. Default: `pixelgate` beside this one.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) connections: u16,
    /// Check the stored rows after every so many cycles, and after the last.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) verify_every: u32,
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Directory for data; on a real disk. Removed afterwards. Default: beside this program.
    #[arg(long)]
    pub(crate) scratch: Option<PathBuf>,
}

/// Measures what decoding a TC string takes, beside the published crate `lib_tcstring`, a GPP string, and looking a page's
/// path through for terms of sensitive categories.
///
/// Example: loadtest decode --rounds 100
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Decode {
    /// How often each is measured, in turns; the fastest counts.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rounds: u32,
    /// Pin the measurement to this core.
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// Repeat a run's strings by the seed that it printed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Fills a match table, and reports how fast it answers, what a row costs, and how long a start takes.
///
/// Example: loadtest matches --rows 10000000
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Matches {
    /// Rows, 1000 to 100000000; a hundred bytes of disk and two hundred of memory each.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) rows: u64,
    /// Look-ups of each kind.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) look_ups: u64,
    /// The server's program. Default: `pixelgate` beside this one.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
    /// Where to make a directory for the data. Default: beside this program.
    #[arg(long)]
    pub(crate) scratch: Option<PathBuf>,
}

/// Sends conversions as an advertiser's servers do, in batches, and reports how many a second are on the disk.
///
/// Example: loadtest upload --batch 100 --seconds 10
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Upload {
    /// Conversions in a request.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) batch: u16,
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) connections: u16,
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// The server's program. Default: `pixelgate` beside this one.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
    /// Where to make a directory for the data. Default: beside this program.
    #[arg(long)]
    pub(crate) scratch: Option<PathBuf>,
}

/// Fills a log with conversions and page views, and reports how fast each format of `pixelgate export` has them out, how
/// large that is, and what memory it takes. The server's program has to be built with `--features parquet`.
///
/// Example: loadtest export --rows 1000000
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// Rows, 1000 to 100000000; three hundred bytes of disk each.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) rows: u64,
    /// Over how many days they are spread.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) days: u64,
    /// The server's program. Default: `pixelgate` beside this one.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
    /// Where to make a directory for the data. Default: beside this program.
    #[arg(long)]
    pub(crate) scratch: Option<PathBuf>,
}

/// Asks with wrong keys of several kinds, and reports whether the time to the refusal tells how much of a key was right.
///
/// Example: loadtest guess --rounds 20000
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Guess {
    /// Requests with each kind of key.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) rounds: u32,
    /// The server's program. Default: `pixelgate` beside this one.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
    /// Where to make a directory for the data. Default: beside this program.
    #[arg(long)]
    pub(crate) scratch: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BareHyper {
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds, from 0 to 3600".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1e7 => Ok(rate),
        _ => Err("expected a rate above 0 and at most 10000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_has_examples() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        for name in ["run", "compare", "chaos", "decode", "matches", "upload", "export", "guess"] {
            let help =
                command.find_subcommand_mut(name).expect("the subcommand").render_long_help().to_string();
            assert!(help.contains(&format!("Example: loadtest {name} ")), "{help}");
        }
    }

    #[test]
    fn other_machines_are_refused() {
        let parse = |target: &str| Cli::try_parse_from(["loadtest", "run", "--target", target]);
        assert!(parse("http://127.0.0.1:8080").is_ok());
        let error = parse("http://192.0.2.1:80").unwrap_err();
        assert!(error.to_string().contains("loopback"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
