//@ error: E0616
//! A signal unsaid.

#[path = "../../src/consent/mod.rs"]
mod consent;
#[path = "../../src/domain/mod.rs"]
mod domain;
#[path = "../../src/storage"]
mod storage {
    pub mod durable;
    pub mod entry;
}

mod attacker {
    use crate::consent::signals::Signals;

    pub fn unsay(signals: &mut Signals) {
        signals.gpc = false; //~
        signals.opt_out_cookie = false; //~
    }
}
