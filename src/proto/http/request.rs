//! A request, written as a client does (RFC 9112, 3; RFC 9110).
//!
//! Everything but the target is the same for many targets, so it is put together once, as a [`Template`]. This file refuses
//! to know how a request is read: see [`received`](super::received).

use std::fmt;
use std::rc::Rc;

use crate::proto::url::Url;

/// What this program calls itself.
pub const USER_AGENT: &str = concat!("upcheck/", env!("CARGO_PKG_VERSION"));

/// The longest body that is sent in one piece with the head.
const INLINE_BODY_MAX: usize = 16 * 1024;

/// Headers that are there unless they are set or removed.
const DEFAULTS: [(&str, &str); 4] = [
    ("User-Agent", USER_AGENT),
    ("Accept", "*/*"),
    // Without it every coding would be welcome (RFC 9110, 12.5.3), and none is understood.
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
];

/// One `-H` as curl reads it: `Name: value` sets, `Name;` sets to nothing, `Name:` removes a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: Box<str>,
    /// `None`: not to be sent.
    value: Option<Box<str>>,
    /// It goes along wherever a redirect leads, and not only to the origin that it was said for.
    everywhere: bool,
}

impl Field {
    /// Reads a header line as a user writes it.
    ///
    /// # Errors
    /// [`FieldError`] where sending it would break the request apart, or lie about its length.
    pub fn parse(line: &str) -> Result<Field, FieldError> {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, Some(value.trim_matches([' ', '\t'])).filter(|value| !value.is_empty())),
            None => (line.strip_suffix(';').ok_or(FieldError::NoColon)?, Some("")),
        };
        if !is_token(name) {
            return Err(FieldError::Name);
        }
        if value.is_some_and(|value| value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f)) {
            return Err(FieldError::Value);
        }
        if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(FieldError::Framing);
        }
        Ok(Field { name: name.into(), value: value.map(Into::into), everywhere: false })
    }

    /// `Connection:`, which leaves the `close` out that is there otherwise.
    pub fn no_connection() -> Field {
        Field { name: "Connection".into(), value: None, everywhere: true }
    }

    /// The same field, for every origin: it says something of this program and nothing to one server.
    pub fn everywhere(self) -> Field {
        Field { everywhere: true, ..self }
    }
}

/// Why a header line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// Neither `Name: value` nor `Name;`.
    NoColon,
    /// The name is not a token (RFC 9110, 5.6.2).
    Name,
    /// The value has a control character: a line end would start another header.
    Value,
    /// `Content-Length` or `Transfer-Encoding`, which follow from the body.
    Framing,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldError::NoColon => "a header is written 'Name: value'",
            FieldError::Name => "a header name has only letters, digits and !#$%&'*+-.^_`|~",
            FieldError::Value => "a header value has no control characters",
            FieldError::Framing => "Content-Length and Transfer-Encoding are set from the body",
        })
    }
}

/// Whether the text is a token: what method and header names are made of (RFC 9110, 5.6.2).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A request without its target.
#[derive(Debug)]
pub struct Template {
    method: Box<str>,
    body: Option<Rc<[u8]>>,
    /// For the origin that the user named.
    at_home: HeaderLines,
    /// For any other that a redirect leads to: what the user said of one origin is not told to the next. `None`: nothing was
    /// said that is not for all.
    elsewhere: Option<HeaderLines>,
}

/// The header lines of a request.
#[derive(Debug)]
struct HeaderLines {
    /// A `Host` of the user's own.
    host: Option<Box<str>>,
    authorized: bool,
    /// It says that the connection is to be closed behind the answer.
    closes: bool,
    /// It asks for another protocol.
    upgrades: bool,
    /// All other header lines, but for the next.
    fields: Vec<u8>,
    /// Those that belong to the body.
    body_fields: Vec<u8>,
}

impl HeaderLines {
    /// `body`: how long it is; `None`: there is none. `says_none`: then that is said, too.
    fn new(said: &[&Field], body: Option<usize>, says_none: bool) -> HeaderLines {
        // Room for the default ones and a few of the user's.
        let (mut lines, mut body_lines) = (Vec::with_capacity(192), Vec::new());
        let (mut host, mut authorized, mut closes, mut upgrades) = (None, false, false, false);
        let is_said = |name: &str| said.iter().any(|field| field.name.eq_ignore_ascii_case(name));
        for (name, value) in DEFAULTS {
            if !is_said(name) {
                push_field(&mut lines, name, value);
                closes |= name == "Connection";
            }
        }
        for Field { name, value, .. } in said {
            authorized |= name.eq_ignore_ascii_case("authorization");
            upgrades |= name.eq_ignore_ascii_case("upgrade") && value.is_some();
            closes |= name.eq_ignore_ascii_case("connection") && value.as_deref().is_some_and(says_close);
            match value {
                Some(value) if name.eq_ignore_ascii_case("host") => host = Some(value.clone()),
                Some(value) if is_one_of(name, OF_THE_BODY) => push_field(&mut body_lines, name, value),
                Some(value) => push_field(&mut lines, name, value),
                None => {}
            }
        }
        if body.is_some() && !is_said("content-type") {
            push_field(&mut body_lines, "Content-Type", "application/x-www-form-urlencoded");
        }
        if let Some(length) = body.or(says_none.then_some(0)) {
            push_field(&mut body_lines, "Content-Length", &length.to_string());
        }
        HeaderLines { host, authorized, closes, upgrades, fields: lines, body_fields: body_lines }
    }
}

/// What a redirect has made of a request (RFC 9110, 15.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// It has become a GET without a body.
    pub as_get: bool,
    /// It goes to another origin than it was meant for, and must not carry there what was said for that one.
    pub elsewhere: bool,
}

impl Template {
    /// Puts together what all requests of one kind share. `method` is a token. A body, even an empty one, is sent with
    /// its length. A body that a redirect takes along keeps the fields that describe it: without them it would be another.
    pub fn new(method: &str, fields: &[Field], body: Option<&Rc<[u8]>>) -> Template {
        let length = body.map(|body| body.len());
        // Their servers expect a body, and some ask for its length where there is none (RFC 9110, 8.6).
        let says_none = matches!(method, "POST" | "PUT" | "PATCH");
        let goes_along = |field: &&Field| field.everywhere || is_one_of(&field.name, OF_THE_BODY);
        let all: Vec<&Field> = fields.iter().collect();
        let elsewhere: Vec<&Field> = fields.iter().filter(goes_along).collect();
        Template {
            method: method.into(),
            body: body.cloned(),
            at_home: HeaderLines::new(&all, length, says_none),
            elsewhere: (elsewhere.len() < all.len()).then(|| HeaderLines::new(&elsewhere, length, says_none)),
        }
    }

    fn lines(&self, form: Form) -> &HeaderLines {
        self.elsewhere.as_ref().filter(|_| form.elsewhere).unwrap_or(&self.at_home)
    }

    /// Whether the answer will have no body, whatever its head says.
    pub fn is_head(&self) -> bool {
        &*self.method == "HEAD"
    }

    /// Whether the request says that the connection is to be closed behind the answer.
    pub fn closes(&self, form: Form) -> bool {
        self.lines(form).closes
    }

    /// Whether the request asks for another protocol, so that a 101 may be its answer.
    pub fn upgrades(&self, form: Form) -> bool {
        self.lines(form).upgrades
    }

    /// Whether it does no harm to make the request twice (RFC 9110, 9.2.2).
    pub fn is_idempotent(&self, form: Form) -> bool {
        form.as_get || matches!(&*self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
    }

    /// What a redirect with this status makes of the request: 303 asks for a GET, and so do 301 and 302 in answer to a
    /// POST, since that is what everybody does (RFC 9110, 15.4.2 to 15.4.4).
    pub fn becomes_get(&self, status: u16) -> bool {
        match status {
            303 => !matches!(&*self.method, "GET" | "HEAD"),
            301 | 302 => &*self.method == "POST",
            _ => false,
        }
    }

    /// Appends the request for `url` to `out`. `user` is `name:password` for basic authentication (RFC 7617); an
    /// `Authorization` of the user's own wins over it. `form`: what redirects have made of it.
    pub fn encode(&self, url: &Url, user: Option<&[u8]>, form: Form, out: &mut Vec<u8>) {
        self.push_start(url.path(), url, form, out);
        self.push_rest(user, form, out);
    }

    /// As [`encode`](Self::encode), for a proxy: the request line has the whole URL (RFC 9112, 3.2.2), and `proxy_user`
    /// is `name:password` for basic authentication with the proxy.
    pub fn encode_for_proxy(
        &self,
        url: &Url,
        user: Option<&[u8]>,
        form: Form,
        proxy_user: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        self.push_start(url.as_str(), url, form, out);
        push_basic("Proxy-Authorization", proxy_user, out);
        self.push_rest(user, form, out);
    }

    fn push_start(&self, target: &str, url: &Url, form: Form, out: &mut Vec<u8>) {
        let method = if form.as_get { "GET" } else { &*self.method };
        let host = self.lines(form).host.as_deref().unwrap_or(url.authority());
        for part in [method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    fn push_rest(&self, user: Option<&[u8]>, form: Form, out: &mut Vec<u8>) {
        let lines = self.lines(form);
        push_basic("Authorization", user.filter(|_| !lines.authorized), out);
        out.extend_from_slice(&lines.fields);
        if !form.as_get {
            out.extend_from_slice(&lines.body_fields);
        }
        out.extend_from_slice(b"\r\n");
        if !form.as_get && self.large_body().is_empty() {
            out.extend_from_slice(self.body());
        }
    }

    /// The body, where it is too large for every connection to have a copy of its own. Then it is no part of what
    /// [`encode`](Self::encode) gives, and is to be sent behind it, unless the request has become a GET.
    pub fn large_body(&self) -> &[u8] {
        if self.body().len() > INLINE_BODY_MAX { self.body() } else { &[] }
    }

    fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }
}

/// Appends the request that asks a proxy for a tunnel to the URL's host and port (RFC 9110, 9.3.6). `proxy_user` is
/// `name:password` for basic authentication with the proxy; nothing that is meant for the host stands in it.
pub fn encode_connect(url: &Url, proxy_user: Option<&[u8]>, out: &mut Vec<u8>) {
    let authority = authority_with_port(url);
    for part in ["CONNECT ", &authority, " HTTP/1.1\r\nHost: ", &authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    push_basic("Proxy-Authorization", proxy_user, out);
    push_field(out, "User-Agent", USER_AGENT);
    out.extend_from_slice(b"\r\n");
}

/// `HOST:PORT`, also where the port is the scheme's own.
pub fn authority_with_port(url: &Url) -> String {
    if url.scheme().default_port() == Some(url.port()) {
        format!("{}:{}", url.authority(), url.port())
    } else {
        url.authority().to_owned()
    }
}

/// A header for basic authentication (RFC 7617), if there is anybody to be.
fn push_basic(name: &str, user: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(user) = user else { return };
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": Basic ");
    push_base64(user, out);
    out.extend_from_slice(b"\r\n");
}

/// Whether a `Connection` field has the option `close`.
fn says_close(value: &str) -> bool {
    value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// Headers that describe a body.
const OF_THE_BODY: &[&str] = &["Content-Type", "Content-Encoding", "Content-Language", "Content-Location"];

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn push_field(lines: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        lines.extend_from_slice(part.as_bytes());
    }
}

/// RFC 4648, 4.
fn push_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= group.len() { digit } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests;
