//@ error: E0277
//! A permit converted, parsed or collected from something else.

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

    pub fn from_value(value: Conversion) -> Permitted<Conversion> {
        value.into() //~
    }

    pub fn from_pair(value: Conversion, evidence: Evidence) -> Permitted<Conversion> {
        (value, evidence).into() //~
    }

    pub fn parse(text: &str) -> Option<Permitted<Conversion>> {
        text.parse().ok() //~
    }

    pub fn read(bytes: &[u8]) -> Option<Permitted<Conversion>> {
        bytes.try_into().ok() //~
    }

    pub fn collect(values: Vec<Conversion>) -> Permitted<Conversion> {
        values.into_iter().collect() //~
    }
}
