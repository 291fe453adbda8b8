//! The receipt for an opt-out or an opt-in: what was chosen, when, and how safe our record of it is. Nothing in it says
//! whose choice it was, so that it can be shown to anybody.
//!
//! What is signed is the text that people read, so that nothing has to be translated to be checked.

use std::fmt::Write as _;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::crypto::{SIGNATURE_BYTES, SignatureKey, is_signed_by};
use super::opt_out::Recorded;
use crate::domain::opt_out::Choice;
use crate::domain::time::Timestamp;
use crate::storage::durable::AckClass;

/// The keys that receipts are signed with: the first signs, all verify.
pub struct ReceiptKeys {
    keys: Vec<(u32, SignatureKey)>,
}

impl ReceiptKeys {
    /// One for each of the secrets that sign browser ids, under the same number; the signing one first.
    pub fn new(secrets: &[(u32, Vec<u8>)]) -> Self {
        let key = |(id, secret): &(u32, Vec<u8>)| (*id, SignatureKey::derive(secret, "receipts"));
        Self { keys: secrets.iter().map(key).collect() }
    }

    /// `host` is the one that the choice was made at. `None` without any key.
    pub fn sign(&self, host: &str, recorded: Recorded) -> Option<Receipt> {
        let (key_id, key) = self.keys.first()?;
        let terms = Terms {
            host: host.to_ascii_lowercase(),
            at_ms: recorded.at.0,
            choice: recorded.choice.into(),
            ids_recorded: recorded.ids,
            ack: recorded.ack.map(AckClass::name).unwrap_or(NO_RECORD).to_owned(),
            key_id: *key_id,
        };
        let signature = BASE64URL_NOPAD.encode(&key.sign(terms.text().as_bytes()));
        Some(Receipt { terms, signature })
    }

    pub fn verify(&self, receipt: &Receipt) -> bool {
        let mut keys = self.keys.iter().filter(|(id, _)| *id == receipt.terms.key_id);
        keys.any(|(_, key)| receipt.is_signed_by(&key.public()))
    }

    /// Numbers and public halves, for whoever wants to check receipts alone.
    pub fn public(&self) -> impl Iterator<Item = (u32, String)> {
        self.keys.iter().map(|(id, key)| (*id, BASE64URL_NOPAD.encode(&key.public())))
    }
}

/// A receipt as somebody shows it; nothing is known about its truth before it is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    #[serde(flatten)]
    pub terms: Terms,
    /// Ed25519 over [`Terms::text`], in base64url.
    pub signature: String,
}

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub host: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
    pub choice: Chosen,
    pub ids_recorded: u64,
    /// `disk`, or [`NO_RECORD`] where there was no id to record.
    pub ack: String,
    pub key_id: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    OptOut,
    OptIn,
}

impl Chosen {
    pub const fn name(self) -> &'static str {
        match self {
            Self::OptOut => "opt-out",
            Self::OptIn => "opt-in",
        }
    }
}

impl From<Choice> for Chosen {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Out => Self::OptOut,
            Choice::In => Self::OptIn,
        }
    }
}

impl Terms {
    /// One line a fact. This is what is signed.
    pub fn text(&self) -> String {
        let Self { host, choice, ids_recorded, ack, key_id, .. } = self;
        let (at, choice) = (Timestamp(self.at_ms), choice.name());
        format!(
            "{TITLE}\nhost: {host}\ntime: {at}\nchoice: {choice}\nids recorded: {ids_recorded}\nkept: {ack}\nkey: {key_id}\n"
        )
    }
}

impl Receipt {
    /// Whether the private half of `public` signed it.
    pub fn is_signed_by(&self, public: &[u8]) -> bool {
        let mut signature = [0; SIGNATURE_BYTES];
        let bytes = self.signature.as_bytes();
        BASE64URL_NOPAD.decode_len(bytes.len()) == Ok(SIGNATURE_BYTES)
            && BASE64URL_NOPAD.decode_mut(bytes, &mut signature).is_ok()
            && is_signed_by(public, self.terms.text().as_bytes(), &signature)
    }

    /// For people: [`Terms::text`] and the signature's line.
    pub fn text(&self) -> String {
        format!("{}signature: {}\n", self.terms.text(), self.signature)
    }

    /// The inverse of [`Self::text`]; line ends may have been changed on the way.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.trim().lines().map(str::trim_end);
        lines.next().filter(|line| *line == TITLE)?;
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        let host = field("host")?.to_owned();
        let at_ms = field("time")?.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        let choice = match field("choice")? {
            "opt-out" => Chosen::OptOut,
            "opt-in" => Chosen::OptIn,
            _ => return None,
        };
        let ids_recorded = field("ids recorded")?.parse().ok()?;
        let ack = field("kept")?.to_owned();
        let key_id = field("key")?.parse().ok()?;
        let signature = field("signature")?.to_owned();
        let terms = Terms { host, at_ms: u64::try_from(at_ms).ok()?, choice, ids_recorded, ack, key_id };
        lines.next().is_none().then_some(Self { terms, signature })
    }

    /// All but the host, short enough for an address: `out.<ms>.<ids>.<ack>.<key>.<signature>`.
    pub fn compact(&self) -> String {
        let Terms { at_ms, choice, ids_recorded, ack, key_id, .. } = &self.terms;
        let mut text = String::with_capacity(COMPACT_CHARS);
        let ack = if ack == NO_RECORD { "none" } else { ack };
        let written =
            write!(text, "{}.{at_ms}.{ids_recorded}.{ack}.{key_id}.{}", choice.name(), self.signature);
        written.expect("a String takes all that is written");
        text
    }

    /// The inverse of [`Self::compact`] at `host`.
    pub fn from_compact(text: &str, host: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let choice = match parts.next()? {
            "opt-out" => Chosen::OptOut,
            "opt-in" => Chosen::OptIn,
            _ => return None,
        };
        let (at_ms, ids_recorded) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let ack = match parts.next()? {
            "none" => NO_RECORD,
            ack => AckClass::from_name(ack)?.name(),
        };
        let key_id = parts.next()?.parse().ok()?;
        let signature = parts.next()?.to_owned();
        let host = host.to_ascii_lowercase();
        let terms = Terms { host, at_ms, choice, ids_recorded, ack: ack.to_owned(), key_id };
        parts.next().is_none().then_some(Self { terms, signature })
    }
}

/// Where the browser showed no id: the choice is in its cookie alone.
pub const NO_RECORD: &str = "in the browser's cookie only";
const TITLE: &str = "Pixelgate receipt";
const COMPACT_CHARS: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &[u32]) -> ReceiptKeys {
        let secrets: Vec<_> = ids.iter().map(|&id| (id, format!("secret {id}").into_bytes())).collect();
        ReceiptKeys::new(&secrets)
    }

    const AT: Timestamp = Timestamp(1_795_316_645_678);

    fn receipt(choice: Choice, ids: u64) -> Receipt {
        let recorded = Recorded { at: AT, choice, ids, ack: (ids > 0).then_some(AckClass::Disk) };
        keys(&[7]).sign("PX.example", recorded).expect("there is a key")
    }

    #[test]
    fn a_receipt_reads_as_it_was_signed() {
        let text = receipt(Choice::Out, 2).text();
        let expect = "Pixelgate receipt\nhost: px.example\ntime: 2026-11-22T03:04:05.678Z\nchoice: opt-out\n\
             ids recorded: 2\nkept: disk\nkey: 7\nsignature: ";
        assert!(text.starts_with(expect), "{text}");
    }

    #[test]
    fn every_form_of_a_receipt_comes_back_and_is_believed() {
        for receipt in [receipt(Choice::Out, 2), receipt(Choice::In, 0)] {
            let windows = receipt.text().replace('\n', "\r\n");
            let json = serde_json::to_string(&receipt).expect("it has no odd keys");
            for form in [
                Receipt::from_text(&receipt.text()),
                Receipt::from_text(&windows),
                Receipt::from_compact(&receipt.compact(), "px.EXAMPLE"),
                serde_json::from_str(&json).ok(),
            ] {
                assert_eq!(form.as_ref(), Some(&receipt));
                assert!(form.is_some_and(|receipt| keys(&[9, 7]).verify(&receipt)));
            }
        }
    }

    #[test]
    fn whatever_is_changed_is_not_believed() {
        let receipt = receipt(Choice::Out, 2);
        let (text, compact) = (receipt.text(), receipt.compact());
        // The last line's end is no part of it.
        for at in 0..text.len() - 1 {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
            for text in [&*changed, &text[..at]] {
                let believed = Receipt::from_text(text).filter(|receipt| keys(&[7]).verify(receipt));
                assert_eq!(believed, None, "byte {at}");
            }
        }
        let at = |host| Receipt::from_compact(&compact, host).expect("it has all its parts");
        assert!(keys(&[7]).verify(&at("px.example")));
        assert!(!keys(&[7]).verify(&at("evil.example")) && !keys(&[8]).verify(&at("px.example")));
        for text in ["", ".....", "opt-out", "opt-out.1.1.disk.7", &format!("{compact}.x"), &"a.".repeat(999)]
        {
            assert_eq!(Receipt::from_compact(text, "px.example"), None, "{text}");
        }
    }
}
