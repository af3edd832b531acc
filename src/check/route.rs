//! The way to a target: straight, over a unix socket, or through an HTTP proxy.
//!
//! Only what the user wrote counts. `http_proxy` and its kin in the environment are not read: a health check that goes
//! another way than it did yesterday, because somebody set a variable, tells of another thing than it did yesterday. It
//! refuses to know how the way is gone: no sockets, no requests.

use std::rc::Rc;

use crate::proto::url::{Scheme, Url};

/// The longest path that a unix socket's address holds, in bytes: `sun_path` without its terminating zero.
pub const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The way to a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// To the URL's own host and port.
    #[default]
    Direct,
    /// To this unix socket, whatever host the URL names.
    Unix(Rc<str>),
    /// Through this proxy.
    Proxy(Rc<Proxy>),
}

/// An HTTP proxy that is itself spoken to in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    /// `name:password`, percent-decoded.
    user: Option<Box<[u8]>>,
}

impl Proxy {
    /// Reads `[http://][NAME:PASSWORD@]HOST:PORT`. The port must be written: programs disagree about what it is
    /// otherwise.
    ///
    /// # Errors
    /// What is wrong, in words without the password.
    pub fn parse(text: &str) -> Result<Proxy, String> {
        let (url, user) = Url::parse(text).map_err(|error| error.to_string())?;
        if url.scheme() != Scheme::Http {
            return Err("only a proxy that is spoken to in the clear is supported: http://HOST:PORT".to_owned());
        }
        if url.path() != "/" {
            return Err("a proxy has no path: http://HOST:PORT".to_owned());
        }
        let authority = text.strip_suffix('/').unwrap_or(text);
        let digits = authority.rsplit(':').next().unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err("a proxy needs its port: http://HOST:PORT".to_owned());
        }
        Ok(Proxy { url, user })
    }

    /// Where it is. Only host and port mean anything.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `name:password` for basic authentication with the proxy.
    pub fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
    }
}

/// Reads the path of a unix socket.
///
/// # Errors
/// Why there can be no such socket.
pub fn socket_path(text: &str) -> Result<Rc<str>, &'static str> {
    if text.is_empty() {
        Err("the path of the socket is empty")
    } else if text.len() > SOCKET_PATH_MAX {
        Err("the path of a socket has no more than 107 bytes (Linux; 103 elsewhere)")
    } else if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        Err("the path of a socket has no control characters")
    } else {
        Ok(text.into())
    }
}

/// Takes `unix:/path/to.sock[:/url/path]` apart, as nginx writes it: the socket's path, and the byte at which the URL's
/// path begins, if there is one. The first colon ends the socket's path. `None`: the text is not of this form; a host
/// may be called `unix`, but its port does not begin with a slash.
pub fn split_unix(text: &str) -> Option<(&str, Option<usize>)> {
    const PREFIX: &str = "unix:";
    let rest = text.strip_prefix(PREFIX).filter(|rest| rest.starts_with('/'))?;
    match rest.find(':') {
        Some(colon) => Some((&rest[..colon], Some(PREFIX.len() + colon + 1))),
        None => Some((rest, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port() {
        for text in ["http://p.example:3128", "p.example:3128", "HTTP://P.Example:3128/"] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!((proxy.url().host(), proxy.url().port(), proxy.user()), ("p.example", 3128, None), "{text}");
        }
        let proxy = Proxy::parse("http://me:p%40ss@[::1]:80").unwrap();
        assert_eq!((proxy.url().host(), proxy.url().port()), ("::1", 80));
        assert_eq!(proxy.user(), Some(&b"me:p@ss"[..]));
    }

    #[test]
    fn what_is_no_proxy() {
        let cases = [
            ("https://p:3128", "in the clear"),
            ("tcp://p:3128", "in the clear"),
            ("socks5://p:3128", "the scheme is not one of"),
            ("http://p:3128/x", "a proxy has no path"),
            ("http://p", "needs its port"),
            ("http://secret:1@p", "needs its port"),
            ("http://[::1]", "needs its port"),
            ("http://:3128", "the host is empty"),
            ("http://secret:%zz@p:1", "two hexadecimal digits"),
        ];
        for (text, why) in cases {
            let error = Proxy::parse(text).expect_err(text);
            assert!(error.contains(why) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_socket_path_fits_its_address() {
        assert_eq!(socket_path("/run/a b.sock").as_deref(), Ok("/run/a b.sock"));
        assert!(socket_path(&"x".repeat(SOCKET_PATH_MAX)).is_ok());
        for bad in ["", "/a\0b", "/a\nb", "/a\x7f", &"x".repeat(SOCKET_PATH_MAX + 1)] {
            assert!(socket_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_first_colon_ends_the_socket() {
        let cases = [
            ("unix:/run/a.sock:/x?y=http://z", Some(("/run/a.sock", Some(17)))),
            ("unix:/run/a.sock:", Some(("/run/a.sock", Some(17)))),
            ("unix:/run/a.sock", Some(("/run/a.sock", None))),
            ("unix:///run/a.sock", Some(("///run/a.sock", None))),
            ("unix:8080/health", None),
            ("unix:run/a.sock", None),
            ("unix", None),
            ("http://unix:/x", None),
            ("", None),
        ];
        for (text, parts) in cases {
            assert_eq!(split_unix(text), parts, "{text}");
        }
    }
}
