//! Who may ask for erasures, from the configuration and the files that it names.

use super::AppError;
use super::options::read;
use super::parts::no_cookie_key;
use crate::config::{Delete, Requester};
use crate::service::deletion_terms::{self, DeletionKeys, DeletionTerms};
use crate::service::jwk;

/// `secrets` are the cookie keys', the signing one first.
pub(super) fn terms(delete: &Delete, secrets: &[(u32, Vec<u8>)]) -> Result<DeletionTerms, AppError> {
    let requesters: Result<_, _> = delete.requesters.iter().map(requester).collect();
    Ok(DeletionTerms {
        issuer: delete.issuer.clone(),
        endpoint: delete.endpoint.clone(),
        age_max: delete.request_max_age,
        requesters: requesters?,
        keys: DeletionKeys::new(secrets).ok_or_else(no_cookie_key)?,
    })
}

fn requester(requester: &Requester) -> Result<deletion_terms::Requester, AppError> {
    let path = &requester.public_key;
    let refuse = |error: String| AppError::Part(format!("the public key {}: {error}", path.display()));
    let file = read(path).map_err(|error| refuse(error.to_string()))?;
    let keys = jwk::read(&file).map_err(|error| refuse(error.to_string()))?;
    Ok(deletion_terms::Requester { issuer: requester.issuer.clone(), keys, partner_id: requester.partner_id })
}
