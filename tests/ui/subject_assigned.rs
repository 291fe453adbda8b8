//@ error: E0594
//! Another subject written into a permit, or other grounds.

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
    use crate::consent::policy::Regime;
    use crate::domain::conversion::Conversion;
    use crate::domain::id::BrowserId;

    pub fn subject(permit: &mut Permitted<Conversion>, other: BrowserId) {
        permit.value().identifiers.browser_id = Some(other); //~
    }

    pub fn grounds(permit: &mut Permitted<Conversion>) {
        permit.evidence().regime = Regime::None; //~
    }
}
