//@ error: E0614
//! Another subject through a dereference.

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

    pub fn overwrite(mut permit: Permitted<Conversion>, other: Conversion) -> Permitted<Conversion> {
        *permit = other; //~
        permit
    }
}
