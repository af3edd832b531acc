//! The head of a request, read as a server does (RFC 9112).
//!
//! It refuses whatever two readers could take for different things, and refuses to know what is answered.

use std::net::Ipv6Addr;

use super::{HEAD_MAX, HEADERS_MAX, head_end};

/// What a server needs of a request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, in the client's own case.
    pub method: String,
    /// The request target: path and query.
    pub target: String,
    /// The client will send another request on this connection if the answer lets it (RFC 9112, 9.3).
    pub keep_alive: bool,
    /// How many bytes of body follow.
    pub body_bytes: u64,
    /// How many bytes the head took.
    pub used: usize,
}

/// Why a request is refused: the status to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub u16);

impl RequestHead {
    /// Reads a request head from the start of `bytes`; `None` until all of it is there. Where two readers could differ
    /// over where the request ends or whom it is for, it is refused: what stands behind it might be taken for another.
    ///
    /// # Errors
    /// [`Refused`]: 400 for what cannot be read or is ambiguous, 431 for a head that is too large, 501 for a request body
    /// in the chunked coding. Nothing can be read behind either.
    pub fn parse(bytes: &[u8]) -> Result<Option<RequestHead>, Refused> {
        if bytes.len() > HEAD_MAX {
            return Err(Refused(431));
        }
        if head_end(bytes, 0).is_none() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let used = match request.parse(bytes) {
            Ok(httparse::Status::Complete(used)) => used,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Refused(431)),
            // Among it folded lines, and white space before a colon or before the first field (RFC 9112, 2.2, 5.1, 5.2).
            Err(_) => return Err(Refused(400)),
        };
        let is_old = request.version == Some(0);
        if has_bare_cr(&bytes[..used]) || !names_one_host(request.headers, is_old) {
            return Err(Refused(400));
        }
        Ok(Some(RequestHead {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            keep_alive: keeps_alive(request.headers, is_old),
            body_bytes: body_bytes(request.headers, is_old)?,
            used,
        }))
    }
}

/// The values of all fields of this name.
fn values<'a>(headers: &'a [httparse::Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let of_name = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    of_name.map(|header| header.value.trim_ascii())
}

/// Whether a CR stands anywhere but before its LF (RFC 9112, 2.2): some take it for the end of a line.
fn has_bare_cr(head: &[u8]) -> bool {
    head.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
}

/// Whether it is said for whom the request is, and once (RFC 9112, 3.2). HTTP/1.0 need not say it.
fn names_one_host(headers: &[httparse::Header<'_>], is_old: bool) -> bool {
    let mut hosts = values(headers, "host");
    match (hosts.next(), hosts.next()) {
        (None, _) => is_old,
        (Some(host), None) => is_host_field(host),
        (Some(_), Some(_)) => false,
    }
}

/// Whether it is `HOST[:PORT]` (RFC 9110, 7.2). An http URL without a host is none (RFC 9110, 4.2.1), so there must be
/// one; the port may be left empty.
fn is_host_field(field: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(field) else { return false };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    let is_port = port.is_empty() || port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_reg_name(host.as_bytes()),
    };
    is_port && is_host
}

/// Whether it is a name as a URL may have it (RFC 3986, 3.2.2), and not empty.
fn is_reg_name(name: &[u8]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    let mut rest = name;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => behind,
            _ if is_plain(byte) => behind,
            _ => return false,
        };
    }
    !name.is_empty()
}

/// Whether the connection is to stay open behind the answer (RFC 9112, 9.3).
fn keeps_alive(headers: &[httparse::Header<'_>], is_old: bool) -> bool {
    let says = |wanted: &[u8]| {
        let mut options = values(headers, "connection").flat_map(|value| value.split(|&b| b == b','));
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(wanted))
    };
    !says(b"close") && (!is_old || says(b"keep-alive"))
}

/// How many bytes of body follow, if there is but one way to read that (RFC 9112, 6.3).
fn body_bytes(headers: &[httparse::Header<'_>], is_old: bool) -> Result<u64, Refused> {
    let mut lengths = values(headers, "content-length");
    let length = lengths.next();
    // Two that agree may be taken for one, or refused (RFC 9110, 8.6): whoever says it twice has lost count.
    if lengths.next().is_some() {
        return Err(Refused(400));
    }
    let mut codings = values(headers, "transfer-encoding").flat_map(|value| value.split(|&b| b == b','));
    let is_chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    let Some(first) = codings.next() else {
        return length.map_or(Ok(0), |length| number(length).ok_or(Refused(400)));
    };
    let (last, chunked) = codings.fold((first, usize::from(is_chunked(first))), |(_, chunked), coding| {
        (coding, chunked + usize::from(is_chunked(coding)))
    });
    // Only a last coding that is chunked tells where the body ends, and HTTP/1.0 has no codings (RFC 9112, 6.1).
    if is_old || length.is_some() || chunked != 1 || !is_chunked(last) { Err(Refused(400)) } else { Err(Refused(501)) }
}

/// Digits and nothing else: `parse` alone would take a sign.
fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::request::{Form, Template};
    use crate::proto::url::Url;

    #[test]
    fn a_server_reads_what_a_client_writes() {
        let (url, _) = Url::parse("http://h/x").unwrap();
        let mut text = Vec::new();
        let template = Template::new("POST", &[], Some(&(*b"body").into()));
        template.encode(&url, None, Form::default(), &mut text);
        let head = RequestHead::parse(&text).unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str(), head.keep_alive), ("POST", "/x", false));
        assert_eq!((head.body_bytes, head.used), (4, text.len() - 4));
        for length in 0..head.used {
            assert_eq!(RequestHead::parse(&text[..length]), Ok(None), "{length}");
        }
    }

    #[test]
    fn connections_are_kept_as_their_version_says() {
        let cases = [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nConnection: x,close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", false),
        ];
        for (text, keep_alive) in cases {
            assert_eq!(RequestHead::parse(text.as_bytes()).unwrap().unwrap().keep_alive, keep_alive, "{text}");
        }
    }

    #[test]
    fn requests_that_are_refused() {
        let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(HEAD_MAX));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX + 1));
        for (text, status) in [("\0\r\n\r\n", 400), (large.as_str(), 431), (many.as_str(), 431)] {
            assert_eq!(RequestHead::parse(text.as_bytes()), Err(Refused(status)));
        }
    }

    /// What is made of a POST with these fields beside its Host.
    fn framing(version: &str, fields: &str) -> Result<u64, u16> {
        let text = format!("POST / HTTP/{version}\r\nHost: h\r\n{fields}\r\n");
        let head = RequestHead::parse(text.as_bytes()).map_err(|Refused(status)| status)?;
        Ok(head.expect("it is all there").body_bytes)
    }

    #[test]
    fn a_length_that_is_not_clear_is_refused() {
        let cases = [
            ("", Ok(0)),
            ("Content-Length: 30\r\n", Ok(30)),
            ("content-length:\t007 \r\n", Ok(7)),
            ("Content-Length: 18446744073709551615\r\n", Ok(u64::MAX)),
            ("Content-Length: 18446744073709551616\r\n", Err(400)),
            ("Content-Length: 30\r\nContent-Length: 0\r\n", Err(400)),
            ("Content-Length: 30\r\nX: y\r\nCONTENT-LENGTH: 30\r\n", Err(400)),
            ("Content-Length: 30, 30\r\n", Err(400)),
            ("Content-Length: 30,\r\n", Err(400)),
            ("Content-Length:\r\n", Err(400)),
            ("Content-Length: +1\r\n", Err(400)),
            ("Content-Length: -1\r\n", Err(400)),
            ("Content-Length: 0x10\r\n", Err(400)),
            ("Content-Length: 1 0\r\n", Err(400)),
            ("Content-Length: 1\u{a0}\r\n", Err(400)),
            ("Content-Length: \u{661}\r\n", Err(400)),
        ];
        for (fields, expected) in cases {
            assert_eq!(framing("1.1", fields), expected, "{fields:?}");
            assert_eq!(framing("1.0", fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_coding_that_does_not_tell_the_end_is_refused() {
        let cases = [
            ("Transfer-Encoding: chunked\r\n", 501),
            ("Transfer-Encoding: CHUNKED\r\n", 501),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501),
            ("Transfer-Encoding: gzip\r\n", 400),
            ("Transfer-Encoding: identity\r\n", 400),
            ("Transfer-Encoding: xchunked\r\n", 400),
            ("Transfer-Encoding: chunked;q=1\r\n", 400),
            ("Transfer-Encoding: \"chunked\"\r\n", 400),
            ("Transfer-Encoding: chunked, identity\r\n", 400),
            ("Transfer-Encoding: chunked, chunked\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding:\r\n", 400),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n", 400),
        ];
        for (fields, status) in cases {
            assert_eq!(framing("1.1", fields), Err(status), "{fields:?}");
            assert_eq!(framing("1.0", fields), Err(400), "there are none in HTTP/1.0: {fields:?}");
        }
    }

    #[test]
    fn lines_that_are_not_clear_are_refused() {
        let cases = [
            "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
            "GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\t: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX: a\rContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n",
            "GET / HTTP/1.1\rHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n",
            "GET /\r HTTP/1.1\r\nHost: h\r\n\r\n",
            "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / x HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
            "GET /\r\nHost: h\r\n\r\n",
            "GET/ HTTP/1.1\r\nHost: h\r\n\r\n",
        ];
        for text in cases {
            assert_eq!(RequestHead::parse(text.as_bytes()), Err(Refused(400)), "{text:?}");
        }
        // An empty line may stand before a request, and a lone LF may end any (RFC 9112, 2.2).
        for text in ["\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n"] {
            assert!(matches!(RequestHead::parse(text.as_bytes()), Ok(Some(_))), "{text:?}");
        }
    }

    #[test]
    fn a_request_is_for_one_host() {
        let parse = |version: &str, fields: &str| {
            RequestHead::parse(format!("GET / HTTP/{version}\r\n{fields}\r\n").as_bytes()).map(|head| head.is_some())
        };
        assert_eq!((parse("1.1", ""), parse("1.0", "")), (Err(Refused(400)), Ok(true)));
        let good =
            ["h", "h:8080", "h:", "H.Example.", "a_b", "%41", "10.0.0.7:80", "[::1]", "[2001:db8::1]:81", "h:65535"];
        for host in good {
            assert_eq!(parse("1.1", &format!("Host: {host}\r\n")), Ok(true), "{host}");
        }
        let bad = [
            "",
            ":80",
            "a b",
            "a, b",
            "h/",
            "http://h",
            "me@h",
            "me:pw@h",
            "a:b",
            "h:-1",
            "h:65536",
            "h:80:80",
            "[::1",
            "::1",
            "[::g]",
            "[::1]x",
            "[fe80::1%eth0]",
            "%4",
            "%zz",
            "h?",
            "h#",
            "h\\",
            "<h>",
            "\u{fc}",
            "\"h\"",
        ];
        for host in bad {
            for version in ["1.0", "1.1"] {
                assert_eq!(parse(version, &format!("Host: {host}\r\n")), Err(Refused(400)), "{host:?}");
            }
        }
        for fields in ["Host: h\r\nHost: h\r\n", "Host: a\r\nX: y\r\nhost: b\r\n", "Host:\r\nHost: h\r\n"] {
            for version in ["1.0", "1.1"] {
                assert_eq!(parse(version, fields), Err(Refused(400)), "{fields:?}");
            }
        }
    }
}
