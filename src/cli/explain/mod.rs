//! `pixelgate explain`: the decision about one request, rule by rule. Stores nothing.

mod paste;
mod shell;
mod table;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

pub use paste::{PasteError, Pasted};

use super::{CliError, Io, config_or_dev};
use crate::app;
use crate::config::Config;
use crate::consent::activity::Activity;
use crate::domain::conversion::Country;
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::partner::PartnerListing;
use crate::domain::time::Clock as _;
use crate::http::pixel;
use crate::http::request::Head;
use crate::service::clock::SystemClock;
use crate::service::crawler::Crawlers;
use crate::service::explain::{Explanation, Question, activities};
use crate::service::live::Live;
use crate::storage::real_disk::RealDisk;

/// Print the decision about one request, rule by rule; nothing is stored.
///
/// Takes an address, a curl command (as browsers copy it), or a raw HTTP request: as an argument, or on standard
/// input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pixelgate explain '/i/adsct?txn_id=o8z6j&gdpr=1'\n  \
    pixelgate explain \"curl -H 'Sec-GPC: 1' 'http://px.localhost:8080/i/adsct?txn_id=o8z6j'\"\n  \
    pixelgate explain --country DE < request.txt")]
pub(super) struct Args {
    /// The request; standard input if it is left out.
    request: Option<String>,
    /// List the codes of all refusals with their meaning, and explain nothing.
    #[arg(long, exclusive = true)]
    reasons: bool,
    /// Decide as this configuration (TOML) does; without it, as `serve --dev` does.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The client's country, as a trusted proxy would name it.
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// What to decide about: measure, identify (both, if it is left out), match, audience, share-rtb,
    /// share-measurement, link-devices, web-history, all. May be there several times. Left out where --partner names a
    /// registered partner: also what that partner is there for.
    #[arg(long, value_name = "NAME")]
    activity: Vec<String>,
    /// The partner who would get the data: the name of a registered one, 755 in the Global Vendor List, atp:89 in Google's
    /// list; one on neither if it is left out.
    #[arg(long, value_name = "NAME|ID")]
    partner: Option<String>,
    /// Where the partners that the admin API has registered are. Default: the configuration's.
    #[arg(long, value_name = "DIR", requires = "partner")]
    data_dir: Option<PathBuf>,
    /// Print the decision as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    if args.reasons {
        return Ok(table::write_reasons(io.out)?);
    }
    let text = match &args.request {
        Some(text) => text.clone(),
        None => std::io::read_to_string(&mut *io.input)?,
    };
    let request = Pasted::parse(&text).map_err(|error| CliError::Usage(error.to_string()))?;
    let live = app::live(&config(args)?, Arc::new(Crawlers::shipped()))?;
    let names = args.activity.iter().map(|name| &**name);
    let activities = activities(names, args.partner.as_deref(), &live.partners);
    let activities = activities.map_err(|error| CliError::Usage(error.to_string()))?;
    let country = args.country.as_deref().map(country).transpose()?;
    let explanation = explain(&activities, &request, country, &live);
    if args.json {
        let mut json = explanation.as_json();
        json["method"] = request.method.into();
        json["path"] = request.path.into();
        return Ok(writeln!(io.out, "{json}")?);
    }
    writeln!(io.out, "{} {}", request.method, request.path)?;
    if !pixel::PATHS.contains(&&*request.path) {
        writeln!(io.out, "note: this path is none of the pixel's ({})", pixel::PATHS.join(", "))?;
    }
    for decision in &explanation.decisions {
        writeln!(io.out)?;
        table::write(decision, io.out)?;
    }
    writeln!(io.out)?;
    table::write_facts(&explanation.facts, io.out)?;
    for detail in &explanation.details {
        writeln!(io.out, "note: {detail}")?;
    }
    Ok(())
}

/// With the partners of the admin API where the one that is asked about may be among them: nobody else has to be able to
/// read the data directory.
fn config(args: &Args) -> Result<Config, CliError> {
    let config = config_or_dev(args.config.as_deref())?;
    let name = args.partner.as_deref().filter(|text| PartnerListing::parse(text).is_none());
    if name.is_none_or(|name| config.partners.iter().any(|partner| partner.name == name)) {
        return Ok(config);
    }
    let data_dir = args.data_dir.as_deref().unwrap_or(&config.data_dir);
    Ok(app::with_kept(&config, &RealDisk, data_dir)?)
}

fn country(code: &str) -> Result<Country, CliError> {
    Country::parse(code)
        .ok_or_else(|| CliError::Usage(format!("{code} is no country code; expected two letters")))
}

/// The gate's own answer, from the same code that answers a hit.
fn explain(activities: &[Activity], request: &Pasted, country: Option<Country>, live: &Live) -> Explanation {
    let headers: Vec<(&str, &[u8])> =
        request.headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect();
    let head = Head {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &headers,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        via_trusted_proxy: false,
    };
    let asked = Question { activities, country };
    pixel::explain(&asked, &head, live, &Nobody, SystemClock.now())
}

/// Opt-outs by browser id are in the log, which is not asked here; the opt-out cookie is in the request.
struct Nobody;

impl OptOutView for Nobody {
    fn is_opted_out(&self, _: Subject) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::command;
    use crate::consent::refusal::Refusal;

    /// The reason of each activity, or the ground.
    fn decided(line: &[&str], input: &str) -> String {
        let (out, code) = command(&[&["explain", "--json"], line].concat(), input);
        assert_eq!(code, 0, "{line:?}");
        let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let decisions = answer["decisions"].as_array().expect("an array").iter();
        let decisions = decisions.map(|decision| {
            let permitted = if decision["permitted"] == true { "yes" } else { "no" };
            format!("{}: {permitted}, {}", decision["activity"], decision["decided_by"])
        });
        decisions.collect::<Vec<_>>().join("; ").replace('"', "")
    }

    #[test]
    fn decisions_are_those_of_the_server() {
        let path = "/i/adsct?txn_id=o8z6j";
        let allowed = "measure: yes, default regime; identify: yes, default regime";
        assert_eq!(decided(&[path], ""), allowed);
        assert_eq!(decided(&["--country", "US", path], "").matches("United States").count(), 2);
        assert_eq!(decided(&["--country", "DE", path], ""), "measure: no, GDPR; identify: no, GDPR");
        assert_eq!(
            decided(&[&format!("{path}&lat=1")], ""),
            "measure: yes, default regime; identify: no, limit ad tracking"
        );
        let curl = "curl -H 'Sec-GPC: 1' 'http://px.localhost:8080/i/adsct?txn_id=o8z6j&gdpr=1'";
        assert_eq!(decided(&[curl], "").matches("no, Global Privacy Control").count(), 2);
        let raw = "GET /p.gif?txn_id=o8z6j HTTP/1.1\r\nHost: px\r\nCookie: pg_optout=1\r\n\r\n";
        assert_eq!(decided(&[], raw).matches("no, our own opt-out").count(), 2);
    }

    #[test]
    fn every_activity_can_be_asked_about() {
        let path = "/i/embed?href=https://news.example/";
        let web = decided(&["--activity", "web-history", "--country", "DE", path], "");
        assert_eq!(web, "web-history: no, web history by region");
        let prefs = "GET /i/embed HTTP/1.1\r\nCookie: pg_prefs=0111\r\n\r\n";
        let all = decided(&["--activity", "all", "--partner", "755"], prefs);
        assert_eq!(all.matches(": no, the person's settings").count(), 4, "{all}");
        assert_eq!(all.split("; ").count(), 8, "{all}");
        let partner = ["--activity", "match", "--partner", "atp:89", "--country", "DE"];
        assert_eq!(decided(&[&partner[..], &[path]].concat(), ""), "match: no, GDPR");
        for wrong in [["--activity", "share"], ["--partner", "me"], ["--country", "Germany"]] {
            assert_eq!(command(&[&["explain"], &wrong[..], &[path]].concat(), ""), (String::new(), 2));
        }
    }

    #[test]
    fn a_registered_partner_is_asked_about_by_its_name_with_what_it_is_there_for() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let dir = data.path().display().to_string();
        let path = "/i/adsct?txn_id=o8z6j&gdpr=0";
        let asked = |partner: &str, more: &[&str]| {
            let line = [&["--partner", partner, "--data-dir", &*dir], more, &[path]].concat();
            let decided = decided(&line, "");
            let of = decided.split("; ").filter_map(|one| one.split(": ").next().map(str::to_owned));
            of.skip(2).collect::<Vec<_>>()
        };
        assert_eq!(asked("acme", &[]), ["match"]);
        assert_eq!(asked("outbid", &[]), ["match", "share-rtb"]);
        assert_eq!(asked("meter", &[]), ["share-measurement"]);
        assert_eq!(asked("755", &[]), [""; 0]);
        let unknown = ["explain", "--partner", "adhub", "--data-dir", &dir, path];
        assert_eq!(command(&unknown, ""), (String::new(), 2));
        let file = data.path().join("partners.toml");
        write(
            &file,
            "[[partners]]\nid = 9\nname = \"adhub\"\nkinds = [\"rtb\", \"measurement\"]\nvendor_id = 755\n",
        );
        assert_eq!(asked("adhub", &[]), ["match", "share-rtb", "share-measurement"]);
        let one = ["--activity", "match", "--country", "DE", "--partner"];
        assert_eq!(
            decided(&[&one[..], &["adhub", "--data-dir", &dir, path]].concat(), ""),
            "match: yes, default regime"
        );
        // Whoever asks about another does not have to be able to read them.
        write(&file, "[[partners]]\nid = 9\n");
        assert_eq!(
            (asked("outbid", &[]), command(&unknown, "")),
            (vec!["match".into(), "share-rtb".into()], (String::new(), 2))
        );
    }

    #[expect(clippy::disallowed_methods, reason = "made by hand, as if the server had written it")]
    fn write(path: &std::path::Path, text: &str) {
        std::fs::write(path, text).expect("a file");
    }

    #[test]
    fn a_refusal_by_a_section_names_the_section_and_the_clause() {
        let path = "/i/adsct?txn_id=o8z6j&gpp=DBABLA~BVQqAAAACgA.QA&gpp_sid=7,8";
        let (out, _) = command(&["explain", path], "");
        assert!(out.contains("\n  gpp, section 7  denies by personal-data: consent was given"), "{out}");
        assert!(out.contains(" SaleOptOut 2, ") && !out.contains("section 8: "), "{out}");
        let expect = "note: section 8 applies and is not in the GPP string\n\
            note: section 7: consent was given to uses beyond what was told, which is no basis here\n";
        assert!(out.ends_with(expect), "{out}");
    }

    #[test]
    fn the_codes_of_all_refusals_are_listed() {
        let (out, code) = command(&["explain", "--reasons"], "");
        assert_eq!((code, out.lines().count()), (0, Refusal::ALL.len()));
        for reason in Refusal::ALL {
            let line = out.lines().find(|line| line.split(' ').next() == Some(reason.code()));
            assert!(line.is_some_and(|line| line.ends_with(reason.text())), "{}", reason.code());
        }
    }

    #[test]
    fn a_paste_that_is_no_request_ends_with_2() {
        assert_eq!(command(&["explain", "hello there"], ""), (String::new(), 2));
        assert_eq!(command(&["explain"], ""), (String::new(), 2));
    }
}
