//! The tag's files: the same for everybody. Nothing here reads or sets a cookie.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::request::Head;
use super::response::{Answer, fixed_headers};

/// A file of the tag, and who keeps it for how long.
#[derive(Debug, Clone, Copy)]
pub struct TagFile {
    file: &'static File,
    cache: &'static str,
}

impl TagFile {
    /// `/uwt.js` is the current tag, `/t/<version>/…` the files of a version that was published.
    pub fn from_path(path: &str) -> Option<Self> {
        if path == "/uwt.js" {
            return Some(Self { file: &CURRENT.files[0], cache: ONE_HOUR });
        }
        let (version, name) = path.strip_prefix("/t/")?.split_once('/')?;
        let version = VERSIONS.iter().find(|known| known.number == version)?;
        let file = version.files.iter().find(|file| file.name == name)?;
        Some(Self { file, cache: FOR_EVER })
    }

    pub fn answer(self, head: &Head<'_>) -> Answer {
        let answer = Answer { status: 200, fixed: FIXED, headers: Vec::new(), body: Cow::Borrowed(&[]) };
        let answer = answer.with("Content-Type", self.file.content_type).with("Cache-Control", self.cache);
        let mut answer = match self.file.content_type {
            HTML => answer.with("Content-Security-Policy", PANEL_POLICY),
            _ => answer,
        };
        if accepts_gzip(head) {
            answer.body = Cow::Borrowed(&self.file.zipped);
            return answer.with("Content-Encoding", "gzip");
        }
        answer.body = Cow::Borrowed(self.file.bytes);
        answer
    }
}

/// The tag as it was published once. Pages name its hash, so that no version is ever changed or taken away.
pub struct Version {
    pub number: &'static str,
    /// Of `uwt.js`, as Subresource Integrity has it.
    pub integrity: &'static str,
    files: [File; 5],
}

/// What the tag keeps in a browser's local storage, for the site that it is on.
pub struct Kept {
    pub key: &'static str,
    pub is_opt_out: bool,
    /// Numbers of the TCF's purposes that it serves.
    pub purposes: &'static [u8],
    /// What it is for, for people.
    pub description: &'static str,
}

/// All of it; `src/kept.ts` has the same keys.
pub const KEPT: [Kept; 2] = [
    Kept {
        key: "pg_click",
        is_opt_out: false,
        purposes: &[1, 7],
        description: "The id of the click on an advertisement that led to the site, for 30 days and with consent only",
    },
    Kept {
        key: "pg_optout",
        is_opt_out: true,
        purposes: &[],
        description: "Says that nothing is to be reported from the site; the same for everybody who opted out there",
    },
];

#[derive(Debug)]
struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    /// Made when somebody first asks for it.
    zipped: LazyLock<Vec<u8>>,
}

macro_rules! file {
    ($number:literal, $name:literal, $content_type:expr) => {{
        const BYTES: &[u8] = include_bytes!(concat!("../../static/tag/dist/", $number, "/", $name));
        File { name: $name, content_type: $content_type, bytes: BYTES, zipped: LazyLock::new(|| zip(BYTES)) }
    }};
}

macro_rules! version {
    ($number:literal) => {
        Version {
            number: $number,
            integrity: include_str!(concat!("../../static/tag/dist/", $number, "/integrity")),
            files: [
                file!($number, "uwt.js", SCRIPT),
                file!($number, "debug.js", SCRIPT),
                file!($number, "panel.js", SCRIPT),
                file!($number, "panel.css", "text/css; charset=utf-8"),
                file!($number, "panel.html", HTML),
            ],
        }
    };
}

static VERSIONS: [Version; 1] = [version!("1.0.0")];

/// What `/uwt.js` is.
pub static CURRENT: &Version = &VERSIONS[VERSIONS.len() - 1];

const SCRIPT: &str = "text/javascript; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

const ONE_HOUR: &str = "public, max-age=3600";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Any page may load it, and has its hash checked, which takes CORS.
const FIXED: super::response::FixedHeaders = fixed_headers! {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
};

/// The panel sends hits to the server that it is from, and does nothing else. Any page may show it.
const PANEL_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     form-action 'none'; base-uri 'none'";

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all that is written")
}

/// Whether `gzip` is among the codings, and not with a weight of zero (RFC 9110, section 12.5.3).
fn accepts_gzip(head: &Head<'_>) -> bool {
    let codings = head.header("accept-encoding").unwrap_or_default().split(',');
    codings.map(|coding| coding.trim().split_once(';').unwrap_or((coding.trim(), ""))).any(
        |(name, weight)| {
            let weight = weight.trim().trim_start_matches("q=");
            name.trim().eq_ignore_ascii_case("gzip") && !(weight.starts_with('0') && is_zero(weight))
        },
    )
}

fn is_zero(weight: &str) -> bool {
    weight.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn the_tag_has_at_most_two_and_a_half_kilobytes() {
        let bytes = CURRENT.files[0].zipped.len();
        assert!(bytes <= 2_560, "{bytes} bytes with gzip");
    }

    #[test]
    fn what_the_tag_keeps_is_what_is_disclosed() {
        let source = include_str!("../../static/tag/src/kept.ts");
        let keys: Vec<_> = source.split("'pg_").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
        assert_eq!(keys, KEPT.map(|kept| kept.key.trim_start_matches("pg_")));
    }

    #[test]
    fn a_coding_with_no_weight_is_not_accepted() {
        let accepts = |codings: &str| {
            let headers = [("Accept-Encoding", codings.as_bytes())];
            let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let (method, path, query) = ("GET", "/uwt.js", "");
            accepts_gzip(&Head { method, path, query, headers: &headers, client, via_trusted_proxy: false })
        };
        for codings in ["gzip", "br, GZIP", "gzip;q=1", "gzip; q=0.5", "deflate, gzip;q=0.001"] {
            assert!(accepts(codings), "{codings}");
        }
        for codings in ["", "br", "gzip;q=0", "gzip; q=0.000", "x-gzipped", "*"] {
            assert!(!accepts(codings), "{codings}");
        }
    }
}
