//! The tokens of a request for an erasure: what they claim, once their signatures are known to be right, and why one
//! is refused. IAB Tech Lab, "Data Deletion Request Framework", version 1.0, "Deletion Request Data".
//!
//! Why something is refused is said in words of ours: nothing of what a token holds is repeated.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::deletion_terms::{DeletionTerms, Requester};
use super::jws::Token;
use crate::domain::time::Timestamp;

/// What becomes of a request; "Result Codes".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultCode {
    Accepted,
    Malformed,
    Signature,
    Token,
    IdentifierType,
    IdentifierFormat,
    Time,
}

impl ResultCode {
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Malformed,
        Self::Signature,
        Self::Token,
        Self::IdentifierType,
        Self::IdentifierFormat,
        Self::Time,
    ];

    /// `raResultCode`.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// For metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Malformed => "malformed",
            Self::Signature => "signature",
            Self::Token => "token",
            Self::IdentifierType => "identifier-type",
            Self::IdentifierFormat => "identifier-format",
            Self::Time => "time",
        }
    }
}

/// A request that is not followed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub code: ResultCode,
    pub why: &'static str,
}

pub(super) const fn refused(code: ResultCode, why: &'static str) -> Refused {
    Refused { code, why }
}

/// How the two tokens are called in what we say.
pub(super) struct Names {
    bad_token: &'static str,
    bad_claims: &'static str,
    unknown_issuer: &'static str,
    bad_signature: &'static str,
    bad_version: &'static str,
    bad_jti: &'static str,
    bad_time: &'static str,
    bad_subject: &'static str,
    other_audience: &'static str,
}

pub(super) const REQUEST: Names = Names {
    bad_token: "the request is no JWT in the compact form",
    bad_claims: "a claim of the request is missing or of the wrong type",
    unknown_issuer: "the issuer of the request is not known here",
    bad_signature: "the request is not signed by a key of its issuer that is known here",
    bad_version: "the version of the request is not \"1.0\"",
    bad_jti: "the jti of the request is not 1 to 255 characters",
    bad_time: "a time of the request is no positive number of seconds, in the future, or over",
    bad_subject: "the sub of the request lacks identifierValue, identifierType or identifierFormat",
    other_audience: "the request is for somebody else",
};

pub(super) const IDENTITY: Names = Names {
    bad_token: "the idJWT is no JWT in the compact form",
    bad_claims: "a claim of the idJWT is missing or of the wrong type",
    unknown_issuer: "the issuer of the idJWT is not known here",
    bad_signature: "the idJWT is not signed by a key of its issuer that is known here",
    bad_version: "the version of the idJWT is not \"1.0\"",
    bad_jti: "the jti of the idJWT is not 1 to 255 characters",
    bad_time: "a time of the idJWT is no positive number of seconds, in the future, or over",
    bad_subject: "the sub of the idJWT lacks identifierValue, identifierType or identifierFormat",
    other_audience: "the idJWT is for somebody else",
};

/// The claims of either token. A claim that comes twice is an error.
#[derive(Deserialize)]
pub(super) struct Claims {
    version: String,
    iss: String,
    jti: String,
    sub: Box<RawValue>,
    iat: Box<RawValue>,
    exp: Option<Box<RawValue>>,
    nbf: Option<Box<RawValue>>,
    aud: Option<Audience>,
    #[serde(rename = "idJWT")]
    pub(super) id_jwt: Option<String>,
}

/// RFC 7519, section 4.1.3. The framework asks for none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
pub(super) struct Identifier {
    #[serde(rename = "identifierValue")]
    pub(super) value: String,
    #[serde(rename = "identifierType")]
    pub(super) kind: String,
    #[serde(rename = "identifierFormat")]
    pub(super) format: String,
}

/// The claims of a token and who made it, once its signature is known to be right.
pub(super) fn verified<'t>(
    text: &str,
    terms: &'t DeletionTerms,
    names: &Names,
) -> Result<(&'t Requester, Claims), Refused> {
    let token = Token::parse(text).map_err(|_| refused(ResultCode::Token, names.bad_token))?;
    let claims: Claims = serde_json::from_str(token.payload()).map_err(|error| match error.is_data() {
        true => refused(ResultCode::Malformed, names.bad_claims),
        false => refused(ResultCode::Token, names.bad_token),
    })?;
    let known = terms.requester(&claims.iss);
    let requester = known.ok_or(refused(ResultCode::Signature, names.unknown_issuer))?;
    match token.is_signed_by(&requester.keys) {
        true => Ok((requester, claims)),
        false => Err(refused(ResultCode::Signature, names.bad_signature)),
    }
}

impl Claims {
    /// What names the token, and when it was made, in seconds since 1970.
    pub(super) fn check(
        &self,
        names: &Names,
        terms: &DeletionTerms,
        now: Timestamp,
    ) -> Result<(&str, u64), Refused> {
        let now_s = now.0 / 1_000;
        let is_ours = |audience: &String| {
            audience.eq_ignore_ascii_case(&terms.issuer) || audience.eq_ignore_ascii_case(&terms.endpoint)
        };
        let is_for_us = match &self.aud {
            None => true,
            Some(Audience::One(audience)) => is_ours(audience),
            Some(Audience::Several(audiences)) => audiences.iter().any(is_ours),
        };
        let bad_time = refused(ResultCode::Time, names.bad_time);
        let time = |claim: &RawValue| numeric_date(claim).ok_or(bad_time);
        let made_at_s = time(&self.iat)?;
        let until_s = self.exp.as_deref().map(time).transpose()?.unwrap_or(u64::MAX);
        let from_s = self.nbf.as_deref().map(time).transpose()?.unwrap_or(0);
        match () {
            () if self.version != "1.0" => Err(refused(ResultCode::Malformed, names.bad_version)),
            () if !(1..=JTI_BYTES_MAX).contains(&self.jti.len()) => {
                Err(refused(ResultCode::Malformed, names.bad_jti))
            }
            () if !is_for_us => Err(refused(ResultCode::Token, names.other_audience)),
            () if made_at_s > now_s + SKEW_S || from_s > now_s + SKEW_S || until_s <= now_s => Err(bad_time),
            () => Ok((&self.jti, made_at_s)),
        }
    }

    /// The framework's tables call `sub` a string, and its examples have an object: a string may hold that object.
    pub(super) fn identifier(&self, names: &Names) -> Result<Identifier, Refused> {
        let inner: Option<String> = serde_json::from_str(self.sub.get()).ok();
        let json = inner.as_deref().unwrap_or(self.sub.get()).trim_start();
        let identifier = serde_json::from_str(json).ok().filter(|_| json.starts_with('{'));
        identifier.ok_or(refused(ResultCode::Malformed, names.bad_subject))
    }
}

/// RFC 7519, section 2: seconds since 1970, perhaps with a fraction.
fn numeric_date(claim: &RawValue) -> Option<u64> {
    let number: f64 = serde_json::from_str(claim.get()).ok()?;
    (1.0..SECONDS_MAX).contains(&number).then_some(number as u64)
}

/// The year 5138, so that sums stay small.
const SECONDS_MAX: f64 = 1e11;
const JTI_BYTES_MAX: usize = 255;
/// Clocks differ; as much as version 2.0 of the framework allows.
pub(super) const SKEW_S: u64 = 300;
