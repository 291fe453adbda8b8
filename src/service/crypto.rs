//! Keys, codes and randomness. The only module that names ring.

use std::cell::RefCell;

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use crate::domain::time::{MS_PER_MINUTE, Rng, Timestamp};

/// A key for HMAC-SHA-256.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

/// Bytes of one code.
pub const MAC_BYTES: usize = 32;

impl MacKey {
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A key of its own for `purpose`, out of a secret that has other uses.
    pub fn derive(secret: &[u8], purpose: &str) -> Self {
        Self::new(&Self::new(secret).sign(&[b"pixelgate key for ", purpose.as_bytes()]))
    }

    pub fn sign(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }

    /// Takes the same time whatever the difference.
    pub fn verify(&self, parts: &[&[u8]], code: &[u8]) -> bool {
        same_secret(&self.sign(parts), code)
    }

    /// A code that is good for some minutes: `<minute>.<code>`.
    pub fn sign_dated(&self, parts: &[&[u8]], now: Timestamp) -> String {
        let minute = (now.0 / MS_PER_MINUTE).to_string();
        let code = self.sign(&[&[minute.as_bytes(), b" "], parts].concat());
        format!("{minute}.{}", BASE64URL_NOPAD.encode(&code))
    }

    /// Whether [`Self::sign_dated`] made it of the same parts, at most `minutes_max` ago.
    pub fn verify_dated(&self, text: &str, parts: &[&[u8]], minutes_max: u64, now: Timestamp) -> bool {
        let Some((minute, code)) = text.split_once('.') else { return false };
        let age = minute.parse().map(|minute: u64| (now.0 / MS_PER_MINUTE).abs_diff(minute));
        // Clocks of two machines behind one name differ a little.
        age.is_ok_and(|age| age <= minutes_max)
            && BASE64URL_NOPAD
                .decode(code.as_bytes())
                .is_ok_and(|code| self.verify(&[&[minute.as_bytes(), b" "], parts].concat(), &code))
    }
}

/// A key pair for Ed25519 (RFC 8032): who has the public half can check what was signed, and sign nothing.
pub struct SignatureKey(Ed25519KeyPair);

pub const SIGNATURE_BYTES: usize = 64;
pub const PUBLIC_KEY_BYTES: usize = 32;

impl SignatureKey {
    /// A key pair of its own for `purpose`, out of a secret that has other uses. Always the same.
    pub fn derive(secret: &[u8], purpose: &str) -> Self {
        let seed = MacKey::new(secret).sign(&[b"pixelgate key for ", purpose.as_bytes()]);
        Self(Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes are a seed"))
    }

    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }

    pub fn public(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.0.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes")
    }
}

/// Whether the private half of `public` signed `message`.
pub fn is_signed_by(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// The public half of a key that others sign with. What does not lie on its curve, or is no product of primes, verifies
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// RSASSA-PKCS1-v1_5 with SHA-256, of 2,048 to 8,192 bits; modulus and exponent, big-endian without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// ECDSA on P-256 with SHA-256; the point, not compressed.
    P256([u8; P256_POINT_BYTES]),
    Ed25519([u8; PUBLIC_KEY_BYTES]),
}

pub const P256_POINT_BYTES: usize = 65;

impl PublicKey {
    /// Whether the private half signed `message`. A signature of ECDSA is the two numbers one after the other.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Self::Ed25519(public) => is_signed_by(public, message, signature),
        }
    }
}

/// For OAuth 1.0a alone, whose clients know nothing better.
pub fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; SHA1_BYTES] {
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), message);
    code.as_ref().try_into().expect("HMAC-SHA1 has 20 bytes")
}

pub fn sha1(bytes: &[u8]) -> [u8; SHA1_BYTES] {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().try_into().expect("SHA-1 has 20 bytes")
}

const SHA1_BYTES: usize = 20;

/// Whether two secrets are equal, in a time that depends on their lengths only.
pub fn same_secret(known: &[u8], given: &[u8]) -> bool {
    let difference = known.iter().zip(given).fold(known.len() ^ given.len(), |difference, (a, b)| {
        std::hint::black_box(difference | usize::from(a ^ b))
    });
    difference == 0
}

/// The operating system's randomness, asked for in blocks: a system call for each id costs more than all else that
/// is done for it.
pub struct SystemRng(SystemRandom);

impl SystemRng {
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    fn ask(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("the operating system gives randomness");
    }
}

impl Default for SystemRng {
    fn default() -> Self {
        Self::new()
    }
}

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > BLOCK_BYTES {
            return self.ask(bytes);
        }
        BLOCK.with_borrow_mut(|block| {
            if block.left < bytes.len() {
                self.ask(&mut block.bytes);
                block.left = BLOCK_BYTES;
            }
            let from = BLOCK_BYTES - block.left;
            let given = &mut block.bytes[from..from + bytes.len()];
            bytes.copy_from_slice(given);
            // Nothing that was given out stays readable here.
            given.fill(0);
            block.left -= bytes.len();
        });
    }
}

struct Block {
    bytes: [u8; BLOCK_BYTES],
    /// How many bytes at the end have not been given out.
    left: usize,
}

const BLOCK_BYTES: usize = 1_024;

thread_local! {
    static BLOCK: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK_BYTES], left: 0 }) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_fits_its_key_and_its_text_only() {
        let key = MacKey::new(b"one");
        let code = key.sign(&[b"ab", b"c"]);
        assert!(key.verify(&[b"a", b"bc"], &code));
        assert!(!key.verify(&[b"abd"], &code));
        assert!(!key.verify(&[b"abc"], &code[..31]));
        assert!(!MacKey::new(b"two").verify(&[b"abc"], &code));
    }

    #[test]
    fn a_dated_code_is_good_for_its_minutes_and_its_text() {
        let key = MacKey::new(b"one");
        let now = Timestamp(100 * MS_PER_MINUTE);
        let code = key.sign_dated(&[b"a", b"b"], now);
        for (parts, minutes, expect) in
            [(&[&b"ab"[..]][..], 0, true), (&[b"ab"], 5, true), (&[b"ab"], 6, false), (&[b"ac"], 0, false)]
        {
            let later = now.plus_ms(minutes * MS_PER_MINUTE);
            assert_eq!(key.verify_dated(&code, parts, 5, later), expect, "{parts:?} {minutes}");
        }
        for text in ["", ".", "100", "100.", "x.y", &code.replace("100.", "101."), &format!("0{code}")] {
            assert!(!key.verify_dated(text, &[b"ab"], 5, now), "{text}");
        }
    }

    #[test]
    fn a_signature_fits_its_key_and_its_text_only() {
        let key = SignatureKey::derive(b"one", "a test");
        let signature = key.sign(b"abc");
        assert!(is_signed_by(&key.public(), b"abc", &signature));
        assert!(!is_signed_by(&key.public(), b"abd", &signature));
        assert!(!is_signed_by(&key.public(), b"abc", &signature[1..]));
        for other in [SignatureKey::derive(b"two", "a test"), SignatureKey::derive(b"one", "another")] {
            assert!(!is_signed_by(&other.public(), b"abc", &signature));
        }
        assert!(!is_signed_by(b"short", b"abc", &signature));
    }

    #[test]
    fn secrets_of_different_lengths_differ() {
        assert!(same_secret(b"abc", b"abc"));
        assert!(!same_secret(b"abc", b"abcd"));
        assert!(!same_secret(b"abc", b""));
        assert!(!same_secret(b"abc", b"abd"));
    }

    #[test]
    fn no_random_bytes_are_given_out_twice() {
        let rng = SystemRng::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let mut bytes = [0; 10];
            rng.fill(&mut bytes);
            assert!(bytes != [0; 10] && seen.insert(bytes));
        }
        let mut long = [0; BLOCK_BYTES + 1];
        rng.fill(&mut long);
        assert!(long.iter().any(|&byte| byte != 0));
    }
}
