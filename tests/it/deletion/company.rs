//! A company that asks for erasures, with keys that the test has made.

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

use super::NOW_S;

/// A company with a key pair of its own.
pub(super) struct Company {
    pub(super) issuer: &'static str,
    key: Key,
}

enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl Company {
    pub(super) fn with_ed25519(issuer: &'static str) -> Self {
        let file = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
        Self { issuer, key: Key::Ed25519(Ed25519KeyPair::from_pkcs8(file.as_ref()).expect("a key")) }
    }

    pub(super) fn with_p256(issuer: &'static str) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let file = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("randomness");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, file.as_ref(), &random).expect("a key");
        Self { issuer, key: Key::P256(key) }
    }

    /// ring makes no keys for RSA, so this one is everybody's: RFC 7515, appendix A.2.
    pub(super) fn with_rsa(issuer: &'static str) -> Self {
        let part = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url");
        let key = ring::rsa::KeyPairComponents {
            public_key: ring::rsa::PublicKeyComponents { n: part(RSA_N), e: part("AQAB") },
            d: part(RSA_D),
            p: part(RSA_P),
            q: part(RSA_Q),
            dP: part(RSA_DP),
            dQ: part(RSA_DQ),
            qInv: part(RSA_QI),
        };
        let key = RsaKeyPair::from_components(&key).expect("a key");
        Self { issuer, key: Key::Rsa(Box::new(key)) }
    }

    pub(super) fn public(&self) -> Vec<u8> {
        match &self.key {
            Key::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Key::P256(key) => key.public_key().as_ref().to_vec(),
            Key::Rsa(key) => key.public_key().as_ref().to_vec(),
        }
    }

    fn algorithm(&self) -> &'static str {
        match &self.key {
            Key::Ed25519(_) => "EdDSA",
            Key::P256(_) => "ES256",
            Key::Rsa(_) => "RS256",
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let (public, encode) = (self.public(), |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes));
        match &self.key {
            Key::Ed25519(_) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&public)}),
            Key::P256(_) => {
                json!({"kty": "EC", "crv": "P-256", "x": encode(&public[1..33]), "y": encode(&public[33..])})
            }
            Key::Rsa(_) => json!({"kty": "RSA", "n": RSA_N, "e": "AQAB"}),
        }
    }

    pub(super) fn sign(&self, header: &Value, payload: &Value) -> String {
        token(header, payload, |message| match &self.key {
            Key::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Key::P256(key) => key.sign(&SystemRandom::new(), message).expect("it signs").as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let random = SystemRandom::new();
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("it signs");
                signature
            }
        })
    }

    pub(super) fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.algorithm()})
    }

    pub(super) fn id_jwt(&self, sub: &Value) -> String {
        self.sign(&self.header(), &self.identity(sub))
    }

    pub(super) fn identity(&self, sub: &Value) -> Value {
        json!({"version": "1.0", "jti": "id-1", "iss": self.issuer, "sub": sub, "iat": NOW_S - 60})
    }

    /// The claims of a request that this company was asked for itself.
    pub(super) fn claims(&self, jti: &str, sub: &Value) -> Value {
        json!({"version": "1.0", "idJWT": self.id_jwt(sub), "jti": jti, "iss": self.issuer, "sub": sub, "iat": NOW_S})
    }

    pub(super) fn request(&self, jti: &str, sub: &Value) -> String {
        self.sign(&self.header(), &self.claims(jti, sub))
    }
}

pub(super) fn token(header: &Value, payload: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = BASE64URL_NOPAD.encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";
const RSA_P: &str = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc";
const RSA_Q: &str = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc";
const RSA_DP: &str = "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0";
const RSA_DQ: &str = "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU";
const RSA_QI: &str = "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U";
