//@ error: E0308
//! Another subject by swapping memory.

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

    pub fn value(permit: &mut Permitted<Conversion>, mut other: Conversion) {
        std::mem::swap(permit.value(), &mut other); //~
    }

    pub fn replace(permit: &mut Permitted<Conversion>, other: Conversion) {
        let _ = std::mem::replace(permit, other); //~
    }
}
