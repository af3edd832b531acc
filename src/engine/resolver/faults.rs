//! What goes wrong below a lookup, and what that is to it.
//!
//! It refuses to know whose socket it was, and who waits for it how.

use std::io;
use std::net::SocketAddr;

use crate::check::outcome::Failure;
use crate::engine::trouble::of_dns_socket;
use crate::proto::dns::lookup::LookupInput;
use crate::proto::dns::query::RecordType;
use crate::sys::{plain, resource};

/// What went wrong below a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketFault {
    /// Datagrams do not get through to this server.
    Unreachable(SocketAddr),
    /// The connection of this record type cannot be made, or ended early.
    TcpFailed(RecordType),
    /// This machine did not let a datagram to this server out, in the system's words.
    NotSent(SocketAddr, String),
    /// This machine has nothing left to make a socket of: whose trouble it is, in words.
    Shortage(Failure),
}

impl SocketFault {
    /// Reads an error of making a socket. `otherwise`: what it is where this machine lacks nothing.
    pub fn of_making(error: &io::Error, otherwise: SocketFault) -> SocketFault {
        of_dns_socket(error).map_or(otherwise, SocketFault::Shortage)
    }

    /// Reads an error of sending a datagram to this server, which may be that of an earlier one. `None`: it passes, and the
    /// datagram is as good as lost on the way.
    pub fn of_datagram(error: &io::Error, server: SocketAddr) -> Option<SocketFault> {
        // It was this machine that did not let it out: a filter of its own, or a shortage.
        if resource::is_local_shortage(error) {
            return Some(SocketFault::NotSent(server, plain(error)));
        }
        is_refusal(error).then_some(SocketFault::Unreachable(server))
    }

    /// What a lookup is to be told of it.
    ///
    /// # Errors
    /// Nothing: it cannot go on, for want of what stands here.
    pub fn input(&self) -> Result<LookupInput<'_>, &Failure> {
        match self {
            SocketFault::Unreachable(server) => Ok(LookupInput::Unreachable { server: *server }),
            SocketFault::TcpFailed(record) => Ok(LookupInput::TcpFailed { record: *record }),
            SocketFault::NotSent(server, why) => Ok(LookupInput::NotSent { server: *server, why }),
            SocketFault::Shortage(failure) => Err(failure),
        }
    }
}

/// Whether an error of a socket means that its server cannot be reached. Others, such as a full send buffer, pass.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::PermissionDenied
    )
}
