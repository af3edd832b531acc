//! URLs as this program uses them (RFC 3986): where to connect, what to ask for, and the forms that a protocol wants.
//!
//! Stricter than a browser: a target that needs guessing is refused with the place and the reason, because a health
//! checker that repairs its input ends up checking something that nobody wrote. It does not resolve names and does not
//! percent-decode paths.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The longest URL that is taken, in bytes.
pub const URL_MAX: usize = 8 * 1024;

/// The longest host name, and the longest label in one (RFC 1035, 2.3.4), in bytes.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// What to speak once connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP/1.1 in the clear.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// Nothing of its own: what is said and expected over the connection is the user's.
    Tcp,
    /// The same over TLS.
    Tls,
}

impl Scheme {
    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Tcp => "tcp",
            Scheme::Tls => "tls",
        }
    }

    /// What a URL of this scheme begins with.
    fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
            Scheme::Tcp => "tcp://",
            Scheme::Tls => "tls://",
        }
    }

    /// The port that need not be written.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Scheme::Http => Some(80),
            Scheme::Https => Some(443),
            Scheme::Tcp | Scheme::Tls => None,
        }
    }

    /// Whether HTTP is spoken, so that there is a path to ask for.
    pub fn is_http(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Https)
    }

    /// Whether that stands behind a TLS handshake.
    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Https | Scheme::Tls)
    }
}

/// A parsed URL in its normal form: scheme written out, host in lower case, default port, user info and fragment left
/// out.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    text: Box<str>,
    scheme: Scheme,
    literal: Option<IpAddr>,
    port: u16,
    // Offsets into `text`. Three bytes for each one of URL_MAX, when all of them had to be percent-encoded, still fit
    // 16 bits.
    host_end: u16,
    path: u16,
}

/// A URL, and the `user:password` that stood in it, percent-decoded. They travel apart so that the URL can be printed.
pub type UrlAndUser = (Url, Option<Box<[u8]>>);

impl Url {
    /// Reads a URL. Without a scheme it is `http://`.
    ///
    /// # Errors
    /// [`UrlError`]: what is wrong, and at which byte of `text`.
    pub fn parse(text: &str) -> Result<UrlAndUser, UrlError> {
        if text.len() > URL_MAX {
            return Err(UrlError::new(URL_MAX, UrlProblem::TooLong));
        }
        // Without an early end the compiler looks at 16 bytes at a time, and nearly every URL is a plain one: printable
        // ASCII without a fragment.
        let is_plain = text.bytes().fold(true, |plain, b| plain & b.is_ascii_graphic() & (b != b'#'));
        if !is_plain && let Some(at) = text.bytes().position(|b| b.is_ascii_control() || b == b' ') {
            return Err(UrlError::new(at, UrlProblem::Control));
        }
        if !is_plain && let Some((at, c)) = invisible(text) {
            return Err(UrlError::new(at, UrlProblem::Invisible(Invisible(c))));
        }
        let (scheme, authority_at) = split_scheme(text)?;
        let (user, host_and_port, colon, tail) = split_authority(&text[authority_at..]);
        let host_at = authority_at + user.map_or(0, |user| user.len() + 1);
        let user = user.map(|user| decoded_user(user, authority_at)).transpose()?;
        let (host, digits) = split_port(host_and_port, colon, host_at)?;
        let port = match (digits, scheme.default_port()) {
            (Some(digits), _) => parse_port(digits).ok_or(UrlError::new(host_at + host.len(), UrlProblem::Port))?,
            (None, Some(port)) => port,
            (None, None) => return Err(UrlError::new(host_at + host.len(), UrlProblem::NoPort)),
        };
        let literal = check_host(host, host_at)?;
        let path = if is_plain { tail } else { tail.split('#').next().unwrap_or_default() };
        if !scheme.is_http() && !matches!(path, "" | "/") {
            return Err(UrlError::new(host_at + host_and_port.len(), UrlProblem::PathOnTcp));
        }
        let digits = digits.filter(|_| scheme.default_port() != Some(port));
        // Nearly every URL stands in its normal form, but for capital letters, and is copied in one piece.
        let is_normal = is_plain
            && authority_at == scheme.prefix().len()
            && user.is_none()
            && !matches!(literal, Some(IpAddr::V6(_)))
            && digits.map_or(host.len() == host_and_port.len(), |digits| !digits.starts_with('0'))
            && path.starts_with('/')
            && scheme.is_http();
        let (mut text, host_end, path_at) = match is_normal {
            true => (text.into(), host_at + host.len(), host_at + host_and_port.len()),
            false => normal_form(scheme, host, literal, digits, path),
        };
        text[..host_end].make_ascii_lowercase();
        let (host_end, path) = (host_end as u16, path_at as u16);
        Ok((Url { text, scheme, literal, port, host_end, path }, user))
    }

    /// The URL that a reference means which stands in a response from this one (RFC 3986, 5.2): absolute, `//host/x`,
    /// `/x`, `x`, `../x`, `?x`, or nothing at all. As clients do, bytes beyond ASCII and spaces in it are
    /// percent-encoded.
    ///
    /// # Errors
    /// What is wrong with the result, at which byte of it.
    pub fn join(&self, reference: &[u8]) -> Result<UrlAndUser, UrlError> {
        let mut text = String::with_capacity(reference.len());
        let until_fragment = reference.iter().take_while(|&&b| b != b'#');
        for &byte in until_fragment.take(URL_MAX + 1) {
            match byte {
                b' ' | 0x80.. => push_encoded(&mut text, byte),
                byte => text.push(byte as char),
            }
        }
        let origin = &self.text[..self.path as usize];
        let path_len = self.path().find('?').unwrap_or(self.path().len());
        let path = &self.path()[..path_len];
        if let Some(scheme) = scheme_of(&text) {
            // "mailto:me" and "http:x" have a scheme and no authority: nothing to connect to.
            return match text[scheme.len()..].starts_with("://") {
                true => Url::parse(&text),
                false => Err(UrlError::new(0, UrlProblem::Scheme)),
            };
        }
        // What has no scheme must not look as if it had one (RFC 3986, 4.2): " http://h/" is meant otherwise than it reads.
        if text.split(['/', '?']).next().is_some_and(|segment| segment.contains(':')) {
            return Err(UrlError::new(0, UrlProblem::Scheme));
        }
        // Where a browser takes a backslash for a slash it goes to another host than we would.
        let mut slashes = text.bytes().take_while(|b| matches!(b, b'/' | b'\\')).take(2);
        if slashes.clone().count() == 2 && slashes.any(|b| b == b'\\') {
            return Err(UrlError::new(0, UrlProblem::Backslash));
        }
        match text.as_bytes() {
            [b'/', b'/', ..] => Url::parse(&format!("{}:{text}", self.scheme.as_str())),
            [b'/', ..] => Url::parse(&format!("{origin}{}", remove_dot_segments(&text))),
            [b'?', ..] => Url::parse(&format!("{origin}{path}{text}")),
            [] => Ok((self.clone(), None)),
            _ => {
                let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
                Url::parse(&format!("{origin}{}", remove_dot_segments(&format!("{folder}{text}"))))
            }
        }
    }

    /// Whether both have the same scheme, host and port (RFC 6454): who may see what is secret.
    pub fn is_same_origin(&self, other: &Url) -> bool {
        (self.scheme, self.host(), self.port) == (other.scheme, other.host(), other.port)
    }

    /// The whole URL: no user info, no fragment, printable ASCII only.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme: what is spoken, and whether behind TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host without brackets, in lower case: what a resolver looks up and what TLS is told to expect (SNI, RFC
    /// 6066).
    pub fn host(&self) -> &str {
        let host = &self.text[self.host_at()..self.host_end as usize];
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The host's address, where it is written as one.
    pub fn literal(&self) -> Option<IpAddr> {
        self.literal
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the `Host` header wants them (RFC 9110, 7.2): brackets around IPv6, no default port.
    pub fn authority(&self) -> &str {
        &self.text[self.host_at()..self.path as usize]
    }

    /// Path and query as the request line wants them (RFC 9112, 3.2.1): never empty. Empty for `tcp://`.
    pub fn path(&self) -> &str {
        &self.text[self.path as usize..]
    }

    fn host_at(&self) -> usize {
        self.scheme.prefix().len()
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a URL that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlError {
    /// The byte of the text at which it went wrong.
    pub at: usize,
    /// What is wrong there.
    pub problem: UrlProblem,
}

impl UrlError {
    fn new(at: usize, problem: UrlProblem) -> UrlError {
        UrlError { at, problem }
    }
}

/// What can be wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlProblem {
    /// More than [`URL_MAX`] bytes.
    TooLong,
    /// A control character or a space.
    Control,
    /// A scheme other than `http`, `https`, `tcp`.
    Scheme,
    /// A character that nobody can see.
    Invisible(Invisible),
    /// Nothing where the host should be.
    EmptyHost,
    /// A character that no host name has.
    HostCharacter,
    /// A host that is not ASCII.
    HostNotAscii,
    /// A name or a label that DNS could not carry, or an empty label.
    HostLength,
    /// Ends in a number, so it must be an IPv4 address, and is not one.
    Ipv4,
    /// What stands in brackets is not an IPv6 address.
    Ipv6,
    /// An IPv6 address with a zone.
    Zone,
    /// A port that is not a number from 1 to 65535.
    Port,
    /// `tcp://` without a port.
    NoPort,
    /// `tcp://` with a path.
    PathOnTcp,
    /// A reference that begins with two slashes, one of them a backslash.
    Backslash,
    /// A `%` in the user info without two hexadecimal digits behind it, or one that makes a control character.
    UserEncoding,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.problem {
            UrlProblem::Invisible(hidden) => return hidden.fmt(f),
            UrlProblem::TooLong => "the URL is longer than 8 KiB",
            UrlProblem::Control => "a URL has no spaces and no control characters (write a space as %20)",
            UrlProblem::Scheme => "the scheme is not one of http, https, tcp, tls",
            UrlProblem::EmptyHost => "the host is empty",
            UrlProblem::HostCharacter => "a host name has only letters, digits, '-', '_' and '.'",
            UrlProblem::HostNotAscii => "the host is not ASCII: write it in its punycode form (xn--...)",
            UrlProblem::HostLength => "a host name has up to 253 bytes, in labels of 1 to 63 between its dots",
            UrlProblem::Ipv4 => "a host that ends in a number must be an IPv4 address such as 192.0.2.1",
            UrlProblem::Ipv6 => "what stands in [brackets] must be an IPv6 address such as [2001:db8::1]",
            UrlProblem::Zone => "an IPv6 zone (%eth0) means something on one machine only and is not supported",
            UrlProblem::Port => "the port must be a number from 1 to 65535",
            UrlProblem::NoPort => "tcp:// needs a port: tcp://HOST:PORT",
            UrlProblem::PathOnTcp => "tcp:// and tls:// have no path",
            UrlProblem::Backslash => "two slashes begin a host, and a backslash is none",
            UrlProblem::UserEncoding => {
                "'%' in user:password must be followed by two hexadecimal digits of a printable byte"
            }
        })
    }
}

impl std::error::Error for UrlError {}

/// The scheme, and where the authority starts.
fn split_scheme(text: &str) -> Result<(Scheme, usize), UrlError> {
    for scheme in [Scheme::Http, Scheme::Https, Scheme::Tcp, Scheme::Tls] {
        let prefix = scheme.prefix();
        // The first of the two is the quick one, and nearly always true.
        let is_prefix = |start: &str| start == prefix || start.eq_ignore_ascii_case(prefix);
        if text.get(..prefix.len()).is_some_and(is_prefix) {
            return Ok((scheme, prefix.len()));
        }
    }
    let colon = text.bytes().position(|b| matches!(b, b':' | b'/' | b'?' | b'#')).unwrap_or(text.len());
    match text[colon..].starts_with("://") {
        true => Err(UrlError::new(0, UrlProblem::Scheme)),
        false => Ok((Scheme::Http, 0)),
    }
}

/// The user info, the rest of the authority with the place of the first colon in it, and what follows (RFC 3986, 3.2).
fn split_authority(rest: &str) -> (Option<&str>, &str, Option<usize>, &str) {
    let (mut end, mut user_end, mut colon) = (rest.len(), None, None);
    for (index, byte) in rest.bytes().enumerate() {
        match byte {
            b'/' | b'?' | b'#' => {
                end = index;
                break;
            }
            b'@' => (user_end, colon) = (Some(index), None),
            b':' => colon = colon.or(Some(index)),
            _ => {}
        }
    }
    let (authority, tail) = rest.split_at(end);
    match user_end {
        Some(at) => (Some(&authority[..at]), &authority[at + 1..], colon.map(|colon| colon - at - 1), tail),
        None => (None, authority, colon, tail),
    }
}

/// The first character that [nobody can see](is_invisible).
pub fn invisible(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|(_, c)| is_invisible(*c))
}

/// Whether nobody can see it: white space of any alphabet but ASCII's own, and what has no width or only turns the text
/// around. It comes with what is copied from a page or a chat, and nobody means it.
pub fn is_invisible(c: char) -> bool {
    let is_hidden = |c: char| {
        matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
    };
    !c.is_ascii() && (c.is_whitespace() || c.is_control() || is_hidden(c))
}

/// A character that nobody can see, for a person: `no-break space (U+00A0)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invisible(pub char);

impl fmt::Display for Invisible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            '\u{85}' => "next line",
            '\u{a0}' => "no-break space",
            '\u{ad}' => "soft hyphen",
            '\u{200b}' => "zero width space",
            '\u{200c}' | '\u{200d}' => "zero width joiner",
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                "mark of a writing direction"
            }
            '\u{2028}' => "line separator",
            '\u{2029}' => "paragraph separator",
            '\u{202f}' => "narrow no-break space",
            '\u{2060}' => "word joiner",
            '\u{3000}' => "ideographic space",
            '\u{feff}' => "byte order mark",
            c if c.is_whitespace() => "white space",
            _ => "invisible character",
        };
        write!(f, "{name} (U+{:04X}), which nobody can see", u32::from(self.0))
    }
}

/// Where in a URL the user info stands, without its `@`, if it has one.
pub fn user_info(text: &str) -> Option<Range<usize>> {
    let (_, authority_at) = split_scheme(text).ok()?;
    let (user, ..) = split_authority(&text[authority_at..]);
    user.map(|user| authority_at..authority_at + user.len())
}

/// Takes `HOST[:PORT]` apart. The host keeps its brackets.
fn split_port(authority: &str, colon: Option<usize>, at: usize) -> Result<(&str, Option<&str>), UrlError> {
    let host_len = if authority.starts_with('[') {
        authority.find(']').ok_or(UrlError::new(at, UrlProblem::Ipv6))? + 1
    } else {
        colon.unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_len);
    match rest.strip_prefix(':') {
        Some(digits) => Ok((host, Some(digits))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(UrlError::new(at + host_len, UrlProblem::Port)),
    }
}

/// Up to five digits, from 1 to 65535.
fn parse_port(digits: &str) -> Option<u16> {
    if digits.len() > 5 {
        return None;
    }
    let port = digits.bytes().try_fold(0u32, |port, b| b.is_ascii_digit().then(|| port * 10 + u32::from(b - b'0')))?;
    u16::try_from(port).ok().filter(|&port| port != 0)
}

/// Whether this can be a host; its address where it is written as one.
fn check_host(host: &str, at: usize) -> Result<Option<IpAddr>, UrlError> {
    if host.is_empty() {
        return Err(UrlError::new(at, UrlProblem::EmptyHost));
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        if inner.contains('%') {
            return Err(UrlError::new(at, UrlProblem::Zone));
        }
        let address: Ipv6Addr = inner.parse().map_err(|_| UrlError::new(at, UrlProblem::Ipv6))?;
        return Ok(Some(IpAddr::V6(address)));
    }
    if let Some(address) = ipv4(host) {
        return Ok(Some(IpAddr::V4(address)));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let mut last = 0;
    let mut is_too_long = name.len() > NAME_MAX;
    let has_length = |label: usize| (1..=LABEL_MAX).contains(&label);
    for (offset, byte) in name.bytes().enumerate() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => {}
            b'.' => {
                is_too_long |= !has_length(offset - last);
                last = offset + 1;
            }
            _ if host.is_ascii() => return Err(UrlError::new(at + offset, UrlProblem::HostCharacter)),
            _ => return Err(UrlError::new(at + offset, UrlProblem::HostNotAscii)),
        }
    }
    // "Ends in a number" is how the URL standard tells an address from a name: 10.1 and 0x7f.1 are no names, and what
    // inet_aton makes of them is nobody's intention.
    let last = &name.as_bytes()[last..];
    if is_too_long || !has_length(last.len()) {
        return Err(UrlError::new(at, UrlProblem::HostLength));
    }
    let is_number = last.iter().all(u8::is_ascii_digit)
        || matches!(last, [b'0', b'x' | b'X', hex @ ..] if hex.iter().all(u8::is_ascii_hexdigit));
    if is_number { Err(UrlError::new(at, UrlProblem::Ipv4)) } else { Ok(None) }
}

/// Four numbers up to 255 with dots between them, without leading zeros, which some would read as octal. What std's own
/// parser takes, in a third of the time: most targets of long lists are addresses.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let (mut octets, mut index, mut octet, mut digits) = ([0; 4], 0, 0u16, 0);
    for byte in host.bytes() {
        match byte {
            b'0'..=b'9' if digits == 0 || digits < 3 && octet > 0 => {
                octet = octet * 10 + u16::from(byte - b'0');
                digits += 1;
            }
            b'.' if index < 3 && digits > 0 => {
                octets[index] = u8::try_from(octet).ok()?;
                (index, octet, digits) = (index + 1, 0, 0);
            }
            _ => return None,
        }
    }
    octets[3] = u8::try_from(octet).ok()?;
    (index == 3 && digits > 0).then(|| Ipv4Addr::from(octets))
}

/// A reference that came from somebody else, as it may be shown: where a user and password stand there is `***`.
///
/// Of one that cannot be read as a URL nobody knows where its authority ends, or whether it has one: from where one could
/// begin, everything up to the last `@` is taken for user info. So a password with a slash in it is not shown either, and
/// now and then a path is left out that could have been.
pub fn without_user(reference: &[u8]) -> Cow<'_, [u8]> {
    let after_slashes = |from: usize| from + reference[from..].iter().take_while(|b| matches!(b, b'/' | b'\\')).count();
    let scheme = reference.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
    // What stands before a colon is a scheme only if slashes follow: "me:secret@h" has none.
    let user_at = match reference.get(scheme) {
        Some(b':') if after_slashes(scheme + 1) > scheme + 1 => after_slashes(scheme + 1),
        _ => after_slashes(0),
    };
    let end = match Url::parse("http://h/").and_then(|(base, _)| base.join(reference)) {
        Ok((_, None)) => return Cow::Borrowed(reference),
        Ok((_, Some(_))) => user_at + authority_len(&reference[user_at..]),
        Err(_) => reference.len(),
    };
    match reference[user_at..end].iter().rposition(|&b| b == b'@') {
        Some(user_len) => Cow::Owned([&reference[..user_at], b"***", &reference[user_at + user_len..]].concat()),
        None => Cow::Borrowed(reference),
    }
}

/// How far the authority reaches that begins here (RFC 3986, 3.2).
fn authority_len(rest: &[u8]) -> usize {
    rest.iter().take_while(|b| !matches!(b, b'/' | b'?' | b'#')).count()
}

/// Puts the normal form together, but for its small letters; says where the host in it ends and where the path begins.
/// `host` is checked; brackets belong to it. `digits` are the port's, where it must be written.
fn normal_form(
    scheme: Scheme,
    host: &str,
    literal: Option<IpAddr>,
    digits: Option<&str>,
    path: &str,
) -> (Box<str>, usize, usize) {
    let host = match literal {
        Some(IpAddr::V6(address)) => Cow::Owned(format!("[{address}]")),
        _ => Cow::Borrowed(host),
    };
    let (colon, digits) = digits.map_or(("", ""), |digits| (":", digits.trim_start_matches('0')));
    let slash = if !scheme.is_http() || path.starts_with('/') { "" } else { "/" };
    let path = if scheme.is_http() { encoded(path) } else { Cow::Borrowed("") };
    let host_end = scheme.prefix().len() + host.len();
    let path_at = host_end + colon.len() + digits.len();
    ([scheme.prefix(), &host, colon, digits, slash, &path].concat().into(), host_end, path_at)
}

/// Bytes beyond ASCII are percent-encoded, as every HTTP client sends them; all else is left as it was written.
fn encoded(path: &str) -> Cow<'_, str> {
    if path.is_ascii() {
        return Cow::Borrowed(path);
    }
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii() {
            text.push(byte as char);
        } else {
            push_encoded(&mut text, byte);
        }
    }
    Cow::Owned(text)
}

fn push_encoded(text: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(HEX[(byte >> 4) as usize] as char);
    text.push(HEX[(byte & 15) as usize] as char);
}

/// The scheme that a reference begins with, if it has one (RFC 3986, 3.1).
fn scheme_of(reference: &str) -> Option<&str> {
    let (scheme, _) = reference.split_once(':')?;
    let is_one = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_one.then_some(scheme)
}

/// Takes `.` and `..` out of a path that begins with a slash (RFC 3986, 5.2.4); the query stays as it is.
fn remove_dot_segments(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

/// The user info decoded, as `name:password`. A name alone has an empty password (RFC 7617, 2).
fn decoded_user(text: &str, at: usize) -> Result<Box<[u8]>, UrlError> {
    let mut out = Vec::with_capacity(text.len() + 1);
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let byte = if bytes[i] == b'%' {
            let digit = |offset: usize| bytes.get(i + offset).and_then(|b| (*b as char).to_digit(16));
            let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                return Err(UrlError::new(at + i, UrlProblem::UserEncoding));
            };
            i += 3;
            (high * 16 + low) as u8
        } else {
            i += 1;
            bytes[i - 1]
        };
        // RFC 7617, 2: user-id and password must not contain any control characters.
        if byte < b' ' || byte == 0x7f {
            return Err(UrlError::new(at + i.saturating_sub(3), UrlProblem::UserEncoding));
        }
        out.push(byte);
    }
    if !text.contains(':') {
        out.push(b':');
    }
    Ok(out.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_std_reads_them() {
        let octets = ["0", "1", "9", "10", "99", "100", "199", "255", "256", "300", "00", "01", "1000", "", "a", "-1"];
        for a in octets {
            for b in octets {
                for text in
                    [format!("{a}.{b}.{a}.{b}"), format!("1.2.{a}.{b}"), format!("{a}.{b}.1"), format!("{a}.0.0.{b}.1")]
                {
                    assert_eq!(ipv4(&text), text.parse().ok(), "{text}");
                }
            }
        }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).0
    }

    #[test]
    fn the_parts_of_a_url() {
        let cases = [
            (
                "http://example.com/health?x=1#frag",
                "http://example.com/health?x=1",
                "example.com",
                80,
                "example.com",
                "/health?x=1",
            ),
            ("10.0.0.7:8080/healthz", "http://10.0.0.7:8080/healthz", "10.0.0.7", 8080, "10.0.0.7:8080", "/healthz"),
            ("HTTPS://API.Example.COM", "https://api.example.com/", "api.example.com", 443, "api.example.com", "/"),
            ("https://h:443/a", "https://h/a", "h", 443, "h", "/a"),
            ("http://h:443?q", "http://h:443/?q", "h", 443, "h:443", "/?q"),
            ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/", "2001:db8::1", 81, "[2001:db8::1]:81", "/"),
            (
                "tcp://redis.internal:6379",
                "tcp://redis.internal:6379",
                "redis.internal",
                6379,
                "redis.internal:6379",
                "",
            ),
            ("localhost:1#f", "http://localhost:1/", "localhost", 1, "localhost:1", "/"),
            ("http://a_b.example./", "http://a_b.example./", "a_b.example.", 80, "a_b.example.", "/"),
            ("h/http://other", "http://h/http://other", "h", 80, "h", "/http://other"),
            ("http://h/ä", "http://h/%C3%A4", "h", 80, "h", "/%C3%A4"),
        ];
        for (text, whole, host, port, authority, path) in cases {
            let url = url(text);
            assert_eq!(
                (url.as_str(), url.host(), url.port(), url.authority(), url.path()),
                (whole, host, port, authority, path),
                "{text}"
            );
            assert_eq!(Url::parse(url.as_str()).unwrap().0, url, "the normal form is its own normal form");
        }
    }

    #[test]
    fn a_literal_is_known_as_an_address() {
        assert_eq!(url("http://127.0.0.1/").literal(), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(url("http://[::1]/").literal(), Some("::1".parse().unwrap()));
        assert_eq!(url("http://example.com/").literal(), None);
    }

    #[test]
    fn a_url_copied_in_one_piece_is_the_same_as_one_put_together() {
        let mut copied = 0;
        for start in ["", "http://", "HTTP://", "https://", "tcp://", "http://u:p@", "secret@", "//"] {
            for host in ["h", "Example.COM", "10.0.0.7", "[::1]", "[0::1]", "h.", "a:b"] {
                for port in ["", ":", ":80", ":080", ":443", ":0443", ":8080", ":08080", ":0", ":x"] {
                    for path in ["", "/", "/a?B", "?q", "/@", "/\u{e4}", "/a b"] {
                        let text = format!("{start}{host}{port}{path}");
                        let (url, user) = match Url::parse(&text) {
                            Ok(parsed) => parsed,
                            Err(error) => {
                                assert_eq!(Url::parse(&format!("{text}#")), Err(error), "{text}");
                                continue;
                            }
                        };
                        copied += u32::from(url.as_str().eq_ignore_ascii_case(&text));
                        // With a fragment it is put together.
                        let (same, same_user) = Url::parse(&format!("{text}#x")).unwrap();
                        assert_eq!((same.host(), same.path()), (url.host(), url.path()), "{text}");
                        assert_eq!((same, same_user), (url, user), "{text}");
                    }
                }
            }
        }
        assert!(copied > 100, "{copied}");
    }

    #[test]
    fn user_and_password_are_taken_out_and_decoded() {
        let (url, user) = Url::parse("http://me:p%40ss@h:1/x").unwrap();
        assert_eq!(user.as_deref(), Some(&b"me:p@ss"[..]));
        assert_eq!(url.as_str(), "http://h:1/x");
        assert!(!format!("{url:?}").contains("ss"));
        // A name alone has an empty password, also one with an encoded colon in it.
        for (user, decoded) in [("me", "me:"), ("", ":"), ("me:", "me:"), ("a%3Ab", "a:b:"), (":p", ":p")] {
            assert_eq!(Url::parse(&format!("http://{user}@h/")).unwrap().1.as_deref(), Some(decoded.as_bytes()));
        }
    }

    #[test]
    fn references_are_joined_as_the_rfc_has_it() {
        let base = url("http://a/b/c/d;p?q");
        // RFC 3986, 5.4, as far as it is about HTTP.
        let cases = [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("./g:h", "http://a/b/c/g:h"),
            ("g?y:z", "http://a/b/c/g?y:z"),
            ("g/h:i", "http://a/b/c/g/h:i"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("https://other:8443/x", "https://other:8443/x"),
            ("/a b/ä", "http://a/a%20b/%C3%A4"),
        ];
        for (reference, joined) in cases {
            assert_eq!(base.join(reference.as_bytes()).unwrap().0.as_str(), joined, "{reference}");
        }
        for reference in [
            "mailto:x",
            "mailto:80?u=http://h/",
            "http:g",
            "ftp://h/",
            "javascript:alert(1)",
            "//",
            "/\r\nX: y",
            "//h:0/",
            "1:2",
            ":80/",
            "\u{a0}http://h/",
            " http://h/",
            "/\\h/",
            "\\/h/",
            "\\\\h/",
            "http:\\\\h/",
        ] {
            assert!(base.join(reference.as_bytes()).is_err(), "{reference}");
        }
        assert_eq!(base.join(b"\\x").unwrap().0.path(), "/b/c/\\x", "one alone is a character like any other");
        assert_eq!(base.join(b"/\xff").unwrap().0.path(), "/%FF");
    }

    #[test]
    fn what_could_be_a_user_is_not_shown() {
        let cases: [(&[u8], &[u8]); 34] = [
            (b"http://me:secret@h/x", b"http://***@h/x"),
            (b"HTTP://secret@h", b"HTTP://***@h"),
            (b"http://me:sec ret@h", b"http://***@h"),
            (b"http://me:sec@ret@h", b"http://***@h"),
            (b"http://me:sec/ret@h", b"http://***@h"),
            (b"http://me:sec?ret@h", b"http://***@h"),
            (b"http://me:sec#ret@h", b"http://***@h"),
            (b"http://me:%zzsecret@h", b"http://***@h"),
            (b"http://me:sec\xff\xferet@h", b"http://***@h"),
            (b"http://me:sec\tret@h", b"http://***@h"),
            (b"http://secret@h:port/", b"http://***@h:port/"),
            (b"//me:secret@h", b"//***@h"),
            (b"///me:secret@h", b"///***@h"),
            (b"http:///me:secret@h", b"http:///***@h"),
            (b"http:/me:secret@h", b"http:/***@h"),
            (b"http:me:secret@h", b"***@h"),
            (b"http:\\\\me:secret@h", b"http:\\\\***@h"),
            (b"/\\me:secret@h", b"/\\***@h"),
            (b"\\\\me:secret@h", b"\\\\***@h"),
            (b"me:secret@h", b"***@h"),
            (b"x:secret@h", b"***@h"),
            (b"ftp://me:secret@h/", b"ftp://***@h/"),
            (b"x\xff://me:secret@h/", b"***@h/"),
            (b"\thttp://me:secret@h/", b"***@h/"),
            (b"http://@h/", b"http://***@h/"),
            (b"http://me:secret@h/@x#@y", b"http://***@h/@x#@y"),
            (b"//me:secret@h?@x", b"//***@h?@x"),
            (b"http://me:secret@:0/@", b"http://***@"),
            (b"http://h/@x", b"http://h/@x"),
            (b"/@x/y", b"/@x/y"),
            (b"x@y", b"x@y"),
            (b"@", b"@"),
            (b"//", b"//"),
            (b"", b""),
        ];
        for (reference, shown) in cases {
            let got = without_user(reference);
            assert_eq!(&*got, shown, "{}", reference.escape_ascii());
            assert!(!got.windows(3).any(|part| part == b"sec" || part == b"ret"));
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(url("http://a/x").is_same_origin(&url("http://a:80/y")));
        for other in ["https://a/", "http://b/", "http://a:81/"] {
            assert!(!url("http://a/").is_same_origin(&url(other)));
        }
    }

    #[test]
    fn what_is_refused_where_and_why() {
        let long = format!("http://h/{}", "x".repeat(URL_MAX));
        let label = format!("http://{}.com/", "x".repeat(64));
        let cases = [
            (long.as_str(), URL_MAX, UrlProblem::TooLong),
            ("http://h/a b", 10, UrlProblem::Control),
            ("http://h/\u{7f}", 9, UrlProblem::Control),
            ("ftp://h/", 0, UrlProblem::Scheme),
            ("://h/", 0, UrlProblem::Scheme),
            ("http://", 7, UrlProblem::EmptyHost),
            ("", 0, UrlProblem::EmptyHost),
            ("http:///path", 7, UrlProblem::EmptyHost),
            ("http://me@/", 10, UrlProblem::EmptyHost),
            ("http://a!b/", 8, UrlProblem::HostCharacter),
            ("http://a%41/", 8, UrlProblem::HostCharacter),
            ("http://bücher.example/", 8, UrlProblem::HostNotAscii),
            ("http://a..b/", 7, UrlProblem::HostLength),
            (label.as_str(), 7, UrlProblem::HostLength),
            ("http://10.1/", 7, UrlProblem::Ipv4),
            ("http://256.1.1.1/", 7, UrlProblem::Ipv4),
            ("http://0x7f000001/", 7, UrlProblem::Ipv4),
            ("http://0X7F000001/", 7, UrlProblem::Ipv4),
            ("http://[::g]/", 7, UrlProblem::Ipv6),
            ("http://[::1/", 7, UrlProblem::Ipv6),
            ("http://[fe80::1%25eth0]/", 7, UrlProblem::Zone),
            ("http://h:/", 8, UrlProblem::Port),
            ("http://h:0/", 8, UrlProblem::Port),
            ("http://h:65536/", 8, UrlProblem::Port),
            ("http://h:+80/", 8, UrlProblem::Port),
            ("http://[::1]x/", 12, UrlProblem::Port),
            ("tcp://h", 7, UrlProblem::NoPort),
            ("tcp://h:1/x", 9, UrlProblem::PathOnTcp),
            ("http://a%zz:b@h/", 8, UrlProblem::UserEncoding),
            ("http://a%0a:b@h/", 8, UrlProblem::UserEncoding),
        ];
        for (text, at, problem) in cases {
            let error = Url::parse(text).expect_err(text);
            assert_eq!(error, UrlError { at, problem }, "{text}");
            assert!(!error.to_string().is_empty());
        }
    }
}
