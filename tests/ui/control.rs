//@ compiles
//! What an honest module may do; were this not to compile, none of the others would prove anything.

#[path = "../../src/consent/mod.rs"]
mod consent;
#[path = "../../src/domain/mod.rs"]
mod domain;
#[path = "../../src/storage"]
mod storage {
    pub mod durable;
    pub mod entry;
}

mod honest {
    use crate::consent::gate::{Gate, Permitted};
    use crate::consent::refusal::Refused;
    use crate::consent::regulated::{BrowserCookie, Regulated};
    use crate::consent::rule::Circumstances;
    use crate::domain::conversion::Conversion;
    use crate::storage::durable::{AckClass, Durable};
    use crate::storage::entry::Entry;

    pub fn store(gate: &Gate, hit: Conversion, about: &Circumstances<'_>) -> Result<Entry, Refused> {
        gate.admit(hit, about).map(Entry::Conversion)
    }

    pub fn read(permit: &Permitted<BrowserCookie>) -> BrowserCookie {
        *permit.value()
    }

    pub fn ack(durable: &Durable) -> AckClass {
        durable.ack()
    }

    pub fn is_regulated<T: Regulated>() {}
}
