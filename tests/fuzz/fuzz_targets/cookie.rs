//! Cookie headers and our signed id in them: no panic, and no id but one that we signed.
//!
//! The input is cut at line feeds into `Cookie` headers. A header that starts with `S` and a byte gets a genuine
//! signed id, with that byte as its place of damage, so that the fuzzer need not guess a signature.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use pixelgate::consent::gate::{Gate, Permitted};
use pixelgate::consent::policy::{Policy, Regime};
use pixelgate::consent::regulated::BrowserCookie;
use pixelgate::consent::rule::Circumstances;
use pixelgate::consent::signals::Signals;
use pixelgate::domain::id::BrowserId;
use pixelgate::domain::time::{MS_PER_DAY, Timestamp};
use pixelgate::http::cookie::Jar;
use pixelgate::http::request::Head;
use pixelgate::service::crawler::Crawlers;
use pixelgate::service::crypto::MacKey;
use pixelgate::service::hit::Browser;
use pixelgate::service::identity::IdentityKeys;
use pixelgate::service::live::Live;
use pixelgate::service::receipt::ReceiptKeys;
use pixelgate_fuzz::genuine::Nobody;

const NOW: Timestamp = Timestamp(20_000 * MS_PER_DAY);
const OURS: BrowserCookie =
    BrowserCookie { browser_id: BrowserId::from_bytes([0x5a; 16]), issued_day: 19_990 };

fuzz_target!(|data: &[u8]| {
    let (keys, signed) = fixture();
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        for candidate in [line.to_owned(), damaged(signed, line)] {
            let Some(known) = keys.verify(&candidate, NOW) else { continue };
            assert_eq!((known.cookie, &candidate), (OURS, signed), "an id that nobody signed");
        }
    }
    read_jar(&text, signed);
});

/// The same bytes as `Cookie` headers; `S` alone stands for the genuine id.
fn read_jar(text: &str, signed: &str) {
    let lines: Vec<_> = text.lines().map(|line| line.replace("=S;", &format!("={signed};"))).collect();
    let headers: Vec<_> = lines.iter().map(|line| ("Cookie", line.as_bytes())).collect();
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let head =
        Head { method: "GET", path: "/", query: "", headers: &headers, client, via_trusted_proxy: false };
    let mut signals = Signals::default();
    let jar = Jar::read(&head, live(), NOW, &mut signals);
    assert!(jar.browser_ids().iter().all(|id| *id == OURS.browser_id), "an id that nobody signed");
    assert!(!matches!(jar.browser(), Browser::Ambiguous), "one id counted as two");
    let marked = lines.iter().any(|line| line.contains("pg_optout"));
    assert!(marked || !signals.is_opted_out() || lines.iter().any(|line| line.contains("pg_prefs")));
}

fn live() -> &'static Live {
    static LIVE: OnceLock<Live> = OnceLock::new();
    LIVE.get_or_init(|| Live {
        registry: Arc::default(),
        links: Arc::default(),
        account_settings: Arc::default(),
        deletion: None,
        partners: Arc::default(),
        match_state_key: MacKey::new(b"fuzz"),
        account_keys: Arc::default(),
        publisher_origins: Vec::new(),
        gate: Gate::new(Policy::new(Regime::None)),
        identity: fixture().0.clone(),
        geo: Arc::default(),
        crawlers: Arc::new(Crawlers::shipped()),
        receipts: Arc::new(ReceiptKeys::new(&[])),
        daa_key: MacKey::new(b"fuzz"),
        dnt_policy: None,
        cookie_name: "__Host-Http-pg".to_owned(),
        country_header: None,
    })
}

/// `signed` with what follows `S` and a byte written over it at that byte's place.
fn damaged(signed: &str, line: &str) -> String {
    let [b'S', at, patch @ ..] = line.as_bytes() else { return String::new() };
    let mut bytes = signed.as_bytes().to_vec();
    let at = usize::from(*at) % bytes.len();
    for (byte, patch) in bytes[at..].iter_mut().zip(patch) {
        *byte = *patch;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn fixture() -> &'static (IdentityKeys, String) {
    static FIXTURE: OnceLock<(IdentityKeys, String)> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let keys = IdentityKeys::new(&[(7, b"fuzz".to_vec()), (6, b"older".to_vec())], 90).expect("two keys");
        let signed = keys.sign(&permitted());
        (keys, signed)
    })
}

fn permitted() -> Permitted<BrowserCookie> {
    let gate = Gate::new(Policy::new(Regime::None));
    let signals = Signals::default();
    let about = Circumstances {
        heard: &gate.hear(&signals),
        directed_to_children: false,
        opt_outs: &Nobody,
        now: NOW,
    };
    gate.admit(OURS, &about).expect("nothing denies")
}
