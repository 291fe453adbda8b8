//! Which country an address is in, from a MaxMind database file if the operator gave one.

use std::net::IpAddr;

use maxminddb::{MaxMindDbError, Reader};

use crate::domain::conversion::Country;

/// A country database. Without one no country is known.
#[derive(Default)]
pub struct Geo(Option<Reader<Vec<u8>>>);

impl Geo {
    /// `database` is a whole MMDB file with `country.iso_code` records (GeoLite2-Country and its like).
    pub fn new(database: Vec<u8>) -> Result<Self, MaxMindDbError> {
        Reader::from_source(database).map(|reader| Self(Some(reader)))
    }

    pub fn country(&self, address: IpAddr) -> Option<Country> {
        let found = self.0.as_ref()?.lookup(address).ok()?;
        let code: Option<&str> = found.decode_path(&maxminddb::path!["country", "iso_code"]).ok()?;
        Country::parse(code?)
    }
}
