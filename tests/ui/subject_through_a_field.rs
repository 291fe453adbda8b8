//@ error: E0616
//! Another subject through the private field.

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
    use crate::domain::id::BrowserId;

    pub fn subject(permit: &mut Permitted<Conversion>, other: BrowserId) {
        permit.value.identifiers.browser_id = Some(other); //~
    }

    pub fn whole(permit: &mut Permitted<Conversion>, other: Conversion) {
        permit.value = other; //~
    }

    pub fn grounds(permit: &mut Permitted<Conversion>, other: &Permitted<Conversion>) {
        permit.evidence = *other.evidence(); //~
    }
}
