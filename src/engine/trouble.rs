//! What an error of the OS means: whose trouble it is, the target's or ours.

use std::io;
use std::net::SocketAddr;

use crate::check::outcome::{Failure, Reason};
use crate::sys::resource;

/// Whose trouble it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The target's, or the network's on the way to it.
    Target(Failure),
    /// This machine ran out of something that one of our own checks may give back.
    Shortage(Failure),
}

/// Reads an error of connecting to `address`, at once or later.
pub(super) fn of_connect(error: &io::Error, address: SocketAddr) -> Trouble {
    let failure = |reason, detail: String| Trouble::Target(Failure::new(reason, detail));
    if resource::is_descriptor_shortage(error) {
        return Trouble::Shortage(Failure::new(
            Reason::LocalFds,
            "no file descriptor left to connect with (ulimit -n)",
        ));
    }
    match error.kind() {
        // Also what Linux says for an IPv6 address where IPv6 is switched off.
        io::ErrorKind::AddrNotAvailable => Trouble::Shortage(Failure::new(
            Reason::LocalPorts,
            format!("no local address or port left to connect from to {address}"),
        )),
        io::ErrorKind::ConnectionRefused => {
            failure(Reason::ConnectRefused, format!("{address} refused the connection"))
        }
        io::ErrorKind::TimedOut => {
            failure(Reason::ConnectTimeout, format!("the system gave up connecting to {address}"))
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            failure(Reason::ConnectUnreachable, format!("{address} cannot be reached: {}", plain(error)))
        }
        io::ErrorKind::ConnectionReset => failure(Reason::Reset, format!("{address} reset the connection at once")),
        _ => failure(Reason::LocalError, format!("connecting to {address}: {}", plain(error))),
    }
}

/// Reads an error of a connection that stood.
pub(super) fn of_connection(error: &io::Error) -> Failure {
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

/// The system's words without the number that std puts behind them.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(error: io::Error) -> Reason {
        match of_connect(&error, "127.0.0.1:1".parse().unwrap()) {
            Trouble::Target(failure) | Trouble::Shortage(failure) => failure.reason,
        }
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
            (io::ErrorKind::PermissionDenied, Reason::LocalError),
        ];
        for (kind, expected) in cases {
            assert_eq!(reason(kind.into()), expected, "{kind:?}");
        }
        assert_eq!(of_connection(&io::ErrorKind::ConnectionReset.into()).reason, Reason::Reset);
        assert_eq!(of_connection(&io::ErrorKind::BrokenPipe.into()).reason, Reason::Closed);
        assert_eq!(of_connection(&io::ErrorKind::NetworkUnreachable.into()).reason, Reason::ConnectUnreachable);
        assert_eq!(of_connection(&io::ErrorKind::Other.into()).reason, Reason::LocalError);
    }

    #[test]
    fn the_systems_number_is_left_out() {
        assert!(!plain(&io::Error::from_raw_os_error(2)).contains("os error"));
    }
}
