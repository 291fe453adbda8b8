//! `/admin/partners` and `/admin/partners/{id}`: partners of cookie matching.
//!
//! No answer holds a partner's secret.

use super::registration::Registered;
use crate::domain::id::PartnerId;
use crate::service::partner_registry::PartnerView;

pub(super) const PATH: &str = "/admin/partners";

impl Registered for PartnerView {
    type Id = PartnerId;
    const PATH: &'static str = PATH;
    const LIST: &'static str = "partners";
    const ONE: &'static str = "partner";
    const FIELDS: &'static str = "a [[partners]] table";
    const ID: &'static str = "a whole number from 1 to 4294967295";
    /// Some addresses over.
    const BODY_BYTES_MAX: usize = 64 << 10;

    fn parse_id(text: &str) -> Option<PartnerId> {
        let number = text.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == text);
        number.map(PartnerId::from_number)
    }

    fn is(&self, id: &PartnerId) -> bool {
        self.id == id.number()
    }
}
