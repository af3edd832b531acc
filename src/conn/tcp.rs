//! Connecting without waiting: how it is begun, when it has finished, and how one knows.

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

/// Whether the connection stands, for one who has nothing to write: the first `write` tells it without this.
///
/// These are steps 4 to 6 of mio's "connecting" contract: the pending error, then whether there is a peer.
///
/// # Errors
/// Why it failed.
pub fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        // Linux says NotConnected; some systems say it would block.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_to_stand() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect(listener.local_addr().unwrap()).unwrap();
        let accepted = listener.accept().unwrap();
        assert!(is_connected(&stream).unwrap());
        drop(accepted);
    }

    #[test]
    fn a_refusal_is_known() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        // Linux refuses on the spot on loopback; others a moment later.
        let error = connect(unused).and_then(|stream| {
            for _ in 0..1000 {
                if is_connected(&stream)? {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Ok(())
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
