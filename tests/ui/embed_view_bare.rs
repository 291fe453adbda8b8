//@ error: E0308
//! A visit to a page with an embed that nobody permitted, stored.

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
    use crate::domain::embed_view::EmbedView;
    use crate::storage::entry::Entry;

    pub fn bare(view: EmbedView) -> Entry {
        Entry::EmbedView(view) //~
    }

    pub fn permitted_for_something_else(permit: Permitted<Conversion>) -> Entry {
        Entry::EmbedView(permit) //~
    }
}
