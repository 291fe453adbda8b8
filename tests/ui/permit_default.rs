//@ error: E0277
//! A permit out of nothing, or left behind where one was taken.

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

    pub fn default() -> Permitted<Conversion> {
        Default::default() //~
    }

    pub fn take(permit: &mut Permitted<Conversion>) -> Permitted<Conversion> {
        std::mem::take(permit) //~
    }
}
