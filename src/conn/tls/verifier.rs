//! Whose certificates are good, and what is remembered of it.
//!
//! webpki builds and verifies chains. What it has no words for is done here: a certificate that is trusted as it stands, a host
//! whose name is none by the book, a handshake that nobody asks to be signed by anybody in particular.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{self, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::pem::{certificates, readable_certificates};
use super::provider::{PROVIDER, sha256_provider, sized};
use super::words::{CONSTRAINED, OLD_VERSION, UNKNOWN_EXTENSION, lacking, webpki_word};
use crate::proto::x509::{self, PublicKey};

/// How many verified chains are remembered. Beyond it the oldest is forgotten. An entry takes about
/// 100 bytes.
pub const MAX_VERIFIED_CHAINS: usize = 1024;

/// Whom a client trusts: to issue certificates, or to show the very one that is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roots<'a> {
    /// The certificates in this PEM text, one or many. `None`: Mozilla's list, compiled in.
    pub pem: Option<&'a [u8]>,
    /// The texts of a system's store, trusted besides. What cannot be read in them is passed over.
    pub system: &'a [&'a [u8]],
}

/// Whom a client trusts, read.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) roots: RootCertStore,
    /// The certificates themselves, but for Mozilla's: whoever shows one of them needs nobody to vouch for it.
    certificates: Vec<CertificateDer<'static>>,
    /// How many could not be read.
    pub(super) ignored: usize,
}

impl Trusted {
    /// Reads the texts.
    ///
    /// # Errors
    /// In words: one of them has nothing that is of use, or the first has something that is none.
    pub(super) fn new(wanted: Roots<'_>) -> Result<Trusted, String> {
        let mut trusted = Trusted { roots: RootCertStore::empty(), certificates: Vec::new(), ignored: 0 };
        match wanted.pem {
            None => trusted.roots.roots = webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            Some(pem) => {
                if !trusted.add(certificates(pem)?) {
                    return Err("none of the certificates can be read".into());
                }
            }
        }
        for pem in wanted.system {
            if !trusted.add(readable_certificates(pem)) {
                return Err("no certificate in the system's store can be read".into());
            }
        }
        Ok(trusted)
    }

    /// Adds those that can be read, each once. Whether there is one at all.
    fn add(&mut self, certificates: Vec<CertificateDer<'static>>) -> bool {
        let (before, count) = (self.ignored, certificates.len());
        for certificate in certificates {
            if self.certificates.contains(&certificate) {
                continue;
            }
            let is_read = x509::validity(&certificate).is_some();
            // Whoever is trusted for itself is not trusted to vouch for others.
            let may_issue = x509::may_issue(&certificate) || !is_read;
            if may_issue && self.roots.add(certificate.clone()).is_ok() {
                self.roots.roots.last_mut().into_iter().for_each(forget_directory_names);
            } else if !is_read {
                self.ignored += 1;
                continue;
            }
            self.certificates.push(certificate);
        }
        self.ignored - before < count
    }
}

/// A root may say which directory names it vouches for, and the library refuses whatever is below one that does. Which hosts
/// it vouches for is another matter, and stays.
fn forget_directory_names(root: &mut TrustAnchor<'static>) {
    if let Some(constraints) = &root.name_constraints {
        let others = x509::without_directory_names(constraints);
        root.name_constraints = (!others.is_empty()).then(|| others.into());
    }
}

/// Judges the certificates of one session for rustls.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) judge: Arc<Judge>,
    /// The host, where rustls was told of another because it has no word for this one.
    pub(super) odd_host: Option<Box<str>>,
}

impl Verifier {
    /// Whether the handshake is signed with the leaf's key. `library` is rustls' answer.
    fn signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        library: fn(
            &[u8],
            &CertificateDer<'_>,
            &DigitallySignedStruct,
            &WebPkiSupportedAlgorithms,
        ) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let answer = match library(message, leaf, signature, &self.judge.algorithms) {
            Ok(valid) => Ok(valid),
            Err(error) => self.judge.look_again(message, leaf, signature, error),
        };
        self.judge.or_keep(leaf, answer)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let expected = match &self.odd_host {
            Some(host) => Expected { text: Cow::Borrowed(host), name: None },
            None => Expected { text: server_name.to_str(), name: Some(server_name) },
        };
        self.judge.or_keep(leaf, self.judge.certificates(leaf, intermediates, &expected, now))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, leaf, signature, crypto::verify_tls12_signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, leaf, signature, crypto::verify_tls13_signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.judge.algorithms.supported_schemes();
        if self.judge.insecure {
            // The short hashes first: a small key has no room for a long one, and servers do not look.
            schemes.reverse();
            schemes.extend(UNCHECKED_SCHEMES);
        }
        schemes
    }
}

/// What a server may sign with where nobody asks whether it is right (IANA's registry of SignatureScheme): else one whose key is
/// of such a kind would refuse to speak at all.
const UNCHECKED_SCHEMES: [SignatureScheme; 15] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    // rsa_pss_pss_sha256, _sha384 and _sha512
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
    // ecdsa_brainpoolP256r1tls13_sha256, P384r1, P512r1
    SignatureScheme::Unknown(0x081a),
    SignatureScheme::Unknown(0x081b),
    SignatureScheme::Unknown(0x081c),
    SignatureScheme::ML_DSA_44,
    SignatureScheme::ML_DSA_65,
    SignatureScheme::ML_DSA_87,
    // RSA and ECDSA with SHA-224, then with SHA-1
    SignatureScheme::Unknown(0x0301),
    SignatureScheme::Unknown(0x0303),
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::ECDSA_SHA1_Legacy,
];

/// How many bits an RSA key may have, for the cryptography at hand to look at it.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// Whom a certificate must be for.
struct Expected<'a> {
    text: Cow<'a, str>,
    /// The same, where rustls has a word for it.
    name: Option<&'a ServerName<'a>>,
}

/// Asks webpki about each chain once, and keeps the certificate of a handshake that fails, which
/// rustls drops.
#[derive(Debug)]
pub(super) struct Judge {
    /// Every certificate will do.
    pub(super) insecure: bool,
    pub(super) trusted: Trusted,
    algorithms: WebPkiSupportedAlgorithms,
    remember: bool,
    /// One thread uses it; the lock is there because rustls' traits are for any number, and is
    /// never waited for.
    seen: Mutex<Verified>,
}

/// What the cache of verified chains was good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Chains that were known.
    pub hits: u64,
    /// Chains that were verified, whether they passed or not.
    pub misses: u64,
}

#[derive(Debug, Default)]
pub(super) struct Verified {
    verified: VerifiedChains,
    pub(super) counts: CacheCounts,
    /// The leaf of the handshake that is failing right now, on its way to its session.
    pub(super) refused: Option<Vec<u8>>,
}

impl Judge {
    pub(super) fn new(trusted: Trusted, insecure: bool, remember: bool) -> Self {
        Judge {
            insecure,
            trusted,
            algorithms: PROVIDER.signature_verification_algorithms,
            remember,
            seen: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Verified> {
        // A panic elsewhere cannot leave it half changed.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the leaf if the answer is no.
    fn or_keep<T>(&self, leaf: &CertificateDer<'_>, answer: Result<T, rustls::Error>) -> Result<T, rustls::Error> {
        if answer.is_err() {
            self.lock().refused = Some(leaf.to_vec());
        }
        answer
    }

    /// Whether the certificates are good for the host, as is known or is found out.
    fn certificates(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        expected: &Expected<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        let key = self.remember.then(|| chain_key(leaf, intermediates, &expected.text));
        if let Some(key) = &key {
            let mut seen = self.lock();
            if seen.verified.holds(key, now) {
                seen.counts.hits += 1;
                return Ok(ServerCertVerified::assertion());
            }
            seen.counts.misses += 1;
        }
        if self.trusted.certificates.contains(leaf) {
            as_it_stands(leaf, &expected.text, now)?;
        } else {
            let verified = self.chain(leaf, intermediates, expected, now);
            verified.map_err(|error| self.explained(error, leaf, intermediates))?;
        }
        if let Some(key) = key
            && let Some(window) = Window::of_chain(leaf, intermediates)
        {
            self.lock().verified.insert(key, window);
        }
        Ok(ServerCertVerified::assertion())
    }

    /// Whether somebody trusted vouches for the leaf, and it is for the host.
    fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        expected: &Expected<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let (roots, algorithms) = (&self.trusted.roots, self.algorithms.all);
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        match expected.name {
            Some(name) => verify_server_name(&parsed, name),
            None if x509::is_for(leaf, &expected.text) => Ok(()),
            None => Err(CertificateError::NotValidForName.into()),
        }
    }

    /// Tells what is lacking here from what is wrong with a chain, where webpki does not.
    fn explained(
        &self,
        error: rustls::Error,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> rustls::Error {
        let rustls::Error::InvalidCertificate(cause) = &error else { return error };
        let shown = std::iter::once(leaf).chain(intermediates);
        let is_named = |root: &&TrustAnchor<'_>| shown.clone().any(|it| x509::issuer(it) == Some(&root.subject[..]));
        let mut roots = self.trusted.roots.roots.iter().filter(is_named);
        match (cause, webpki_word(cause).as_deref()) {
            // A key of a size that the cryptography does not take makes no signature match.
            (CertificateError::BadSignature, _) => {
                let roots = roots.filter_map(|root| PublicKey::of_info(&root.subject_public_key_info));
                let shown = intermediates.iter().filter_map(|shown| PublicKey::of_certificate(shown));
                roots.chain(shown).find_map(odd_rsa_key).map_or(error, lacking)
            }
            // What cannot be read is not asked who vouches for it; but nobody does.
            (_, Some(UNKNOWN_EXTENSION | OLD_VERSION)) if roots.next().is_none() => {
                CertificateError::UnknownIssuer.into()
            }
            // What the trusted say of directory names is forgotten.
            (_, Some(CONSTRAINED)) => {
                let mut others = intermediates.iter().filter(|shown| !self.trusted.certificates.contains(shown));
                match others.any(|shown| x509::constrains_directory_names(shown)) {
                    true => lacking("a name constraint on directory names".to_owned()),
                    false => error,
                }
            }
            _ => error,
        }
    }

    /// Looks at the handshake's signature once more, which rustls has not found good: it reads keys from certificates of
    /// version 3 alone that have nothing critical which it does not know.
    fn look_again(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        error: rustls::Error,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = match &error {
            // It was read, and is not of the signature's kind.
            rustls::Error::InvalidCertificate(
                CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            ) => None,
            rustls::Error::InvalidCertificate(_) => PublicKey::of_certificate(leaf),
            _ => None,
        };
        // Nothing is asked of a certificate that nobody has to vouch for: what cannot be checked passes.
        let unless_insecure = |error| match self.insecure {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(error),
        };
        let Some(key) = key else { return unless_insecure(error) };
        if let Some(odd) = odd_rsa_key(key) {
            return unless_insecure(lacking(odd));
        }
        let of_scheme = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
        let mut known = of_scheme.into_iter().flat_map(|(_, algorithms)| algorithms.iter());
        match known.find(|known| known.public_key_alg_id().as_ref() == key.algorithm) {
            None => unless_insecure(error),
            Some(known) => match known.verify_signature(key.bits, message, signature.signature()) {
                Ok(()) => Ok(HandshakeSignatureValid::assertion()),
                Err(_) => Err(CertificateError::BadSignature.into()),
            },
        }
    }
}

/// Whether a certificate that is trusted as it stands is good for the host: nobody has to vouch for it, but it may have
/// ended, or be for somebody else.
fn as_it_stands(leaf: &CertificateDer<'_>, host: &str, now: UnixTime) -> Result<(), rustls::Error> {
    let (from, until) = x509::validity(leaf).ok_or(CertificateError::BadEncoding)?;
    // A time before 1970 is as far in the past as 1970 is.
    let [from, until] = [from, until].map(|time| Duration::from_secs(u64::try_from(time).unwrap_or(0)));
    let [not_before, not_after] = [from, until].map(UnixTime::since_unix_epoch);
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    match x509::is_for(leaf, host) || x509::is_called(leaf, host) {
        true => Ok(()),
        false => Err(CertificateError::NotValidForName.into()),
    }
}

/// In words, an RSA key of a size that the cryptography at hand does not take.
fn odd_rsa_key(key: PublicKey<'_>) -> Option<String> {
    let bits = key.rsa_bits().filter(|bits| !RSA_BITS.contains(bits))?;
    Some(format!("an RSA key of {bits} bits (those of {} to {} are known)", RSA_BITS.start(), RSA_BITS.end()))
}

pub(super) type ChainKey = [u8; 32];

/// SHA-256 over the name and every certificate in order, each with its length before it, so that no
/// two inputs run together.
pub(super) fn chain_key(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], name: &str) -> ChainKey {
    let mut hash = sha256_provider().start();
    let chain = std::iter::once(leaf).chain(intermediates).map(AsRef::as_ref);
    for part in std::iter::once(name.as_bytes()).chain(chain) {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    sized(hash.finish())
}

/// The chains that were found good, and when they are. Oldest first out.
#[derive(Debug, Default)]
pub(super) struct VerifiedChains {
    pub(super) windows: HashMap<ChainKey, Window>,
    pub(super) oldest: VecDeque<ChainKey>,
}

impl VerifiedChains {
    pub(super) fn holds(&self, key: &ChainKey, now: UnixTime) -> bool {
        self.windows.get(key).is_some_and(|window| window.contains(now))
    }

    pub(super) fn insert(&mut self, key: ChainKey, window: Window) {
        match self.windows.entry(key) {
            Entry::Occupied(mut known) => *known.get_mut() = window,
            Entry::Vacant(new) => {
                new.insert(window);
                self.oldest.push_back(key);
            }
        }
        if self.oldest.len() > MAX_VERIFIED_CHAINS
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.windows.remove(&oldest);
        }
    }
}

/// The seconds at which all certificates of a chain are valid, in Unix time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Window {
    /// `None` if a certificate's dates cannot be read: such a chain is not remembered.
    pub(super) fn of_chain(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<Self> {
        let mut window = Window { from: i64::MIN, until: i64::MAX };
        for certificate in std::iter::once(leaf).chain(intermediates) {
            let (from, until) = x509::validity(certificate)?;
            window.from = window.from.max(from);
            window.until = window.until.min(until);
        }
        Some(window)
    }

    pub(super) fn contains(self, now: UnixTime) -> bool {
        i64::try_from(now.as_secs()).is_ok_and(|now| self.from <= now && now <= self.until)
    }
}
