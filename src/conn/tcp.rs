//! Connecting without waiting: how it is begun, and how one knows what became of it.
//!
//! Six facts, each with where it is written:
//!
//! 1. **It only begins.** On a socket that does not block, connect(2) says `EINPROGRESS` and the kernel goes on with the
//!    handshake. mio takes that for success: what [`connect`] gives "may not be connected (and thus usable)" (the notes of
//!    [`TcpStream::connect`]). What fails at once is an error at once; on loopback Linux has all of it done by then.
//! 2. **Its end is a socket that turns writable**, well or badly: "select the socket for writing" (connect(2), under
//!    `EINPROGRESS`). A refusal makes it writable, too.
//! 3. **Why it failed is the socket's pending error**, `SO_ERROR`, which is told once: it is "get and clear" (socket(7)). A
//!    read or a write takes it just as well as the question for it, so whoever gets it first must keep it.
//! 4. **No pending error is not yet a connection.** An event may be spurious (mio's `Poll`, "Spurious events"), so one asks
//!    whether there is a peer: getpeername(2) says `ENOTCONN` until there is. This and the fact before are steps 4 and 5 of
//!    mio's notes, and [`Stream::is_connected`](super::stream::Stream::is_connected) takes them.
//! 5. **A first write asks all of that at once.** To a connection that is still being made it says `EAGAIN` (Linux,
//!    `tcp_sendmsg`: it waits for the handshake, and may not wait) or `ENOTCONN` (the BSDs, `sosend`), to one that failed the
//!    pending error, and to one that stands it is the write that was to be made anyway. So whoever has something to say finds
//!    out by saying it, with no call more; only who has nothing to say asks as in 4. `prove` in `engine/connecting.rs` is the
//!    one place that does either.
//! 6. **It is found out once.** Registered for the edge (epoll(7), `EPOLLET`), a socket says that it turned writable and
//!    does not say it again. `won` and `attempt_failed` take the attempt out of those that are under way, so a later event
//!    of the same socket is one of a connection that stands, or of nobody. One that failed is closed, never connected
//!    again: its state is "unspecified" (connect(2), notes).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::os::{TcpStream, UdpSocket};

/// Begins to connect. The socket turns writable when it is done, well or badly: facts 1 and 2 of this module.
///
/// # Errors
/// What failed at once: no descriptor, no local port, no route; on loopback also that nobody listens.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address)
}

/// Whether this machine has an address of its own from which it could connect there. A datagram socket is asked, which
/// sends nothing: it needs the address and the route as a connection does, but no port that is scarce.
pub fn has_address_for(address: SocketAddr) -> bool {
    let any_port = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    UdpSocket::bind(any_port).and_then(|socket| socket.connect(address)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::stream::Stream;
    use super::*;

    #[test]
    fn a_connection_is_known_to_stand() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Stream::from(connect(listener.local_addr().unwrap()).unwrap());
        let accepted = listener.accept().unwrap();
        assert!(stream.is_connected().unwrap());
        drop(accepted);
    }

    #[test]
    fn a_refusal_is_known() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        // Linux refuses on the spot on loopback; others a moment later.
        let error = connect(unused).and_then(|stream| {
            let stream = Stream::from(stream);
            for _ in 0..1000 {
                if stream.is_connected()? {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Ok(())
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    /// Fact 3.
    #[test]
    fn why_it_failed_is_told_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Stream::from(connect(listener.local_addr().unwrap()).unwrap());
        let (accepted, _) = listener.accept().unwrap();
        // Then closing it is a reset.
        socket2::SockRef::from(&accepted).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(accepted);
        let told = std::iter::repeat_with(|| stream.is_connected()).find_map(Result::err).unwrap();
        assert_eq!(told.kind(), io::ErrorKind::ConnectionReset);
        assert!(!stream.is_connected().unwrap(), "now it only says that there is no peer");
    }

    /// Facts 4 and 5.
    #[cfg(target_os = "linux")]
    #[test]
    fn while_it_is_being_made_it_is_neither_there_nor_failed() {
        use std::io::Write;

        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        // Nobody accepts, and a queue that is full makes Linux drop what comes next.
        let waiting: Vec<_> = (0..3).map(|_| Stream::from(connect(address).unwrap())).collect();
        let mut stream = Stream::from(connect(address).unwrap());
        assert!(!stream.is_connected().unwrap());
        assert_eq!(stream.write(b"hello").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(waiting);
    }
}
