//! Connecting to a unix socket, a process on this machine, without waiting.

use std::io;

use crate::os::UnixStream;

/// Connects to the socket at this path. On Linux it is done, well or badly, when this returns.
///
/// # Errors
/// What failed. `WouldBlock`: more connections wait to be accepted than the socket's queue holds, and no system tells
/// when there is room again.
pub fn connect(path: &str) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_missing_and_a_dead_socket_are_told_apart() {
        let path = format!("{}/upcheck-{}-dead", std::env::temp_dir().display(), std::process::id());
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        std::fs::remove_file(&path).unwrap();
    }
}
