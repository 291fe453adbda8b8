//@ error: E0603
//! The seal of `Regulated` broken.

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
    pub struct Unruly;

    impl crate::consent::regulated::sealed::Sealed for Unruly {} //~
}
