//! Connecting without waiting: how it is begun. When it has finished, and how one knows, is
//! [`Stream`](super::stream::Stream)'s to say.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::os::{TcpStream, UdpSocket};

/// Begins to connect. The socket turns writable when it is done, well or badly.
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
}
