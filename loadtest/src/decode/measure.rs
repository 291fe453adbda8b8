//! Nanoseconds per string.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pixelgate::consent::gpp::Gpp;
use pixelgate::consent::gpp::applicable::Applicable;
use pixelgate::consent::tcf::TcString;
use pixelgate::consent::tcf::purpose::Purpose;
use pixelgate::consent::tcf::vendor_list::VendorDeclaration;
use pixelgate::domain::policy_terms::WordList;
use serde::Serialize;

use crate::gpp_string;
use crate::random::Random;
use crate::tc_string::{Kind, PARTNER, VENDOR};

/// What decoding one kind of TC string takes. Nanoseconds are those of the fastest round: what disturbs only ever adds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) kind: Kind,
    /// Mean length.
    pub(crate) bytes: usize,
    /// Parsing, and what the gate asks: one vendor's legal basis for measuring and for identifying.
    pub(crate) one_vendor_ns: f64,
    /// The same for our vendor and a partner's.
    pub(crate) two_vendors_ns: f64,
    /// Parsing alone.
    pub(crate) lib_tcstring_ns: f64,
    /// That it refuses some of the strings.
    pub(crate) lib_tcstring_refuses: bool,
}

impl Figures {
    /// How many times as long the published crate takes.
    pub(crate) fn ratio(&self) -> f64 {
        self.lib_tcstring_ns / self.one_vendor_ns
    }
}

/// What decoding one kind of GPP string takes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GppFigures {
    pub(crate) kind: gpp_string::Kind,
    /// Mean length.
    pub(crate) bytes: usize,
    /// Parsing, and what the gate asks: whether any of its sections denies, and the legal basis that its TC string
    /// gives one vendor. In the fastest round.
    pub(crate) ns: f64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct PathFigures {
    /// Mean length.
    pub(crate) bytes: usize,
    pub(crate) ns: f64,
}

/// Measures all in turns, `rounds` times.
pub(super) fn measure(kind: Kind, rounds: u32, seed: u64) -> Figures {
    let random = &mut Random::new(seed);
    // Different ones, as a processor learns one string by heart in a few hundred readings.
    let strings: Vec<String> = (0..STRINGS).map(|_| kind.string(random)).collect();
    let declaration = declaration();
    let mut fastest = [f64::INFINITY; 3];
    let started = Instant::now();
    for round in 0..rounds {
        let one = slice(&strings, |text| gate(text, [VENDOR], &declaration));
        let two = slice(&strings, |text| gate(text, [VENDOR, PARTNER], &declaration));
        for (fastest, ns) in fastest.iter_mut().zip([one, two]) {
            *fastest = fastest.min(ns);
        }
        // There are strings that it needs milliseconds for: once at least, and no more when time is up.
        if round == 0 || started.elapsed() < PUBLISHED_UNTIL {
            fastest[2] = fastest[2].min(slice(&strings, published));
        }
    }
    let [one_vendor_ns, two_vendors_ns, lib_tcstring_ns] = fastest;
    Figures {
        kind,
        bytes: mean_length(&strings),
        one_vendor_ns,
        two_vendors_ns,
        lib_tcstring_ns,
        lib_tcstring_refuses: strings.iter().any(|text| !published(text)),
    }
}

/// The same for GPP strings.
pub(super) fn measure_gpp(kind: gpp_string::Kind, rounds: u32, seed: u64) -> GppFigures {
    let random = &mut Random::new(seed);
    let strings: Vec<String> = (0..STRINGS).map(|_| kind.string(random)).collect();
    let declaration = declaration();
    let rounds = (0..rounds).map(|_| slice(&strings, |text| gpp_gate(text, &declaration)));
    GppFigures { kind, bytes: mean_length(&strings), ns: rounds.fold(f64::INFINITY, f64::min) }
}

/// What looking a page's path through for terms of sensitive categories takes, in the fastest round.
pub(super) fn measure_paths(rounds: u32, seed: u64) -> PathFigures {
    let random = &mut Random::new(seed);
    let paths: Vec<String> = (0..STRINGS).map(|_| path(random)).collect();
    let terms = WordList::shipped();
    let rounds = (0..rounds).map(|_| slice(&paths, |path| terms.is_in_path(path)));
    PathFigures { bytes: mean_length(&paths), ns: rounds.fold(f64::INFINITY, f64::min) }
}

/// `/women/shoes/running-light-blue-1234`.
fn path(random: &mut Random) -> String {
    let mut word = || WORDS[random.below(WORDS.len() as u64) as usize];
    let words = [word(), word(), word(), word(), word()];
    let number = random.below(10_000);
    let [one, two, three, four, five] = words;
    format!("/{one}/{two}/{three}-{four}-{five}-{number}")
}

const WORDS: [&str; 16] = [
    "women", "shoes", "running", "light", "blue", "products", "cups", "news", "sale", "trade", "black",
    "archive", "union", "health", "party", "de",
];

fn declaration() -> VendorDeclaration {
    VendorDeclaration { consent: (1..=11).collect(), ..VendorDeclaration::default() }
}

fn mean_length(strings: &[String]) -> usize {
    strings.iter().map(String::len).sum::<usize>() / strings.len()
}

/// Nanoseconds per string, over as many as fit in a slice of time.
fn slice(strings: &[String], decode: impl Fn(&str) -> bool) -> f64 {
    let (from, mut count) = (Instant::now(), 0_u32);
    for text in strings.iter().cycle() {
        black_box(decode(black_box(text)));
        count += 1;
        // Asking for the time costs something, too.
        if count.is_multiple_of(STRINGS) && from.elapsed() > SLICE {
            break;
        }
    }
    from.elapsed().as_nanos() as f64 / f64::from(count)
}

/// Whether all of `vendors` may measure and identify.
fn gate<const N: usize>(text: &str, vendors: [u16; N], declaration: &VendorDeclaration) -> bool {
    let Ok(tc) = TcString::parse(text) else { return false };
    tc.vendors(vendors).iter().fold(true, |all, view| {
        let both = [Purpose::P1, Purpose::P7].map(|purpose| view.basis(purpose, Some(declaration)).is_ok());
        all & both[0] & both[1]
    })
}

/// Whether no section of it denies.
fn gpp_gate(text: &str, declaration: &VendorDeclaration) -> bool {
    let gpp = Gpp::parse(text);
    let found = Applicable::find(None, Some(gpp.as_ref().map_err(|error| *error)));
    let tcf = found.tc_string.is_none_or(|text| gate(text, [VENDOR], declaration));
    tcf & !found.denies()
}

fn published(text: &str) -> bool {
    lib_tcstring::TcModelV2::try_from(text).is_ok()
}

const STRINGS: u32 = 32;
const SLICE: Duration = Duration::from_millis(1);
const PUBLISHED_UNTIL: Duration = Duration::from_secs(2);
