//! Seals rows with XChaCha20-Poly1305 under a key per tenant, and those keys under the master key.
//!
//! The typed stores call it for every row that holds secrets or personal data. The row's own key is authenticated with it, so a
//! sealed row that is copied to another place, tenant or table no longer opens. Nonces are random: 24 bytes leave no room for a
//! collision, and no counter has to survive a crash.
//!
//! It must not print a key, nor keep one longer than its holder lives: every copy is wiped.

mod keyring;

pub(crate) use keyring::{Held, Keyring, is_tombstone, tombstone};

use std::fmt;

use chacha20poly1305::aead::{Aead, AeadInOut, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::fault::StoreFault;
use crate::keys;

/// First byte of every sealed value; another cipher gets another number.
const SEAL_FORMAT: u8 = 1;
/// Which key of its owner sealed it. There is one so far; a rotation counts on.
const KEY_VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
/// What sealing adds to a value: format, key version, nonce and the authenticator's sixteen bytes.
pub(crate) const SEAL_BYTES: usize = 2 + NONCE_BYTES + 16;

/// The key that wraps every tenant's key. It never prints and is wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why a text is not a master key. It does not quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 64 hexadecimal digits (32 bytes); make one with `jackfield key`")]
pub struct BadMasterKey;

impl MasterKey {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From 64 hexadecimal digits, with white space around them or without.
    pub fn parse(text: &str) -> Result<Self, BadMasterKey> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), &mut *bytes).map_err(|_| BadMasterKey)?;
        Ok(Self(bytes))
    }

    /// A new one, and its 64 digits for the file that keeps it.
    pub fn generate() -> Result<(Self, Zeroizing<String>), StoreFault> {
        let bytes = random()?;
        let text = Zeroizing::new(hex::encode(*bytes));
        Ok((Self(bytes), text))
    }

    /// Opens what [`crate::PlatformStore::sealed_node_key`] gave, for a program that stands beside the server that holds the store.
    pub fn open_node_key(&self, sealed: &str) -> Result<Zeroizing<[u8; 32]>, StoreFault> {
        let place = crate::instance::NODE_KEY_PLACE;
        let sealed = hex::decode(sealed).map_err(|_| unreadable(place, "it is not hexadecimal"))?;
        let plain = self.key().open(place, &sealed).map_err(|_| StoreFault::WrongMasterKey)?;
        let bytes: [u8; 32] = plain.as_slice().try_into().map_err(|_| unreadable(place, "it has the wrong length"))?;
        Ok(Zeroizing::new(bytes))
    }

    pub(crate) fn key(&self) -> DataKey {
        DataKey::from_bytes(&self.0)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// A key in use: one half seals, the other digests, so that neither use can tell about the other.
pub(crate) struct DataKey {
    sealing: Zeroizing<[u8; 32]>,
    digesting: Zeroizing<[u8; 32]>,
}

impl DataKey {
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self { sealing: mac(bytes, "seal", b""), digesting: mac(bytes, "digest", b"") }
    }

    /// Seals a value for the row of that key.
    pub(crate) fn seal(&self, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreFault> {
        let mut nonce = [0; NONCE_BYTES];
        fill(&mut nonce)?;
        let cipher = XChaCha20Poly1305::new((&*self.sealing).into());
        // In its place: the plain text is nowhere but where it was and where it becomes unreadable.
        let mut value = Vec::with_capacity(SEAL_BYTES + plain.len());
        value.extend_from_slice(&[SEAL_FORMAT, KEY_VERSION]);
        value.extend_from_slice(&nonce);
        let head = value.len();
        value.extend_from_slice(plain);
        let aad = authenticated(KEY_VERSION, row);
        let tag = cipher.encrypt_inout_detached(&XNonce::from(nonce), &aad, value.split_at_mut(head).1.into());
        value.extend_from_slice(&tag.map_err(|_| unreadable(row, "it could not be sealed"))?);
        Ok(value)
    }

    /// Opens what [`DataKey::seal`] made for the same row.
    pub(crate) fn open(&self, row: &[u8], value: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        let (format, version, rest) = match value {
            [format, version, rest @ ..] => (*format, *version, rest),
            _ => return Err(unreadable(row, "it is cut short")),
        };
        if format != SEAL_FORMAT || version != KEY_VERSION {
            return Err(unreadable(row, "it is sealed in a way that this version does not know"));
        }
        let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE_BYTES>() else {
            return Err(unreadable(row, "it is cut short"));
        };
        let cipher = XChaCha20Poly1305::new((&*self.sealing).into());
        let payload = Payload { msg: sealed, aad: &authenticated(version, row) };
        let plain = cipher.decrypt(&XNonce::from(*nonce), payload);
        plain.map(Zeroizing::new).map_err(|_| unreadable(row, "it was sealed with another key, moved from another row, or damaged"))
    }

    /// A keyed digest: equal inputs are found again by it, and nobody without the key can try inputs.
    pub(crate) fn digest(&self, label: &str, bytes: &[u8]) -> Zeroizing<[u8; 32]> {
        mac(&self.digesting, label, bytes)
    }
}

/// Thirty-two random bytes.
pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>, StoreFault> {
    let mut bytes = Zeroizing::new([0; 32]);
    fill(&mut *bytes)?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<(), StoreFault> {
    let no_entropy =
        |e: getrandom::Error| jackfield_domain::ports::rows::RowsFault { why: format!("the system gives no random bytes: {e}") };
    Ok(getrandom::fill(bytes).map_err(no_entropy)?)
}

fn authenticated(version: u8, row: &[u8]) -> Vec<u8> {
    let mut aad = vec![SEAL_FORMAT, version];
    aad.extend_from_slice(row);
    aad
}

fn unreadable(row: &[u8], why: &str) -> StoreFault {
    StoreFault::Unreadable { row: keys::in_words(row), why: why.to_owned() }
}

/// HMAC-SHA256 over a label, a zero and the bytes: no label with its bytes can be mistaken for another.
fn mac(key: &[u8; 32], label: &str, bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    // HMAC fills a short key up with zeros; doing so here makes a key of the right length, which cannot be refused.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(label.as_bytes());
    mac.update(&[0]);
    mac.update(bytes);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &[u8] = b"\x01tacme\0Fmain";

    #[test]
    fn a_sealed_value_opens_in_its_own_place_and_nowhere_else() {
        let key = MasterKey::from_bytes([7; 32]).key();
        let sealed = key.seal(ROW, b"secret").unwrap();
        assert_eq!(*key.open(ROW, &sealed).unwrap(), b"secret");
        assert!(key.open(b"\x01tacme\0Fother", &sealed).is_err(), "it opened under another row's key");
        let other = MasterKey::from_bytes([8; 32]).key();
        assert!(other.open(ROW, &sealed).is_err(), "it opened with another key");
        assert_eq!(sealed.len(), b"secret".len() + SEAL_BYTES);
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn no_bit_of_a_sealed_value_can_be_changed() {
        let key = MasterKey::from_bytes([7; 32]).key();
        let sealed = key.seal(ROW, b"secret").unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(key.open(ROW, &changed).is_err(), "byte {at} bit {bit}");
            }
            assert!(key.open(ROW, &sealed[..at]).is_err(), "cut to {at}");
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_alike_twice() {
        let key = MasterKey::from_bytes([7; 32]).key();
        assert_ne!(key.seal(ROW, b"secret").unwrap(), key.seal(ROW, b"secret").unwrap());
    }

    #[test]
    fn digests_differ_by_label_and_key_and_never_run_together() {
        let key = MasterKey::from_bytes([7; 32]).key();
        assert_eq!(key.digest("a", b"bc"), key.digest("a", b"bc"));
        assert_ne!(key.digest("a", b"bc"), key.digest("ab", b"c"));
        assert_ne!(key.digest("a", b"bc"), MasterKey::from_bytes([8; 32]).key().digest("a", b"bc"));
        // The padded key gives what HMAC-SHA256 of the key as it is would give.
        let mut plain = <Hmac<Sha256> as KeyInit>::new_from_slice(&[9; 32]).unwrap();
        plain.update(b"label\0bytes");
        assert_eq!(mac(&[9; 32], "label", b"bytes").as_slice(), plain.finalize().into_bytes().as_slice());
    }

    #[test]
    fn a_master_key_is_sixty_four_digits_and_never_prints() {
        let (key, text) = MasterKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
        assert_eq!(*MasterKey::parse(&format!(" {}\n", *text)).unwrap().0, *key.0);
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            assert!(MasterKey::parse(bad).unwrap_err().to_string().contains("64 hexadecimal"));
        }
    }
}
