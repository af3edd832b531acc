//! The names of algorithms, for a person: what signed a certificate, and what kind of key is in it.
//!
//! The list holds what certificates are seen with, also what nothing here can verify: that is when it is wanted.

use super::der::{DerReader, OBJECT_IDENTIFIER};
use super::distinguished::push_dotted;

/// The name of the algorithm in the inside of an AlgorithmIdentifier (RFC 5280 section 4.1.1.2): `ecdsa-with-SHA512`; of a
/// key on an elliptic curve, the curve: `P-521`. What is not in the list is named by its number, `1.2.840.10040.4.3`.
pub fn name(identifier: &[u8]) -> String {
    let mut reader = DerReader { rest: identifier, at: 0 };
    let mut next = || {
        let mut text = String::new();
        let oid = reader.expect(OBJECT_IDENTIFIER, "no object identifier").ok()?;
        push_dotted(&mut text, oid).ok()?;
        Some(text)
    };
    match (next(), next()) {
        (Some(kind), Some(curve)) if kind == "1.2.840.10045.2.1" => known(&curve).map_or(curve, str::to_owned),
        (Some(algorithm), _) => known(&algorithm).map_or(algorithm, str::to_owned),
        (None, _) => "an algorithm that cannot be read".to_owned(),
    }
}

fn known(dotted: &str) -> Option<&'static str> {
    Some(match dotted {
        // RFC 8017, appendix C
        "1.2.840.113549.1.1.1" => "RSA",
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        // RFC 5480 and RFC 5758
        "1.2.840.10045.2.1" => "an elliptic curve key",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.10045.3.1.1" => "P-192",
        "1.2.840.10045.3.1.7" => "P-256",
        "1.3.132.0.10" => "secp256k1",
        "1.3.132.0.33" => "P-224",
        "1.3.132.0.34" => "P-384",
        "1.3.132.0.35" => "P-521",
        // RFC 5639
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        // RFC 8410
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        // RFC 3279 and RFC 5758
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.10040.4.3" => "dsa-with-SHA1",
        "2.16.840.1.101.3.4.3.2" => "dsa-with-SHA256",
        // RFC 9881
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        // RFC 8998
        "1.2.156.10197.1.301" => "SM2",
        "1.2.156.10197.1.501" => "SM2-with-SM3",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_named_or_numbered() {
        let ec = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
        let cases: &[(&[&[u8]], &str)] = &[
            (&[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4]], "ecdsa-with-SHA512"),
            (&[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0]], "sha1WithRSAEncryption"),
            (&[&[6, 3, 0x2b, 0x65, 0x71]], "Ed448"),
            (&[&ec, &[6, 5, 0x2b, 0x81, 0x04, 0x00, 0x23]], "P-521"),
            (&[&ec, &[6, 3, 0x2a, 0x03, 0x04]], "1.2.3.4"),
            (&[&ec], "an elliptic curve key"),
            (&[&ec, &[5, 0]], "an elliptic curve key"),
            (&[&[6, 3, 0x2a, 0x03, 0x04]], "1.2.3.4"),
            (&[&[5, 0]], "an algorithm that cannot be read"),
            (&[&[6, 1, 0x80]], "an algorithm that cannot be read"),
            (&[], "an algorithm that cannot be read"),
        ];
        for (identifier, expected) in cases {
            assert_eq!(name(&identifier.concat()), *expected);
        }
    }
}
