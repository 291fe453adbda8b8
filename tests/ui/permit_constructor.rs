//@ error: E0599
//! A permit from a constructor that must not exist.

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

    pub fn new(value: Conversion, evidence: Evidence) -> Permitted<Conversion> {
        Permitted::new(value, evidence) //~
    }

    pub fn map(permit: Permitted<Conversion>, other: Conversion) -> Permitted<Conversion> {
        permit.map(|_| other) //~
    }

    pub fn default() -> Permitted<Conversion> {
        Permitted::default() //~
    }
}
