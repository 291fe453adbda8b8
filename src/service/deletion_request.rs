//! A company's request for an erasure, as the Data Deletion Request Framework has it: IAB Tech Lab, version 1.0,
//! "Deletion Request Data". A token of the requester's (`rqJWT`) holds one of the company that the person asked
//! (`idJWT`); often both are the same company.
//!
//! Nothing of it is looked at but the issuer before the requester's signature is known to be right.

use std::borrow::Cow;

use super::deletion_claims::{
    Claims, IDENTITY, Identifier, REQUEST, Refused, ResultCode, SKEW_S, refused, verified,
};
use super::deletion_terms::{DeletionTerms, IdentifierKind, Requester};
use super::identity::IdentityKeys;
use super::subject::Named;
use crate::domain::erasure::ErasureId;
use crate::domain::opt_out::Subject;
use crate::domain::time::Timestamp;

/// A request that its requester has signed. What it asks for is still to be looked at.
pub struct SignedRequest<'t> {
    requester: &'t Requester,
    claims: Claims,
}

/// A request to follow.
#[derive(Debug, PartialEq, Eq)]
pub struct DeletionRequest {
    /// Always the same for one request.
    pub receipt: ErasureId,
    pub subject: Subject,
}

impl<'t> SignedRequest<'t> {
    pub fn verify(text: &str, terms: &'t DeletionTerms) -> Result<Self, Refused> {
        let (requester, claims) = verified(text, terms, &REQUEST)?;
        Ok(Self { requester, claims })
    }

    /// Checks the rest: the token of the company that the person asked, whom both are meant for, when they were made,
    /// and whom they name. `identity` knows our cookies.
    pub fn read(
        &self,
        terms: &DeletionTerms,
        identity: &IdentityKeys,
        now: Timestamp,
    ) -> Result<DeletionRequest, Refused> {
        let claims = &self.claims;
        let id_jwt = claims.id_jwt.as_deref();
        let id_jwt = id_jwt.ok_or(refused(ResultCode::Malformed, "the request has no idJWT"))?;
        let (_, asked) = verified(id_jwt, terms, &IDENTITY)?;
        let [(jti, at_s), (_, asked_at_s)] =
            [claims.check(&REQUEST, terms, now)?, asked.check(&IDENTITY, terms, now)?];
        if at_s + SKEW_S < asked_at_s {
            return Err(refused(ResultCode::Time, "the request is older than its idJWT"));
        }
        if at_s + terms.age_max.as_secs() < now.0 / 1_000 {
            return Err(refused(ResultCode::Time, "the request is too old; issue it anew"));
        }
        asked.identifier(&IDENTITY)?;
        let subject = self.subject(&claims.identifier(&REQUEST)?, identity, now)?;
        Ok(DeletionRequest { receipt: self.receipt(terms, jti, at_s, subject), subject })
    }

    /// Whom the requester names. An intermediary may know the person under another name than the company before it.
    fn subject(
        &self,
        identifier: &Identifier,
        identity: &IdentityKeys,
        now: Timestamp,
    ) -> Result<Subject, Refused> {
        let named = |kind: &IdentifierKind| kind.names().0 == identifier.kind;
        if !IdentifierKind::ALL.iter().any(named) {
            return Err(refused(ResultCode::IdentifierType, "dsrdelete.json lists no such identifierType"));
        }
        let fits = |kind: &IdentifierKind| kind.names() == (&*identifier.kind, &*identifier.format);
        let kind = IdentifierKind::ALL.into_iter().find(fits);
        let no_format =
            refused(ResultCode::IdentifierFormat, "dsrdelete.json lists no such identifierFormat");
        let value = Some(Cow::Borrowed(&*identifier.value));
        let partner_id = self.requester.partner_id.map(|partner| partner.number());
        let of_partner = Named { partner_id, ..Named::default() };
        let named = match kind.ok_or(no_format)? {
            IdentifierKind::Cookie => {
                let known = identity.verify(&identifier.value, now);
                return known.map(|known| Subject::Browser(known.cookie.browser_id)).ok_or(BAD_VALUE);
            }
            IdentifierKind::PartnerUser | IdentifierKind::HashedPartnerUser if partner_id.is_none() => {
                return Err(refused(ResultCode::IdentifierType, "the requester has no user ids here"));
            }
            IdentifierKind::HashedEmail => Named { hashed_email: value, ..Named::default() },
            IdentifierKind::HashedPhone => Named { hashed_phone: value, ..Named::default() },
            IdentifierKind::Device => Named { device_id: value, ..Named::default() },
            IdentifierKind::HashedDevice => Named { hashed_device_id: value, ..Named::default() },
            IdentifierKind::PartnerUser => Named { partner_user_id: value, ..of_partner },
            IdentifierKind::HashedPartnerUser => Named { hashed_partner_user_id: value, ..of_partner },
        };
        let subjects = named.subjects().map_err(|_| BAD_VALUE)?;
        subjects.first().copied().ok_or(BAD_VALUE)
    }

    /// The same for every repetition, and made with a key, so that it tells nothing of the person. After a restart the
    /// log knows it, too.
    fn receipt(&self, terms: &DeletionTerms, jti: &str, at_s: u64, subject: Subject) -> ErasureId {
        let partner = subject.partner_id().map_or(0, |partner| partner.number());
        let (who, at) = (subject.expose(), at_s.to_be_bytes());
        let parts: [&[u8]; 9] = [
            self.requester.issuer.as_bytes(),
            b"\0",
            jti.as_bytes(),
            b"\0",
            &at,
            subject.key_name().as_bytes(),
            &partner.to_be_bytes(),
            b"\0",
            who.as_bytes(),
        ];
        let mut random = [0; 10];
        random.copy_from_slice(&terms.keys.receipts().sign(&parts)[..10]);
        ErasureId::new(at_s * 1_000, random)
    }
}

const BAD_VALUE: Refused =
    refused(ResultCode::IdentifierFormat, "identifierValue is not of its format, or no id of ours any more");
