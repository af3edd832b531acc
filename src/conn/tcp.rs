//! Connecting without waiting: how it is begun. When it has finished, and how one knows, is
//! [`Stream`](super::stream::Stream)'s to say.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;

/// Begins to connect. The socket turns writable when it is done, well or badly.
///
/// # Errors
/// What failed at once: no descriptor, no local port, no route; on loopback also that nobody listens.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address)
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
