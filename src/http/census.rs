//! How much is open at this moment, in the whole process.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::address::AddressKey;
use super::limits::Limits;

/// Counts connections and the bytes of bodies in memory. Shared by all workers and listeners that share the limits.
#[derive(Debug, Default)]
pub struct Census {
    connections: AtomicUsize,
    bodies_bytes: AtomicUsize,
    per_address: Mutex<HashMap<AddressKey, u32>>,
}

/// Why a connection was closed as soon as it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMany {
    Connections,
    OfThisAddress,
}

impl TooMany {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::OfThisAddress => "address",
        }
    }
}

impl Census {
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts one more connection, for as long as the returned place is kept. `address` is `None` for a peer that
    /// speaks for many clients.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        limits: &Limits,
    ) -> Result<Place, TooMany> {
        if self.connections.fetch_add(1, Ordering::Relaxed) >= limits.connections_max {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return Err(TooMany::Connections);
        }
        let mut place = Place { census: Arc::clone(self), address: None };
        if let Some(address) = address.map(AddressKey::of) {
            let mut per_address = self.per_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = per_address.entry(address).or_insert(0);
            if *count >= limits.connections_per_address_max {
                drop(per_address);
                return Err(TooMany::OfThisAddress);
            }
            *count += 1;
            place.address = Some(address);
        }
        Ok(place)
    }

    /// Room for body bytes, none yet.
    pub(super) fn body_room(self: &Arc<Self>) -> BodyRoom {
        BodyRoom { census: Arc::clone(self), bytes: 0 }
    }
}

/// One counted connection.
#[derive(Debug)]
pub(super) struct Place {
    census: Arc<Census>,
    address: Option<AddressKey>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.census.connections.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut per_address = self.census.per_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = per_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                per_address.remove(&address);
            }
        }
    }
}

/// The bytes of one body.
#[derive(Debug)]
pub(super) struct BodyRoom {
    census: Arc<Census>,
    bytes: usize,
}

impl BodyRoom {
    /// Whether there was room for this many more bytes.
    pub(super) fn grow(&mut self, bytes: usize, limits: &Limits) -> bool {
        self.bytes += bytes;
        self.census.bodies_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= limits.bodies_bytes_max
    }
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        self.census.bodies_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_up_to_the_limits_and_come_back() {
        let limits = Limits { connections_max: 3, connections_per_address_max: 2, ..Limits::default() };
        let (a, b) = (Some(IpAddr::from([192, 0, 2, 1])), Some(IpAddr::from([192, 0, 2, 2])));
        let census = Arc::new(Census::default());
        let first = census.admit(a, &limits).unwrap();
        let _second = census.admit(a, &limits).unwrap();
        assert_eq!(census.admit(a, &limits).unwrap_err(), TooMany::OfThisAddress);
        assert_eq!(census.connections(), 2);

        let _third = census.admit(b, &limits).unwrap();
        assert_eq!(census.admit(b, &limits).unwrap_err(), TooMany::Connections);
        drop(first);
        assert!(census.admit(a, &limits).is_ok());
    }

    #[test]
    fn a_peer_that_speaks_for_many_has_no_limit_of_its_own() {
        let limits = Limits { connections_per_address_max: 0, ..Limits::default() };
        assert!(Arc::new(Census::default()).admit(None, &limits).is_ok());
    }

    #[test]
    fn an_address_without_connections_takes_no_memory() {
        let census = Arc::new(Census::default());
        drop(census.admit(Some(IpAddr::from([192, 0, 2, 1])), &Limits::default()));
        assert!(census.per_address.lock().unwrap().is_empty());
        assert_eq!(census.connections(), 0);
    }

    #[test]
    fn bodies_have_room_up_to_the_limit() {
        let limits = Limits { bodies_bytes_max: 10, ..Limits::default() };
        let census = Arc::new(Census::default());
        let (mut a, mut b) = (census.body_room(), census.body_room());
        assert!(a.grow(6, &limits) && b.grow(4, &limits) && !b.grow(1, &limits));
        drop((a, b));
        assert!(census.body_room().grow(10, &limits));
    }
}
