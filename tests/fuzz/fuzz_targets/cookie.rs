//! Cookie headers and our signed id in them: no panic, and no id but one that we signed.
//!
//! The input is cut at line feeds into `Cookie` headers. A header that starts with `S` and a byte gets a genuine
//! signed id, with that byte as its place of damage, so that the fuzzer need not guess a signature.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use pixelgate::consent::gate::{Gate, Permitted};
use pixelgate::consent::policy::{Policy, Regime};
use pixelgate::consent::regulated::BrowserCookie;
use pixelgate::consent::rule::Circumstances;
use pixelgate::consent::signals::Signals;
use pixelgate::domain::id::BrowserId;
use pixelgate::domain::opt_out::{OptOutView, Subject};
use pixelgate::domain::time::{MS_PER_DAY, Timestamp};
use pixelgate::service::identity::IdentityKeys;

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
    let mut signals = Signals::default();
    for pair in text.split([';', '\n']) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        signals.see_cookie(name.trim(), value.trim());
    }
});

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
    let gate = Gate::new(Policy { default_regime: Regime::None });
    let signals = Signals::default();
    let about = Circumstances { signals: &signals, directed_to_children: false, opt_outs: &Nobody, now: NOW };
    gate.admit(OURS, &about).expect("nothing denies")
}

struct Nobody;

impl OptOutView for Nobody {
    fn is_opted_out(&self, _: Subject) -> bool {
        false
    }
}
