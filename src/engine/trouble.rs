//! What an error of the OS means: whose trouble it is, the target's or ours.

use std::io;

use super::dial::Place;
#[cfg(feature = "tls")]
use crate::check::expect::clip;
#[cfg(feature = "tls")]
use crate::check::outcome::CertificateSeen;
use crate::check::outcome::{Failure, Reason, TlsSeen};
#[cfg(feature = "tls")]
use crate::check::units::civil_date;
use crate::conn::tcp;
use crate::conn::tls::TlsError;
use crate::sys::{plain, resource};

/// Whose trouble it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The target's, or the network's on the way to it.
    Target(Failure),
    /// This machine ran out of something that one of our own checks may give back.
    Shortage(Failure),
}

impl Trouble {
    /// What it is to a check that does not wait for another.
    pub fn into_failure(self) -> Failure {
        match self {
            Trouble::Target(failure) | Trouble::Shortage(failure) => failure,
        }
    }
}

/// Reads an error of connecting to `place`, at once or later.
pub fn of_connect(error: &io::Error, place: &Place) -> Trouble {
    let failure = |reason, detail: String| Trouble::Target(Failure::new(reason, detail));
    if resource::is_descriptor_shortage(error) {
        return Trouble::Shortage(Failure::new(
            Reason::LocalFds,
            "no file descriptor left to connect with (ulimit -n)",
        ));
    }
    if resource::is_buffer_shortage(error) {
        return Trouble::Shortage(Failure::new(Reason::LocalError, "no memory left to connect with"));
    }
    match error.kind() {
        // A service that is not up has not made its socket yet, or has left a dead one behind.
        io::ErrorKind::NotFound => failure(Reason::ConnectRefused, format!("there is no socket at {place}")),
        // Whoever may not connect cannot tell how the service is.
        io::ErrorKind::PermissionDenied if matches!(place, Place::Unix(_)) => {
            failure(Reason::LocalError, format!("this user may not connect to {place}: {}", plain(error)))
        }
        // No port is left, or the machine has no address of the family at all: then nothing that ends will help.
        io::ErrorKind::AddrNotAvailable if place.address().is_some_and(|to| !tcp::has_address_for(to)) => failure(
            Reason::ConnectUnreachable,
            format!("{place} cannot be reached: this machine has no address to connect to it from"),
        ),
        // What a route that drops or forbids makes of it. The kernel's choice among these and the next is an accident of
        // how the route was written.
        io::ErrorKind::InvalidInput if place.address().is_some() => failure(
            Reason::ConnectUnreachable,
            format!("{place} cannot be reached: {} (a route that drops)", plain(error)),
        ),
        io::ErrorKind::PermissionDenied => failure(
            Reason::ConnectUnreachable,
            format!("{place} cannot be reached: {} (a route or a rule that forbids it)", plain(error)),
        ),
        io::ErrorKind::AddrNotAvailable => Trouble::Shortage(Failure::new(
            Reason::LocalPorts,
            format!("no local address or port left to connect from to {place}"),
        )),
        io::ErrorKind::ConnectionRefused => failure(Reason::ConnectRefused, format!("{place} refused the connection")),
        io::ErrorKind::TimedOut => failure(Reason::ConnectTimeout, format!("the system gave up connecting to {place}")),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            failure(Reason::ConnectUnreachable, format!("{place} cannot be reached: {}", plain(error)))
        }
        io::ErrorKind::ConnectionReset => failure(Reason::Reset, format!("{place} reset the connection at once")),
        io::ErrorKind::BrokenPipe => failure(Reason::Closed, format!("{place} closed the connection at once")),
        _ => failure(Reason::LocalError, format!("connecting to {place}: {}", plain(error))),
    }
}

/// Reads an error of making a socket for DNS, before anything was sent: `None` when it is the network's or the server's.
/// What this machine lacks is not the name's fault.
pub(super) fn of_dns_socket(error: &io::Error) -> Option<Failure> {
    if resource::is_descriptor_shortage(error) {
        return Some(Failure::new(Reason::LocalFds, "no file descriptor left to look names up with (ulimit -n)"));
    }
    let reason = match error.kind() {
        io::ErrorKind::AddrInUse => Reason::LocalPorts,
        _ if resource::is_local_shortage(error) => Reason::LocalError,
        _ => return None,
    };
    Some(Failure::new(reason, format!("no socket to look names up with: {}", plain(error))))
}

/// Reads an error of a connection that stood.
pub fn of_connection(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionReset => Failure::new(Reason::Reset, "the server reset the connection"),
        io::ErrorKind::BrokenPipe => {
            Failure::new(Reason::Closed, "the server closed the connection before the request was sent")
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Failure::new(Reason::ConnectUnreachable, format!("the connection was lost: {}", plain(error)))
        }
        _ => Failure::new(Reason::LocalError, format!("on the connection: {}", plain(error))),
    }
}

/// Reads a failure of TLS: what went wrong, and whose certificate it was about. `expected` is the name that was asked
/// for.
#[cfg(feature = "tls")]
pub(super) fn of_tls(error: &TlsError, seen: &TlsSeen, expected: &str) -> Failure {
    /// The longest detail, in characters. Most of it comes from the peer.
    const DETAIL_MAX: usize = 600;

    let certificate = seen.certificate.as_ref();
    let whose = certificate.map_or(String::new(), |certificate| format!(" ({})", whose(certificate)));
    let (reason, detail) = match error {
        TlsError::Untrusted { .. } => (Reason::TlsUntrusted, format!("{error}{whose}")),
        TlsError::Expired { not_after } => (Reason::TlsExpired, expired(*not_after, certificate)),
        TlsError::NotYetValid { .. } => (
            Reason::TlsExpired,
            match certificate {
                Some(certificate) => format!("{error}: it begins on {}{whose}", date(certificate.not_before)),
                None => error.to_string(),
            },
        ),
        TlsError::WrongName => {
            (Reason::TlsName, format!("the certificate is not for {expected} but for {}", names(certificate)))
        }
        TlsError::Unsupported { .. } => (Reason::Unsupported, format!("{error}{whose}")),
        TlsError::Alert { .. }
        | TlsError::OfferRefused { .. }
        | TlsError::OldVersion
        | TlsError::NotTls { .. }
        | TlsError::Protocol(_) => (Reason::TlsFailed, error.to_string()),
    };
    Failure::new(reason, clip(&detail, DETAIL_MAX))
}

/// In a build without TLS there is no such failure.
#[cfg(not(feature = "tls"))]
pub(super) fn of_tls(error: &TlsError, _seen: &TlsSeen, _expected: &str) -> Failure {
    match *error {}
}

#[cfg(feature = "tls")]
fn expired(not_after: Option<u64>, certificate: Option<&CertificateSeen>) -> String {
    match (certificate, not_after.map(|end| end as i64)) {
        (Some(leaf), Some(end)) if leaf.not_after != end => {
            format!("an issuer's certificate expired on {} ({})", date(end), whose(leaf))
        }
        (Some(leaf), _) => format!("the certificate expired on {} ({})", date(leaf.not_after), whose(leaf)),
        (None, _) => "the certificate has expired".to_owned(),
    }
}

#[cfg(feature = "tls")]
fn whose(certificate: &CertificateSeen) -> String {
    let [subject, issuer] = [&certificate.subject, &certificate.issuer].map(|name| clip(name, NAME_MAX));
    format!("{subject}, issued by {issuer}")
}

/// How much of one name of a certificate goes into a detail, in characters.
#[cfg(feature = "tls")]
const NAME_MAX: usize = 100;

/// The first few names that a certificate is for.
#[cfg(feature = "tls")]
fn names(certificate: Option<&CertificateSeen>) -> String {
    const SHOWN: usize = 5;
    match certificate.map(|certificate| &certificate.names[..]) {
        None => "another name".to_owned(),
        Some([]) => "no name at all".to_owned(),
        Some(names) => {
            let shown: Vec<String> = names.iter().take(SHOWN).map(|name| clip(name, NAME_MAX)).collect();
            let more = match names.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            shown.join(", ") + &more
        }
    }
}

/// A day, of a time since the Unix epoch.
#[cfg(feature = "tls")]
fn date(unix_seconds: i64) -> String {
    // A date before 1970 can only be a mistake, and is shown as the first day of it.
    let (year, month, day) = civil_date(u64::try_from(unix_seconds).unwrap_or(0) / 86400);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(error: io::Error) -> Reason {
        of_connect(&error, &Place::Ip("127.0.0.1:1".parse().unwrap())).into_failure().reason
    }

    #[test]
    fn every_kind_of_trouble_has_its_reason() {
        let cases = [
            (io::ErrorKind::ConnectionRefused, Reason::ConnectRefused),
            (io::ErrorKind::TimedOut, Reason::ConnectTimeout),
            (io::ErrorKind::HostUnreachable, Reason::ConnectUnreachable),
            (io::ErrorKind::NetworkUnreachable, Reason::ConnectUnreachable),
            (io::ErrorKind::ConnectionReset, Reason::Reset),
            (io::ErrorKind::AddrNotAvailable, Reason::LocalPorts),
            (io::ErrorKind::PermissionDenied, Reason::ConnectUnreachable),
            (io::ErrorKind::NotFound, Reason::ConnectRefused),
            (io::ErrorKind::InvalidInput, Reason::ConnectUnreachable),
            (io::ErrorKind::BrokenPipe, Reason::Closed),
            (io::ErrorKind::OutOfMemory, Reason::LocalError),
        ];
        for (kind, expected) in cases {
            assert_eq!(reason(kind.into()), expected, "{kind:?}");
        }
        assert_eq!(of_connection(&io::ErrorKind::ConnectionReset.into()).reason, Reason::Reset);
        assert_eq!(of_connection(&io::ErrorKind::BrokenPipe.into()).reason, Reason::Closed);
        assert_eq!(of_connection(&io::ErrorKind::NetworkUnreachable.into()).reason, Reason::ConnectUnreachable);
        assert_eq!(of_connection(&io::ErrorKind::Other.into()).reason, Reason::LocalError);
    }
}
