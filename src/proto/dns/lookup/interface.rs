//! What a lookup is told and what it says is to be done: all that the two sides of it have to agree on.
//!
//! Values and nothing else. It refuses to know what a lookup makes of them.

use std::net::SocketAddr;
use std::time::Instant;

use crate::proto::dns::answer::{Answer, LookupError};
use crate::proto::dns::query::RecordType;

/// What happened, told to [`Lookup::handle`](super::Lookup::handle).
#[derive(Clone, Copy, Debug)]
pub enum LookupInput<'a> {
    /// The lookup may begin. Anything before it is ignored.
    Start,
    /// A datagram came.
    Datagram {
        /// The server that it came from, as the kernel says.
        from: SocketAddr,
        /// The whole datagram.
        bytes: &'a [u8],
    },
    /// A whole message came over the TCP connection of this record type; see
    /// [`tcp_message`](crate::proto::dns::query::tcp_message).
    TcpMessage {
        /// Whose connection.
        record: RecordType,
        /// The message without the length in front.
        bytes: &'a [u8],
    },
    /// The TCP connection of this record type could not be made, or ended before a whole message.
    TcpFailed {
        /// Whose connection.
        record: RecordType,
    },
    /// No datagram gets through to this server: sending failed, or an ICMP error came back.
    Unreachable {
        /// The server that it is about.
        server: SocketAddr,
    },
    /// This machine did not let a datagram to this server out.
    NotSent {
        /// The server that it is about.
        server: SocketAddr,
        /// The system's words.
        why: &'a str,
    },
    /// The connection of this record type has to wait for room: not the server's fault, whose time does not run.
    TcpWaits {
        /// Whose connection.
        record: RecordType,
    },
    /// It is being made now.
    TcpBegun {
        /// Whose connection.
        record: RecordType,
    },
    /// The time of the last [`LookupAction::Arm`] has come.
    Deadline,
}

/// What is to be done, told by [`Lookup::poll`](super::Lookup::poll).
#[derive(Debug, PartialEq, Eq)]
pub enum LookupAction<'a> {
    /// Send a datagram. It replaces the last one of the same record type: answers to that one's id are no longer
    /// wanted if the id has changed.
    SendUdp {
        /// The question it belongs to.
        record: RecordType,
        /// Whom to send it to.
        server: SocketAddr,
        /// The id its answer will carry. The two questions of a lookup never have the same.
        id: u16,
        /// The datagram, to be sent as it is.
        bytes: &'a [u8],
    },
    /// Connect, send, and hand back one message. There is one connection a record type at most.
    OpenTcp {
        /// The question it belongs to.
        record: RecordType,
        /// Whom to connect to.
        server: SocketAddr,
        /// What to send, its length in front.
        bytes: &'a [u8],
    },
    /// Close the connection of this record type, which is done with; nothing happens if it is closed already.
    CloseTcp {
        /// Whose connection.
        record: RecordType,
    },
    /// Say [`LookupInput::Deadline`] at this time. It replaces any earlier one.
    Arm(Instant),
    /// The lookup is over. Nothing comes after this, and further inputs are ignored.
    Finish(Result<Answer, LookupError>),
}
