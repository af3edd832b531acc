//! The public key in a certificate, in its parts: for whoever has to say why a key was not read.
//!
//! It refuses to know what a key is good for.

use super::Fields;
use super::der::{BIT_STRING, DerReader, INTEGER, OBJECT_IDENTIFIER, SEQUENCE};

/// A public key as it stands in a certificate (RFC 5280 section 4.1.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The inside of its AlgorithmIdentifier: the kind of key, and for elliptic curves the curve.
    pub algorithm: &'a [u8],
    /// The key, as its kind is written.
    pub bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// The key of a certificate; `None` when it cannot be read.
    pub fn of_certificate(der: &'a [u8]) -> Option<PublicKey<'a>> {
        PublicKey::of_info(Fields::read(der).ok()?.public_key.content)
    }

    /// The key in the inside of a SubjectPublicKeyInfo; `None` when it cannot be read.
    pub fn of_info(info: &'a [u8]) -> Option<PublicKey<'a>> {
        let mut info = DerReader { rest: info, at: 0 };
        let algorithm = info.expect(SEQUENCE, "no algorithm").ok()?.content;
        // The first byte counts the bits that are left over in the last. A key has whole bytes.
        let bits = info.expect(BIT_STRING, "no key").ok()?.content.strip_prefix(&[0])?;
        Some(PublicKey { algorithm, bits })
    }

    /// How many bits the modulus of an RSA key has (RFC 8017, A.1.1); `None` for other kinds.
    pub fn rsa_bits(&self) -> Option<usize> {
        const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

        let mut algorithm = DerReader { rest: self.algorithm, at: 0 };
        if algorithm.expect(OBJECT_IDENTIFIER, "no kind").ok()?.content != RSA_ENCRYPTION {
            return None;
        }
        let mut key = DerReader { rest: self.bits, at: 0 };
        let mut numbers = key.expect(SEQUENCE, "no key").ok()?.inside();
        let modulus = numbers.expect(INTEGER, "no modulus").ok()?.content;
        let zeros = modulus.iter().position(|&byte| byte != 0)?;
        let (first, rest) = modulus.get(zeros..)?.split_first()?;
        Some(8 * rest.len() + (u8::BITS - first.leading_zeros()) as usize)
    }
}
