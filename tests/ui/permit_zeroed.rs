//@ error: unsafe_code
//! A permit out of raw memory: the package forbids unsafe code as this program does.

#[path = "../../src/consent/mod.rs"]
mod consent;
#[path = "../../src/domain/mod.rs"]
mod domain;
#[path = "../../src/storage"]
mod storage {
    pub mod durable;
    pub mod entry;
}

#[forbid(unsafe_code)]
mod attacker {
    use crate::consent::gate::Permitted;
    use crate::domain::conversion::Conversion;

    pub fn zeroed() -> Permitted<Conversion> {
        unsafe { std::mem::zeroed() } //~
    }

    pub fn copied(permit: &Permitted<Conversion>) -> Permitted<Conversion> {
        unsafe { std::ptr::read(permit) } //~
    }
}
