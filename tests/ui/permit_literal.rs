//@ error: E0451
//! A permit written down as a literal.

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
    use crate::consent::evidence::Evidence;
    use crate::consent::gate::Permitted;
    use crate::domain::conversion::Conversion;

    pub fn forge(value: Conversion, evidence: Evidence) -> Permitted<Conversion> {
        Permitted { value, evidence } //~
    }

    pub fn swap(value: Conversion, permit: Permitted<Conversion>) -> Permitted<Conversion> {
        Permitted { value, ..permit } //~
    }
}
