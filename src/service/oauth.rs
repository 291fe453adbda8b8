//! OAuth 1.0a signatures with HMAC-SHA1 (RFC 5849), as X's clients make them.
//!
//! Signed are the method, the address and the parameters of query, form and header; of another body nothing, but for
//! `oauth_body_hash` where it is sent.

use std::borrow::Cow;

use data_encoding::BASE64;
use form_urlencoded::parse;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::crypto::{hmac_sha1, same_secret, sha1};
use crate::domain::time::{MS_PER_MINUTE, Timestamp};
use crate::storage::digest::sha256;

/// A request as its sender signed it.
#[derive(Debug, Clone, Copy)]
pub struct OauthRequest<'q> {
    pub method: &'q str,
    /// As the sender names it, with the port if there is one.
    pub host: &'q str,
    /// Not decoded.
    pub path: &'q str,
    /// Not decoded.
    pub query: &'q str,
    /// The value of `Authorization`.
    pub authorization: &'q str,
    pub body: &'q [u8],
    /// Whether the body is a form, whose fields are signed.
    pub is_form: bool,
}

/// What a request says of its signature.
#[derive(Debug)]
pub struct Signed<'q> {
    /// Those of the header, decoded, without `realm`.
    parameters: Vec<(Cow<'q, str>, Cow<'q, str>)>,
    timestamp_s: u64,
}

impl<'q> Signed<'q> {
    /// `None` for what is no signature of the one kind that is taken, and for a body that is not the one that was signed.
    pub fn parse(request: &OauthRequest<'q>) -> Option<Self> {
        let (scheme, rest) = request.authorization.trim_start().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("oauth") {
            return None;
        }
        let mut parameters = Vec::new();
        for pair in rest.split(',') {
            let (name, value) = pair.trim().split_once('=')?;
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            let decoded = |text: &'q str| percent_decode_str(text).decode_utf8().ok();
            let (name, value) = (decoded(name.trim())?, decoded(value)?);
            if name.eq_ignore_ascii_case("realm") {
                continue;
            }
            if parameters.iter().any(|(known, _)| *known == name) || parameters.len() >= PARAMETERS_MAX {
                return None;
            }
            parameters.push((name, value));
        }
        let signed = Self { timestamp_s: 0, parameters };
        let digits =
            signed.get("oauth_timestamp").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        let timestamp_s = digits.parse().ok()?;
        let is_ours = signed.get("oauth_signature_method") == Some("HMAC-SHA1")
            && matches!(signed.get("oauth_version"), None | Some("1.0"))
            && signed.get("oauth_nonce").is_some_and(|nonce| !nonce.is_empty());
        let hash = signed.get("oauth_body_hash");
        let has_body = hash.is_none_or(|hash| {
            !request.is_form && same_secret(BASE64.encode(&sha1(request.body)).as_bytes(), hash.as_bytes())
        });
        (is_ours && has_body).then_some(Self { timestamp_s, ..signed })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub fn consumer_key(&self) -> &str {
        self.get("oauth_consumer_key").unwrap_or_default()
    }

    pub fn token(&self) -> &str {
        self.get("oauth_token").unwrap_or_default()
    }

    pub const fn is_fresh(&self, now: Timestamp) -> bool {
        (now.0 / 1_000).abs_diff(self.timestamp_s) <= MINUTES_MAX * MS_PER_MINUTE / 1_000
    }

    /// The same for two requests only if neither the nonce nor anything that it counts for differs.
    pub fn nonce_digest(&self) -> [u8; 32] {
        let nonce = self.get("oauth_nonce").unwrap_or_default();
        let parts = [self.consumer_key(), self.token(), &self.timestamp_s.to_string(), nonce].map(encode);
        sha256(parts.join("&").as_bytes())
    }

    /// The scheme may be either: who ends TLS before us knows better than we do.
    pub fn is_signed_with(&self, key: &str, request: &OauthRequest<'_>) -> bool {
        let given =
            BASE64.decode(self.get("oauth_signature").unwrap_or_default().as_bytes()).unwrap_or_default();
        let parameters = self.normalized(request);
        let mut is_good = false;
        for scheme in ["https", "http"] {
            let host = request.host.to_ascii_lowercase();
            let usual_port = if scheme == "https" { ":443" } else { ":80" };
            let host = host.strip_suffix(usual_port).unwrap_or(&host);
            let address = encode(&format!("{scheme}://{host}{}", request.path));
            let base = format!("{}&{address}&{parameters}", request.method);
            is_good |= same_secret(&hmac_sha1(key.as_bytes(), base.as_bytes()), &given);
        }
        is_good
    }

    /// All parameters, encoded, sorted, joined and encoded once more (section 3.4.1.3.2).
    fn normalized(&self, request: &OauthRequest<'_>) -> String {
        let form = if request.is_form { request.body } else { b"" };
        let others = parse(request.query.as_bytes()).chain(parse(form));
        let own = self.parameters.iter().filter(|(name, _)| name != "oauth_signature");
        let own = own.map(|(name, value)| (encode(name), encode(value)));
        let mut pairs: Vec<_> =
            others.map(|(name, value)| (encode(&name), encode(&value))).chain(own).collect();
        pairs.sort_unstable();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        encode(&pairs.join("&"))
    }
}

/// What the HMAC is keyed with.
pub fn signing_key(consumer_secret: &str, token_secret: &str) -> String {
    format!("{}&{}", encode(consumer_secret), encode(token_secret))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Everything but RFC 3986's unreserved characters (section 3.6).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const MINUTES_MAX: u64 = 5;
const PARAMETERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// X's documented example ("Creating a signature").
    const KEY: [&str; 2] =
        ["kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"];
    const HEADER: &str = r#"OAuth oauth_consumer_key="xvz1evFS4wEEPTGEFPHBog", oauth_nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1318622958", oauth_token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", oauth_version="1.0""#;
    const FORM: &[u8] = b"status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21";

    fn example() -> OauthRequest<'static> {
        OauthRequest {
            method: "POST",
            host: "api.twitter.com",
            path: "/1.1/statuses/update.json",
            query: "include_entities=true",
            authorization: HEADER,
            body: FORM,
            is_form: true,
        }
    }

    fn is_good(request: &OauthRequest<'_>) -> bool {
        let key = signing_key(KEY[0], KEY[1]);
        Signed::parse(request).is_some_and(|signed| signed.is_signed_with(&key, request))
    }

    #[test]
    fn the_documented_example_is_signed_and_nothing_else_is() {
        let good = example();
        assert!(is_good(&good));
        assert!(is_good(&OauthRequest { host: "API.twitter.com:443", ..good }));
        for changed in [
            OauthRequest { method: "GET", ..good },
            OauthRequest { host: "api.twitter.com:8443", ..good },
            OauthRequest { path: "/1.1/statuses/update.jsom", ..good },
            OauthRequest { query: "include_entities=true&a=b", ..good },
            OauthRequest { query: "", ..good },
            OauthRequest { body: b"status=Hello", ..good },
            OauthRequest { is_form: false, ..good },
        ] {
            assert!(!is_good(&changed), "{changed:?}");
        }
        let signed = Signed::parse(&good).expect("a signature");
        assert!(!signed.is_signed_with(&signing_key(KEY[1], KEY[0]), &good));
        let at = Timestamp(1_318_622_958_000);
        assert!(signed.is_fresh(at.plus_ms(300_999)) && !signed.is_fresh(at.plus_ms(301_000)));
    }

    #[test]
    fn what_is_no_such_signature_is_none() {
        let good = example();
        for header in [
            "",
            "OAuth",
            "Bearer x",
            &HEADER.replace("HMAC-SHA1", "PLAINTEXT"),
            &HEADER.replace("1318622958", "x"),
            &HEADER.replace("1318622958", "+1318622958"),
            &HEADER.replace(r#"oauth_version="1.0""#, r#"oauth_version="2.0""#),
            &HEADER
                .replace(r#"oauth_nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg""#, r#"oauth_nonce="""#),
            &HEADER.replace(r#"oauth_version="1.0""#, r#"oauth_timestamp="1318622958""#),
            &HEADER.replace(r#"oauth_version="1.0""#, "oauth_version=1.0"),
            &format!("{HEADER}, oauth_body_hash=\"x\""),
        ] {
            assert!(Signed::parse(&OauthRequest { authorization: header, ..good }).is_none(), "{header}");
        }
    }

    #[test]
    fn a_body_hash_counts_where_it_is_sent() {
        let header = format!("{HEADER}, oauth_body_hash=\"2jmj7l5rSw0yVb%2FvlWAYkK%2FYBwk%3D\"");
        // SHA-1 of nothing.
        let json = OauthRequest { authorization: &header, body: b"", is_form: false, ..example() };
        assert!(Signed::parse(&json).is_some());
        assert!(Signed::parse(&OauthRequest { body: b"{}", ..json }).is_none());
    }
}
