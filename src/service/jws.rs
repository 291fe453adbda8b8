//! Signed tokens in the compact form (RFC 7515, section 3.1): `<header>.<payload>.<signature>`.
//!
//! A token never says how it is to be checked: the issuer's known keys do. Keys and links to keys in its header are not
//! looked at, `none` and keyed codes are no algorithm of any key, and what `crit` asks for is not understood.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::json::is_shallow;
use super::jwk::VerifyingKey;

/// A token, taken apart. Nothing in it is believed before it is verified.
#[derive(Debug)]
pub struct Token<'t> {
    header: Header,
    payload: String,
    signed: &'t str,
    signature: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

/// Not three parts of base64url without padding, of which the first two hold JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadToken;

impl<'t> Token<'t> {
    pub fn parse(text: &'t str) -> Result<Self, BadToken> {
        let (signed, signature) = text.rsplit_once('.').ok_or(BadToken)?;
        let (header, payload) = signed.split_once('.').ok_or(BadToken)?;
        let bytes = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| BadToken);
        let json = |part: &str| {
            let text = String::from_utf8(bytes(part)?).map_err(|_| BadToken)?;
            // A derived reader would take a list of values for an object, too.
            if is_shallow(&text) && text.trim_start().starts_with('{') { Ok(text) } else { Err(BadToken) }
        };
        let header: Header = serde_json::from_str(&json(header)?).map_err(|_| BadToken)?;
        Ok(Self { header, payload: json(payload)?, signed, signature: bytes(signature)? })
    }

    /// A JSON object.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// Whether one of `keys` signed it, by the algorithm that is that key's. A key with a name is tried only where the
    /// token names it, or no key at all.
    pub fn is_signed_by(&self, keys: &[VerifyingKey]) -> bool {
        let Header { alg, kid, typ, crit } = &self.header;
        let is_jwt = typ.as_ref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        let is_named = |key: &VerifyingKey| match (&key.id, kid) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        };
        let mut fitting = keys.iter().filter(|key| key.is_for(alg) && is_named(key));
        is_jwt && crit.is_none() && fitting.any(|key| key.key.verify(self.signed.as_bytes(), &self.signature))
    }
}

/// `payload`, signed by `sign` under a header in JSON.
pub fn write(header: &str, payload: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = BASE64URL_NOPAD.encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::super::crypto::{MacKey, SignatureKey};
    use super::super::jwk;
    use super::*;

    fn key(name: &str, id: Option<&str>) -> (SignatureKey, VerifyingKey) {
        let signing = SignatureKey::derive(name.as_bytes(), "a test");
        let public = BASE64URL_NOPAD.encode(&signing.public());
        let id = id.map(|id| format!(r#","kid":"{id}""#)).unwrap_or_default();
        let file = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{public}"{id}}}"#);
        (signing, jwk::read(file.as_bytes()).expect("a key").remove(0))
    }

    fn believed(text: &str, keys: &[VerifyingKey]) -> bool {
        Token::parse(text).is_ok_and(|token| token.is_signed_by(keys))
    }

    /// RFC 7515, appendix A.2 and A.3; RFC 8037, appendix A.4.
    #[test]
    fn the_standards_own_examples_are_believed_and_no_other_keys_of_theirs() {
        let keys = [
            r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        ];
        let keys = keys.map(|file| jwk::read(file.as_bytes()).expect("a key").remove(0));
        let payload =
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let tokens = [
            format!(
                "eyJhbGciOiJSUzI1NiJ9.{payload}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
            ),
            format!(
                "eyJhbGciOiJFUzI1NiJ9.{payload}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            ),
        ];
        for (at, token) in tokens.iter().enumerate() {
            for (of, key) in keys.iter().enumerate() {
                assert_eq!(believed(token, std::slice::from_ref(key)), at == of, "{at} {of}");
            }
        }
    }

    #[test]
    fn whatever_is_changed_or_cut_is_not_believed() {
        let (signing, key) = key("one", None);
        let text = write(r#"{"alg":"EdDSA"}"#, "{}", |bytes| signing.sign(bytes).to_vec());
        assert!(believed(&text, std::slice::from_ref(&key)));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
            assert!(!believed(&changed, std::slice::from_ref(&key)), "byte {at}");
            assert!(!believed(&text[..at], std::slice::from_ref(&key)), "cut at {at}");
        }
    }

    #[test]
    fn the_key_says_how_a_token_is_checked_and_the_token_does_not() {
        let (signing, key) = key("one", None);
        let keys = std::slice::from_ref(&key);
        let by = |header: &str| write(header, "{}", |bytes| signing.sign(bytes).to_vec());
        let public = signing.public();
        let by_code =
            |header: &str| write(header, "{}", |bytes| MacKey::new(&public).sign(&[bytes]).to_vec());
        let unsigned = |header: &str| write(header, "{}", |_| Vec::new());
        for (text, expect) in [
            (by(r#"{"alg":"EdDSA","typ":"jwt","kid":"any"}"#), true),
            (by(r#"{"alg":"Ed25519"}"#), true),
            (by(r#"{"alg":"EdDSA","typ":"at+jwt"}"#), false),
            (by(r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#), false),
            (by(r#"{"alg":"RS256"}"#), false),
            (by(r#"{"alg":"none"}"#), false),
            (by(r#"{"alg":"EdDSA","alg":"none"}"#), false),
            (by(r#"["EdDSA",null,null,null]"#), false),
            (by("{}"), false),
            (by_code(r#"{"alg":"HS256"}"#), false),
            (by_code(r#"{"alg":"EdDSA"}"#), false),
            (unsigned(r#"{"alg":"none"}"#), false),
            (unsigned(r#"{"alg":"EdDSA"}"#), false),
        ] {
            assert_eq!(believed(&text, keys), expect, "{text}");
        }
    }

    #[test]
    fn of_several_keys_the_one_that_the_token_names_counts() {
        let ((first, one), (second, two)) = (key("one", Some("1")), key("two", Some("2")));
        let keys = [one, two];
        let by = |key: &SignatureKey, kid: &str| {
            write(&format!(r#"{{"alg":"EdDSA"{kid}}}"#), "{}", |bytes| key.sign(bytes).to_vec())
        };
        assert!(
            believed(&by(&first, r#","kid":"1""#), &keys) && believed(&by(&second, r#","kid":"2""#), &keys)
        );
        assert!(believed(&by(&second, ""), &keys));
        for text in [by(&first, r#","kid":"2""#), by(&first, r#","kid":"3""#)] {
            assert!(!believed(&text, &keys), "{text}");
        }
    }

    #[test]
    fn deep_json_is_no_token() {
        let (signing, key) = key("one", None);
        let with_depth = |depth: usize| {
            let payload = format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
            write(r#"{"alg":"EdDSA"}"#, &payload, |bytes| signing.sign(bytes).to_vec())
        };
        assert!(believed(&with_depth(16), std::slice::from_ref(&key)));
        assert!(!believed(&with_depth(17), std::slice::from_ref(&key)));
    }
}
