//! Socket options that neither std nor mio sets: what a server says to the kernel about its listeners, and how to hang
//! up rudely.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// The number of the network interface of this name.
pub fn interface(name: &str) -> Option<u32> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: the name is a C string that outlives the call.
    let number = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (number > 0).then_some(number)
}

/// Lets up to `backlog` connections wait to be accepted. The kernel cuts it to its own limit (Linux:
/// `net.core.somaxconn`).
///
/// `listen` may be called again on a socket that listens already; only the length of its queue changes. When the queue
/// is full, Linux drops a client's handshake without a word, and that client tries again a whole second later.
pub fn set_backlog(listener: impl AsFd, backlog: i32) -> io::Result<()> {
    // SAFETY: a plain call on a descriptor that is open as long as it is borrowed.
    super::check(unsafe { libc::listen(listener.as_fd().as_raw_fd(), backlog) })?;
    Ok(())
}

/// Sends small segments at once instead of waiting for the acknowledgement of the last (no Nagle's algorithm). Set on a
/// listener, it is inherited by what it accepts: one system call for all connections.
pub fn set_no_delay(socket: impl AsFd) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1i32)
}

/// Makes closing this socket throw away what was not delivered and send a reset (RST) in place of an end (FIN).
pub fn reset_on_close(socket: impl AsFd) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 })
}

/// How long ago the peer of a TCP connection was last heard of, as the kernel counts it: in milliseconds, give or take a
/// tick of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastWord {
    /// How long ago its last bytes came.
    pub bytes: Duration,
    /// The last acknowledgement: that of the connection itself, until something has been sent.
    pub acknowledgement: Duration,
}

/// When the peer was last heard of. `None`: the system does not tell, as outside Linux.
pub fn last_word(socket: impl AsFd) -> Option<LastWord> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
        let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `size` bytes to `info`, which is that large and outlives the call; and any
        // bytes, zeros too, are a valid `tcp_info`, which is made of integers.
        let info = unsafe {
            let fd = socket.as_fd().as_raw_fd();
            let into = info.as_mut_ptr().cast();
            super::check(libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, into, &mut size)).ok()?;
            info.assume_init()
        };
        Some(LastWord {
            bytes: Duration::from_millis(info.tcpi_last_data_recv.into()),
            acknowledgement: Duration::from_millis(info.tcpi_last_ack_recv.into()),
        })
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        None
    }
}

fn set_option<V>(socket: impl AsFd, level: libc::c_int, name: libc::c_int, value: &V) -> io::Result<()> {
    let size = size_of::<V>() as libc::socklen_t;
    // SAFETY: the kernel reads `size` bytes from `value`, which is exactly that large and outlives the call.
    super::check(unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), size)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    #[test]
    fn a_reset_is_a_reset_and_a_close_is_an_end() {
        for reset in [false, true] {
            let listener = listener();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            if reset {
                reset_on_close(&accepted).unwrap();
            }
            drop(accepted);
            match client.read(&mut [0]) {
                Ok(n) => assert!(n == 0 && !reset),
                Err(error) => assert!(error.kind() == io::ErrorKind::ConnectionReset && reset, "{error}"),
            }
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_knows_when_the_last_bytes_came() {
        let listener = listener();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        let pause = Duration::from_millis(60);
        std::thread::sleep(pause);
        let before = last_word(&client).unwrap().bytes;
        assert!(before >= pause / 2, "{before:?}");
        accepted.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        assert!(last_word(&client).unwrap().bytes < before);
        assert_eq!(last_word(io::pipe().unwrap().0), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn interfaces_have_numbers() {
        assert!(interface("lo").is_some());
        assert_eq!((interface("no such interface"), interface("a\0b"), interface("")), (None, None, None));
    }

    #[test]
    fn accepted_sockets_inherit_no_delay() {
        let listener = listener();
        set_no_delay(&listener).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
    }

    #[test]
    fn the_backlog_of_a_listening_socket_can_be_changed() {
        let listener = listener();
        set_backlog(&listener, 4096).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listener.accept().is_ok(), "it listens still");
        let (reader, _writer) = io::pipe().unwrap();
        assert!(set_backlog(&reader, 1).is_err(), "no socket, no backlog");
        assert!(reset_on_close(&reader).is_err());
    }
}
