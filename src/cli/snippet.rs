//! `pixelgate snippet`: what goes into a page so that it has the tag.

use serde_json::json;

use super::{CliError, Io};
use crate::domain::id::PixelId;
use crate::domain::page::PageAddress;
use crate::http::tag;

/// Print what goes into the head of every page, so that it reports its views to a pixel.
///
/// X's base code works as it is, too, with the server's host in the place of `static.ads-twitter.com`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  pixelgate snippet --pixel o8z6j --server https://px.pixelgate.example\n  \
    pixelgate snippet --pixel o8z6j --server https://px.pixelgate.example --sri"
)]
pub(super) struct Args {
    /// The pixel's id.
    #[arg(long, value_name = "ID")]
    pixel: PixelId,
    /// Where browsers reach this server: scheme, host and, if it is not the usual one, port.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    server: String,
    /// Name this version of the tag and its hash, so that browsers run nothing else.
    #[arg(long)]
    sri: bool,
    /// Print it as JSON, with its parts.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<(), CliError> {
    let Args { pixel, server, sri, json } = args;
    let version = sri.then_some(tag::CURRENT);
    let src = match version {
        Some(version) => format!("{server}/t/{}/uwt.js", version.number),
        None => format!("{server}/uwt.js"),
    };
    let integrity = version.map(|version| version.integrity);
    let hash = integrity.map_or_else(String::new, |hash| format!(" integrity=\"{hash}\""));
    // Without cookies, which the tag's file does not need; and a hash is only checked with it.
    let html = format!(
        "<script>{STUB}twq(\"config\",\"{pixel}\")</script>\n<script async crossorigin src=\"{src}\"{hash}></script>"
    );
    if *json {
        writeln!(io.out, "{}", json!({"html": html, "src": src, "integrity": integrity}))?;
    } else {
        writeln!(io.out, "{html}")?;
    }
    Ok(())
}

/// Keeps commands until the tag is there.
const STUB: &str = "window.twq||(twq=function(){twq.exe?twq.exe.apply(twq,arguments):twq.queue.push(arguments)},twq.queue=[]);";

fn origin(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let address = PageAddress::reduce(text).filter(|address| address.origin().eq_ignore_ascii_case(text));
    address.map(|address| address.origin().to_owned()).ok_or("expected http:// or https:// and a host")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Cli;
    use super::super::tests::command;
    use crate::http::tag;

    const SERVER: &str = "https://px.pixelgate.example";

    #[test]
    fn the_snippet_has_at_most_300_bytes() {
        let (html, code) = command(&["snippet", "--pixel", "zzzzzzzzzzzz", "--server", SERVER], "");
        assert_eq!(code, 0);
        assert!(html.trim_end().len() <= 300, "{}: {html}", html.len());
        assert!(html.contains("twq(\"config\",\"zzzzzzzzzzzz\")"), "{html}");
        assert!(html.contains("src=\"https://px.pixelgate.example/uwt.js\""), "{html}");
    }

    #[test]
    fn with_sri_it_names_the_version_and_its_hash() {
        let line = ["snippet", "--pixel", "O8Z6J", "--server", "https://px.pixelgate.example/", "--sri"];
        let (html, _) = command(&line, "");
        let version = tag::CURRENT;
        let src = format!("src=\"{SERVER}/t/{}/uwt.js\" integrity=\"{}\"", version.number, version.integrity);
        assert!(html.contains(&src) && html.contains("\"o8z6j\""), "{html}");
        let (json, _) = command(&[&line[..], &["--json"]].concat(), "");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["integrity"], version.integrity);
        assert_eq!(json["html"].as_str().map(|text| format!("{text}\n")), Some(html));
    }

    #[test]
    fn what_is_no_origin_or_no_pixel_is_refused() {
        for (pixel, server) in [
            ("o8z6j", "px.pixelgate.example"),
            ("o8z6j", "ftp://px.pixelgate.example"),
            ("o8z6j", "https://px.pixelgate.example/path"),
            ("o8z6j", "https://user@px.pixelgate.example"),
            ("o8z6j", "https://\"><script>"),
            ("o8z6j", "https://"),
            ("tw-1", SERVER),
            ("", SERVER),
        ] {
            let line = ["pixelgate", "snippet", "--pixel", pixel, "--server", server];
            assert!(Cli::try_parse_from(line).is_err(), "{pixel} {server}");
        }
    }
}
