//! The keys of packets: Ed25519 pairs that sign, and public keys that check.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use service_kit::sealed::hex;

use super::sha256::Sha256;

/// What stands before the 32 bytes of an Ed25519 public key in its DER form (RFC 8410).
const DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A public key that checks signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// A key pair that signs packets. It is never printed.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key.
    #[error("expected base64 of a 32-byte Ed25519 seed or of a PKCS#8 Ed25519 key")]
    Private,
    /// Not a public key.
    #[error("expected an Ed25519 public key: PEM, or base64 of its 32 bytes or of its DER form")]
    Public,
}

impl PublicKey {
    /// The key of these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Names the key: the first 16 hexadecimal digits of its hash.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha256::of(&[&self.0]).0[..8])
    }

    /// Its 32 bytes in base64.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// In the form that OpenSSL reads.
    #[must_use]
    pub fn pem(&self) -> String {
        let text = STANDARD.encode([&DER[..], &self.0].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// Whether `signature` over `message` was made with the private half.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let bytes = STANDARD.decode(body).map_err(|_| KeyError::Public)?;
        let key = bytes.strip_prefix(&DER).unwrap_or(&bytes);
        key.try_into().map(Self).map_err(|_| KeyError::Public)
    }
}

impl SigningKey {
    /// The pair of this seed.
    ///
    /// # Errors
    /// When the curve's code refuses it; it takes every seed today.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Private).and_then(Self::of)
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = pair.public_key().as_ref().try_into().map(PublicKey).map_err(|_| KeyError::Private)?;
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The signature over `message`; always the same for the same message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| KeyError::Private)?;
        match <&[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(seed) => Self::from_seed(seed),
            Err(_) => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).map_err(|_| KeyError::Private).and_then(Self::of)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_read_in_each_of_its_forms() {
        let key = SigningKey::from_seed(&[7; 32]).expect("a seed").public();
        let der = STANDARD.encode([&DER[..], &key.0].concat());
        for text in [key.base64(), key.pem(), der, format!(" {}\n", key.base64())] {
            assert_eq!(text.parse(), Ok(key), "{text}");
        }
        for text in ["", "AAAA", "no base64!", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Public), "{text}");
        }
    }

    /// The first test of RFC 8032, section 7.1.
    #[test]
    fn signatures_are_those_of_the_rfc() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let seed: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).expect("hexadecimal")).collect();
        let key: SigningKey = STANDARD.encode(&seed).parse().expect("a seed");
        assert_eq!(hex(&key.public().0), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = key.sign(b"");
        assert!(hex(&signature).starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"));
        assert!(key.public().verifies(b"", &signature));
        assert!(!key.public().verifies(b"x", &signature));
        // PKCS#8 of the same seed.
        let wrapped =
            [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20], seed.as_slice()].concat();
        let same: SigningKey = STANDARD.encode(wrapped).parse().expect("PKCS#8");
        assert_eq!(same.public(), key.public());
        assert!(!format!("{key:?}").contains("nWGx"), "a key pair is never printed");
        assert!("AAAA".parse::<SigningKey>().is_err());
    }
}
