//@ error: E0277
//! Permission for a value that no rule is about.

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
    use crate::consent::gate::{Gate, Permitted};
    use crate::consent::refusal::Refused;
    use crate::consent::rule::Circumstances;

    pub fn text(gate: &Gate, text: String, about: &Circumstances<'_>) -> Result<Permitted<String>, Refused> {
        gate.admit(text, about) //~
    }
}
