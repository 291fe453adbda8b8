//@ error: E0599
//! Another subject through a method that must not exist.

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
    use crate::consent::gate::Permitted;
    use crate::domain::conversion::Conversion;

    pub fn value_mut(permit: &mut Permitted<Conversion>, other: Conversion) {
        *permit.value_mut() = other; //~
    }

    pub fn as_mut(permit: &mut Permitted<Conversion>, other: Conversion) {
        *permit.as_mut() = other; //~
    }

    pub fn replace(permit: &mut Permitted<Conversion>, other: Conversion) {
        permit.replace(other); //~
    }
}
