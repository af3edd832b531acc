//! The cryptography: ring, by way of rustls, and in which order its suites are offered.

use std::sync::{Arc, LazyLock};

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::{self, cipher_suite::TLS13_AES_128_GCM_SHA256};
use rustls::crypto::{self, CryptoProvider};

/// The cryptography is stateless: one provider serves every configuration.
///
/// It asks for AES-128 first, as browsers do (RFC 8446 section 9.1 makes it the one suite that everybody has): its SHA-256 is
/// what processors are good at, and a tenth of a handshake cheaper than the SHA-384 that comes with AES-256.
pub(super) static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    let is_aes_128 = |suite: &SupportedCipherSuite| suite.suite().as_str().is_some_and(|name| name.contains("AES_128"));
    provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite)); // stable
    Arc::new(provider)
});

/// SHA-256 (FIPS 180-4), from the library that the handshake uses.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sized(sha256_provider().hash(bytes))
}

pub(super) fn sha256_provider() -> &'static dyn crypto::hash::Hash {
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    // expect: the constant is a suite of TLS 1.3.
    suite.expect("a TLS 1.3 suite").common.hash_provider
}

pub(super) fn sized(output: crypto::hash::Output) -> [u8; 32] {
    // expect: that is how long SHA-256 is.
    output.as_ref().try_into().expect("32 bytes")
}
