//! What went wrong, in words: by who is to blame, and for what.
//!
//! rustls has types for it; webpki's finer causes reach us as names alone.

use std::fmt;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, OtherError, PeerIncompatible};

use crate::proto::x509::algorithm;

/// Why a connection failed, by who is to blame and for what. Whose certificate it was is in
/// [`TlsFacts`](super::TlsFacts).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsError {
    /// Nobody trusted vouches for the certificate, or it is unfit.
    Untrusted {
        /// Why, in plain words.
        detail: String,
    },
    /// The certificate, or one that vouches for it, has ended.
    Expired {
        /// The last valid second of that one, in Unix time. If it is not the leaf's, an issuer's
        /// certificate has ended.
        not_after: Option<u64>,
    },
    /// The certificate, or one that vouches for it, is not valid yet.
    NotYetValid {
        /// The first valid second of that one, in Unix time.
        not_before: Option<u64>,
    },
    /// The certificate is for other names.
    WrongName,
    /// The peer refused, with this alert.
    Alert {
        /// The alert's number.
        code: u8,
    },
    /// The peer refused what was offered to it at the start, with this alert. Whose lack it is nobody can tell.
    OfferRefused {
        /// The alert's number.
        code: u8,
        /// Signatures of any kind were offered.
        insecure: bool,
    },
    /// The cryptography at hand lacks what the certificate, or one that vouches for it, needs. The peer is not to blame.
    Unsupported {
        /// What is lacking, in plain words.
        what: String,
    },
    /// The peer speaks neither TLS 1.2 nor TLS 1.3.
    OldVersion,
    /// The peer does not speak TLS.
    NotTls {
        /// What it spoke instead.
        what: String,
    },
    /// The peer broke the protocol, or the two have nothing in common; this is how.
    Protocol(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Untrusted { detail } => f.write_str(detail),
            TlsError::Expired { .. } => f.write_str("the certificate has expired"),
            TlsError::NotYetValid { .. } => f.write_str("the certificate is not valid yet"),
            TlsError::WrongName => f.write_str("the certificate is for another name"),
            TlsError::Alert { code } => match alert_name(*code) {
                Some(name) => write!(f, "the peer refused with the alert {name}"),
                None => write!(f, "the peer refused with the alert {code}"),
            },
            TlsError::OfferRefused { code, insecure } => {
                let signatures = match insecure {
                    true => "of any kind",
                    false => "by RSA, ECDSA on P-256 and P-384, and Ed25519",
                };
                write!(f, "{} ({OFFER} {signatures})", TlsError::Alert { code: *code })
            }
            TlsError::Unsupported { what } => f.write_str(what),
            TlsError::OldVersion => f.write_str("the peer speaks neither TLS 1.2 nor TLS 1.3"),
            TlsError::NotTls { what } => f.write_str(what),
            TlsError::Protocol(how) => f.write_str(how),
        }
    }
}

/// What every client of ours offers, but for the kinds of signatures.
const OFFER: &str =
    "offered were TLS 1.3 and 1.2, ECDHE on X25519, P-256 and P-384, AES-GCM and ChaCha20, and signatures";

impl std::error::Error for TlsError {}

impl TlsError {
    pub(super) fn from_rustls(error: &rustls::Error) -> Self {
        use rustls::Error;

        match error {
            Error::InvalidCertificate(cause) => Self::from_certificate(cause),
            Error::NoCertificatesPresented => untrusted("the server has shown no certificate"),
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => TlsError::OldVersion,
            Error::AlertReceived(alert) => TlsError::Alert { code: u8::from(*alert) },
            Error::PeerIncompatible(why) => {
                TlsError::Protocol(format!("no common ground: {}", spaced(&format!("{why:?}"))))
            }
            Error::PeerMisbehaved(how) => {
                TlsError::Protocol(format!("the peer broke the protocol: {}", spaced(&format!("{how:?}"))))
            }
            Error::InvalidMessage(how) => {
                TlsError::Protocol(format!("a malformed message: {}", spaced(&format!("{how:?}"))))
            }
            other => TlsError::Protocol(other.to_string()),
        }
    }

    fn from_certificate(cause: &CertificateError) -> Self {
        use CertificateError as Cause;

        match cause {
            Cause::Expired => TlsError::Expired { not_after: None },
            Cause::ExpiredContext { not_after, .. } => TlsError::Expired { not_after: Some(not_after.as_secs()) },
            Cause::NotValidYet => TlsError::NotYetValid { not_before: None },
            Cause::NotValidYetContext { not_before, .. } => {
                TlsError::NotYetValid { not_before: Some(not_before.as_secs()) }
            }
            Cause::NotValidForName | Cause::NotValidForNameContext { .. } => TlsError::WrongName,
            Cause::UnknownIssuer => untrusted("no trusted authority has issued the certificate"),
            Cause::BadSignature => untrusted("a signature does not match the certificate"),
            Cause::BadEncoding => untrusted("the certificate cannot be read"),
            Cause::InvalidPurpose | Cause::InvalidPurposeContext { .. } => {
                untrusted("the certificate is not meant for this use")
            }
            Cause::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
                unsupported(format!("a signature by {}", algorithm::name(signature_algorithm_id)))
            }
            Cause::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id,
                public_key_algorithm_id,
            } => {
                let [signature, key] = [signature_algorithm_id, public_key_algorithm_id].map(|id| algorithm::name(id));
                unsupported(format!("a signature by {signature} with a key of the kind {key}"))
            }
            Cause::Other(finer) => match (finer.0.downcast_ref(), finer.to_string().as_str()) {
                (Some(Lacking(what)), _) => unsupported(what.clone()),
                (None, UNKNOWN_EXTENSION) => unsupported("a critical extension that is not known here"),
                (None, OLD_VERSION) => unsupported("X.509 before version 3"),
                (None, finer) => refused(finer),
            },
            other => refused(&other.to_string()),
        }
    }
}

/// Words of webpki's that rustls has no variants for.
pub(super) const UNKNOWN_EXTENSION: &str = "UnsupportedCriticalExtension";
pub(super) const OLD_VERSION: &str = "UnsupportedCertVersion";
pub(super) const CONSTRAINED: &str = "NameConstraintViolation";

/// The cause in a word of webpki's, where rustls has no variant for it.
pub(super) fn webpki_word(cause: &CertificateError) -> Option<String> {
    match cause {
        CertificateError::Other(finer) => Some(finer.to_string()),
        _ => None,
    }
}

/// What the cryptography at hand lacks, on its way through rustls.
#[derive(Debug)]
struct Lacking(String);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lacking {}

pub(super) fn lacking(what: String) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(Lacking(what)))).into()
}

pub(super) fn unsupported(what: impl fmt::Display) -> TlsError {
    TlsError::Unsupported {
        what: format!("this program lacks what the certificate, or one that vouches for it, needs: {what}"),
    }
}

pub(super) fn untrusted(detail: &str) -> TlsError {
    TlsError::Untrusted { detail: detail.to_owned() }
}

fn refused(cause: &str) -> TlsError {
    untrusted(&format!("the certificate was refused: {}", spaced(cause)))
}

/// `NoCipherSuitesInCommon` as words. rustls has no others for its finer causes.
pub(super) fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if character.is_ascii_uppercase() && words.ends_with(|before: char| before.is_ascii_alphanumeric()) {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}

/// The name of an alert in IANA's registry (RFC 8446 section 6, RFC 5246 section 7.2).
pub fn alert_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => return None,
    })
}
