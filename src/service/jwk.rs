//! Other companies' public keys, as they publish them: PEM, a JWK, or a set of them (RFC 7517).
//!
//! Holds no private key: a file with one in it is refused.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::Deserialize;

use super::crypto::{P256_POINT_BYTES, PUBLIC_KEY_BYTES, PublicKey};

/// A key that signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    /// What a token's header calls it, if it has a name.
    pub id: Option<String>,
    pub key: PublicKey,
}

/// Why there is no key in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("this is neither PEM with `BEGIN PUBLIC KEY` nor a JWK nor a set of them")]
    Format,
    #[error("this has a private key in it; expected the public half alone")]
    Private,
    #[error("expected RSA of 2048 to 8192 bits, P-256 or Ed25519, for signatures with RS256, ES256 or EdDSA")]
    Kind,
    #[error("more than {KEYS_MAX} keys")]
    TooMany,
}

impl VerifyingKey {
    /// The name of its algorithm in a token's header (RFC 7518, section 3.1; RFC 8037, section 3.1; RFC 9864). A token
    /// does not choose one: the key does.
    pub fn is_for(&self, algorithm: &str) -> bool {
        match self.key {
            PublicKey::Rsa { .. } => algorithm == "RS256",
            PublicKey::P256(_) => algorithm == "ES256",
            PublicKey::Ed25519(_) => matches!(algorithm, "EdDSA" | "Ed25519"),
        }
    }
}

/// The keys in a file, at least one. Of a set, those that are for something else are left out.
pub fn read(file: &[u8]) -> Result<Vec<VerifyingKey>, BadKey> {
    let text = std::str::from_utf8(file).map_err(|_| BadKey::Format)?.trim();
    let keys = if text.starts_with('{') { from_json(text)? } else { from_pem(text)? };
    match keys.len() {
        0 => Err(BadKey::Kind),
        1..=KEYS_MAX => Ok(keys),
        _ => Err(BadKey::TooMany),
    }
}

/// Each signature may be tried with all of them.
const KEYS_MAX: usize = 16;

/// RFC 7517, section 4, with what RFC 7518 and RFC 8037 add.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

/// RFC 7517, section 5; a company's `dsrdelete.json` has the same under another name.
#[derive(Deserialize)]
struct JwkSet {
    #[serde(alias = "publicKey")]
    keys: Vec<Jwk>,
}

fn from_json(text: &str) -> Result<Vec<VerifyingKey>, BadKey> {
    let keys = match serde_json::from_str::<JwkSet>(text) {
        Ok(set) => set.keys,
        Err(_) => vec![serde_json::from_str::<Jwk>(text).map_err(|_| BadKey::Format)?],
    };
    if keys.iter().any(|key| key.d.is_some() || key.kty == "oct") {
        return Err(BadKey::Private);
    }
    Ok(keys.into_iter().filter_map(Jwk::verifying_key).collect())
}

impl Jwk {
    fn verifying_key(self) -> Option<VerifyingKey> {
        let bytes = |text: &Option<String>| BASE64URL_NOPAD.decode(text.as_deref()?.as_bytes()).ok();
        let key = match (&*self.kty, self.crv.as_deref()) {
            ("RSA", _) => rsa(&bytes(&self.n)?, &bytes(&self.e)?)?,
            ("EC", Some("P-256")) => {
                let point: Vec<u8> = [vec![UNCOMPRESSED], bytes(&self.x)?, bytes(&self.y)?].concat();
                PublicKey::P256(point.try_into().ok()?)
            }
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519(bytes(&self.x)?.try_into().ok()?),
            _ => return None,
        };
        let key = VerifyingKey { id: self.kid, key };
        let is_for_this = self.alg.is_none_or(|algorithm| key.is_for(&algorithm))
            && self.usage.is_none_or(|usage| usage == "sig");
        is_for_this.then_some(key)
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Option<PublicKey> {
    let number = |bytes: &[u8]| bytes.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<u8>>();
    let (n, e) = (number(n), number(e));
    (RSA_BYTES.contains(&n.len()) && !e.is_empty()).then_some(PublicKey::Rsa { n, e })
}

const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;
/// SEC 1, section 2.3.3.
const UNCOMPRESSED: u8 = 4;

/// RFC 7468, section 13.
fn from_pem(text: &str) -> Result<Vec<VerifyingKey>, BadKey> {
    if text.contains("PRIVATE KEY-----") {
        return Err(BadKey::Private);
    }
    let mut keys = Vec::new();
    for part in text.split(PEM_BEGIN).skip(1) {
        let (base64, _) = part.split_once(PEM_END).ok_or(BadKey::Format)?;
        let base64: Vec<u8> = base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let der = BASE64.decode(&base64).map_err(|_| BadKey::Format)?;
        keys.push(VerifyingKey { id: None, key: from_der(&der).ok_or(BadKey::Kind)? });
    }
    if keys.is_empty() { Err(BadKey::Format) } else { Ok(keys) }
}

const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).
fn from_der(der: &[u8]) -> Option<PublicKey> {
    let (info, rest) = element(der, SEQUENCE)?;
    let (algorithm, key) = element(info, SEQUENCE)?;
    let (key, after) = element(key, BIT_STRING)?;
    let key = key.strip_prefix(&[0])?;
    if !rest.is_empty() || !after.is_empty() {
        return None;
    }
    match algorithm {
        RSA_ENCRYPTION => {
            let (numbers, _) = element(key, SEQUENCE)?;
            let (n, e) = element(numbers, INTEGER)?;
            rsa(n, element(e, INTEGER)?.0)
        }
        EC_P256 => {
            let point: [u8; P256_POINT_BYTES] = key.try_into().ok()?;
            (point[0] == UNCOMPRESSED).then_some(PublicKey::P256(point))
        }
        ID_ED25519 => <[u8; PUBLIC_KEY_BYTES]>::try_from(key).ok().map(PublicKey::Ed25519),
        _ => None,
    }
}

/// The contents of the element at the start of `der`, if it is of this kind, and what stands behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let der = der.strip_prefix(&[tag])?;
    let (&first, der) = der.split_first()?;
    let (length, der) = match first {
        0..=0x7f => (usize::from(first), der),
        0x81 | 0x82 => {
            let (digits, der) = der.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), der)
        }
        // No key here is longer than 64 KiB.
        _ => return None,
    };
    der.split_at_checked(length)
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// 1.2.840.113549.1.1.1 and NULL (RFC 8017, appendix C).
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// 1.2.840.10045.2.1 and 1.2.840.10045.3.1.7 (RFC 5480, section 2.1.1).
const EC_P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
/// 1.3.101.112 (RFC 8410, section 3).
const ID_ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.2.
    const RSA: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    /// RFC 7515, appendix A.3.
    const EC: &str = r#""crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
    /// RFC 8037, appendix A.2.
    const ED: &str = r#""crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    const PEM_RSA: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQAB";
    const PEM_EC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==";
    const PEM_ED: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    fn jwk(rest: &str) -> String {
        format!("{{{rest}}}")
    }

    #[track_caller]
    fn check(file: &str, expect: Result<&[Option<&str>], BadKey>) {
        let keys = read(file.as_bytes());
        let ids = keys.as_ref().map(|keys| keys.iter().map(|key| key.id.as_deref()).collect::<Vec<_>>());
        assert_eq!(ids.as_deref().map_err(|error| **error), expect, "{file}");
    }

    #[test]
    fn a_key_alone_and_a_set_of_keys_are_read() {
        let (rsa, ec) = (format!(r#""kty":"RSA","n":"{RSA}","e":"AQAB""#), format!(r#""kty":"EC",{EC}"#));
        let ed = format!(r#""kty":"OKP",{ED}"#);
        for key in [&rsa, &ec, &ed] {
            check(&jwk(key), Ok(&[None]));
            check(&jwk(&format!(r#"{key},"kid":"k","use":"sig","key_ops":["verify"]"#)), Ok(&[Some("k")]));
            check(&jwk(&format!(r#"{key},"use":"enc""#)), Err(BadKey::Kind));
            check(&jwk(&format!(r#"{key},"alg":"HS256""#)), Err(BadKey::Kind));
            check(&jwk(&format!(r#"{key},"d":"AA""#)), Err(BadKey::Private));
        }
        check(&jwk(&format!(r#"{ec},"alg":"ES256""#)), Ok(&[None]));
        let odd = r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#;
        for name in ["keys", "publicKey"] {
            let set = format!(r#"{{"endpoint":"x","{name}":[{odd},{{{ec},"kid":"a"}},{{{ed}}}]}}"#);
            check(&set, Ok(&[Some("a"), None]));
        }
        check(&format!(r#"{{"keys":[{}]}}"#, vec![jwk(&ec); KEYS_MAX].join(",")), Ok(&[None; KEYS_MAX]));
        check(&format!(r#"{{"keys":[{}]}}"#, vec![jwk(&ec); KEYS_MAX + 1].join(",")), Err(BadKey::TooMany));
    }

    #[test]
    fn what_is_no_public_key_for_signatures_is_refused() {
        for (file, expect) in [
            ("", BadKey::Format),
            ("{}", BadKey::Format),
            (r#"{"keys":[]}"#, BadKey::Kind),
            (r#"{"kty":"oct","k":"AAAA"}"#, BadKey::Private),
            (r#"{"kty":"RSA","n":"AAAA","e":"AQAB"}"#, BadKey::Kind),
            (r#"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#, BadKey::Kind),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", BadKey::Kind),
            ("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", BadKey::Format),
            ("-----BEGIN PUBLIC KEY-----\nAAAA", BadKey::Format),
            ("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", BadKey::Format),
            ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----", BadKey::Private),
        ] {
            check(file, Err(expect));
        }
    }

    /// Each of the same key as the JWK, written by `openssl pkey -pubin`.
    #[test]
    fn pem_is_read_as_the_same_key() {
        let pem = |base64: &str| format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
        for (file, json) in [
            (PEM_RSA, jwk(&format!(r#""kty":"RSA","n":"{RSA}","e":"AQAB""#))),
            (PEM_EC, jwk(&format!(r#""kty":"EC",{EC}"#))),
            (PEM_ED, jwk(&format!(r#""kty":"OKP",{ED}"#))),
        ] {
            let (file, cut) = (pem(file), pem(&file[..file.len() - 8]));
            assert_eq!(read(file.as_bytes()), read(json.as_bytes()));
            check(&file.repeat(2), Ok(&[None, None]));
            check(&cut, Err(BadKey::Kind));
        }
    }
}
