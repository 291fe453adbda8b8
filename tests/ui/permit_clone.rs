//@ error: E0277
//! Two permits out of one.

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

    fn two<T: Clone>(one: &T) -> (T, T) {
        (one.clone(), one.clone())
    }

    pub fn twice(permit: &Permitted<Conversion>) -> (Permitted<Conversion>, Permitted<Conversion>) {
        two(permit) //~
    }
}
