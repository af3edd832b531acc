//! PEM (RFC 7468) as it is met: with the marks of editors, with words around it, damaged, or not PEM at all.

use std::borrow::Cow;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The text without byte order marks, which editors put at the start of files, and `cat` into the middle of them. No line of
/// PEM has one.
fn without_marks(pem: &[u8]) -> Cow<'_, [u8]> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    match contains(pem, MARK) {
        false => Cow::Borrowed(pem),
        true => Cow::Owned(String::from_utf8_lossy(pem).replace('\u{feff}', "").into_bytes()),
    }
}

/// All certificates in a text that has nothing but good ones.
///
/// # Errors
/// In words: there is none, or one is damaged.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&without_marks(pem)).collect();
    match chain {
        Err(error) => Err(error.to_string()),
        Ok(chain) if chain.is_empty() && contains(pem, b"-----BEGIN TRUSTED CERTIFICATE-----") => {
            Err("-----BEGIN TRUSTED CERTIFICATE----- is OpenSSL's own form; make it a plain one first (openssl x509)"
                .into())
        }
        Ok(chain) if chain.is_empty() => Err(format!("{} -----BEGIN CERTIFICATE-----", missing(pem))),
        Ok(chain) => Ok(chain),
    }
}

/// The first private key in a text.
///
/// # Errors
/// In words: there is none, or it is damaged or encrypted.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::pem_slice_iter(&without_marks(pem)).next() {
        Some(key) => key.map_err(|error| error.to_string()),
        None if contains(pem, b"ENCRYPTED PRIVATE KEY") => {
            Err("it is encrypted; decrypt it first (openssl pkey)".into())
        }
        None => Err(format!("{} -----BEGIN PRIVATE KEY-----", missing(pem))),
    }
}

/// The certificates in a text that can be made out, of whatever else is in it.
pub(super) fn readable_certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(&without_marks(pem)).filter_map(Result::ok).collect()
}

/// The first half of a complaint about a file in which nothing useful was found.
fn missing(pem: &[u8]) -> &'static str {
    match pem.first() {
        None => "empty, expected PEM with",
        // The tag of an ASN.1 SEQUENCE. As text it would be a zero.
        Some(0x30) => "this looks like DER, expected PEM with",
        Some(_) => "no PEM section",
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
