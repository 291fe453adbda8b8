//! SHA-256, for this layer and those above it. The only module of this layer that names ring.

use ring::digest::{SHA256, digest};

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
