//! On what terms other companies may ask for an erasure: who may, and what they are told of us. Part of what a reload
//! replaces.
//!
//! Nothing here is fetched from anybody: whose keys count is the operator's word.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use super::crypto::{MacKey, SignatureKey};
use super::jwk::VerifyingKey;
use crate::domain::id::PartnerId;

/// The terms, of which there are none where nobody may ask.
pub struct DeletionTerms {
    /// What we call ourselves in acknowledgements, in lower case: the domain under which `dsrdelete.json` is found.
    pub issuer: String,
    /// The address that requests go to.
    pub endpoint: String,
    /// How long after it was issued a request counts, and its repetition is known as one.
    pub age_max: Duration,
    /// One for each company.
    pub requesters: Vec<Requester>,
    pub keys: DeletionKeys,
}

/// A company whose requests count.
pub struct Requester {
    /// In lower case.
    pub issuer: String,
    pub keys: Vec<VerifyingKey>,
    /// The partner that it is, if it is one: it may name people by its own ids, and by no other partner's.
    pub partner_id: Option<PartnerId>,
}

/// Our own keys: acknowledgements are signed with the first, all are published.
pub struct DeletionKeys {
    signing: Vec<(u32, SignatureKey)>,
    /// Makes a request's receipt out of what names it.
    receipts: MacKey,
}

impl DeletionTerms {
    pub fn requester(&self, issuer: &str) -> Option<&Requester> {
        self.requesters.iter().find(|known| known.issuer.eq_ignore_ascii_case(issuer))
    }

    /// What `dsrdelete.json` says: IAB Tech Lab, "Data Deletion Request Framework", version 1.0, "Discovery".
    pub fn discovery(&self) -> impl Serialize {
        let has_partner = self.requesters.iter().any(|requester| requester.partner_id.is_some());
        let kinds = IdentifierKind::ALL.into_iter().filter(|kind| has_partner || !kind.is_of_partner());
        let identifiers = kinds.zip(1..).map(|(kind, id)| {
            let (kind, format) = kind.names();
            Identifier { id, kind, format }
        });
        Discovery {
            endpoint: self.endpoint.clone(),
            identifiers: identifiers.collect(),
            public_key: self.keys.public().collect(),
            vendor_script_requirement: false,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Discovery {
    endpoint: String,
    identifiers: Vec<Identifier>,
    public_key: Vec<PublicJwk>,
    vendor_script_requirement: bool,
}

#[derive(Serialize)]
struct Identifier {
    id: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    format: &'static str,
}

/// RFC 8037, section 2.
#[derive(Serialize)]
struct PublicJwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: String,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

impl DeletionKeys {
    /// One for each of the secrets that sign browser ids, under the same number; the signing one first. `None` without
    /// any.
    pub fn new(secrets: &[(u32, Vec<u8>)]) -> Option<Self> {
        let (_, first) = secrets.first()?;
        let signing = |(id, secret): &(u32, Vec<u8>)| (*id, SignatureKey::derive(secret, "acknowledgements"));
        let receipts = MacKey::derive(first, "receipts of deletion requests");
        Some(Self { signing: secrets.iter().map(signing).collect(), receipts })
    }

    /// The key that signs, and its name.
    pub fn signing(&self) -> &(u32, SignatureKey) {
        self.signing.first().expect("there is at least one key")
    }

    pub const fn receipts(&self) -> &MacKey {
        &self.receipts
    }

    fn public(&self) -> impl Iterator<Item = PublicJwk> {
        self.signing.iter().map(|(id, key)| PublicJwk {
            kty: "OKP",
            crv: "Ed25519",
            x: BASE64URL_NOPAD.encode(&key.public()),
            kid: id.to_string(),
            alg: ALGORITHM,
            usage: "sig",
        })
    }
}

/// What acknowledgements are signed with (RFC 8037, section 3.1).
pub const ALGORITHM: &str = "EdDSA";

/// How a request may name a person. The framework leaves the names to whoever publishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifierKind {
    /// The browser id's cookie, as it stands in the browser.
    Cookie,
    HashedEmail,
    HashedPhone,
    /// An advertising id as the device writes it, or its SHA-256 in lower case.
    Device,
    HashedDevice,
    /// The requester's own id for a browser, or its SHA-256.
    PartnerUser,
    HashedPartnerUser,
}

impl IdentifierKind {
    pub const ALL: [Self; 7] = [
        Self::Cookie,
        Self::HashedEmail,
        Self::HashedPhone,
        Self::Device,
        Self::HashedDevice,
        Self::PartnerUser,
        Self::HashedPartnerUser,
    ];

    /// `identifierType` and `identifierFormat`.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Cookie => ("browser_id", "cookie"),
            Self::HashedEmail => ("email", "sha256"),
            Self::HashedPhone => ("phone", "sha256"),
            Self::Device => ("device_id", "uuid"),
            Self::HashedDevice => ("device_id", "sha256"),
            Self::PartnerUser => ("partner_user_id", "raw"),
            Self::HashedPartnerUser => ("partner_user_id", "sha256"),
        }
    }

    const fn is_of_partner(self) -> bool {
        matches!(self, Self::PartnerUser | Self::HashedPartnerUser)
    }
}
