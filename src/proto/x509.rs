//! What a person asks of a certificate: when it starts and ends, whom it names, and who issued it.
//!
//! A bounded walk over the DER (X.690) of one certificate (RFC 5280). It verifies nothing: it
//! checks no signature, builds no chain and reads no clock. That is the TLS library's work; this
//! file reads the certificate that was refused as willingly as the one that was accepted, so that a
//! report can say why. For what the library has no words for (names that it will not compare, keys
//! that it does not read) it hands out the parts.
//!
//! The bytes come from whoever answered on the port. Every read is checked against the value that
//! holds it, nothing recurses, and each value is visited a fixed number of times: the work is
//! linear in the input.

pub mod algorithm;

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest certificate that is read, in bytes. TLS libraries stop at the same size for a whole
/// chain.
pub const MAX_CERTIFICATE: usize = 64 * 1024;
/// How many alternative names are kept; those after them are left out.
pub const MAX_NAMES: usize = 256;
/// How long the text of a subject or an issuer may be, in bytes; it is cut and ends in `…` beyond
/// that.
pub const MAX_NAME_TEXT: usize = 1024;
/// How long the text of one DNS name may be, in bytes. RFC 1035 allows 253; the rest is room for
/// escapes.
const MAX_DNS_TEXT: usize = 512;
/// How many attributes a subject or an issuer may have. Real ones have fewer than ten.
const MAX_ATTRIBUTES: usize = 128;

/// What one certificate says about itself. None of it is verified here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The first second at which it is valid, in Unix time. Negative before 1970.
    pub not_before: i64,
    /// The last second at which it is valid, in Unix time.
    pub not_after: i64,
    /// Whom it is for, as `CN=api.example.com, O=Example` (RFC 4514 order and escapes). Often empty
    /// today.
    pub subject: String,
    /// Who issued it, written as the subject is.
    pub issuer: String,
    /// The hosts it is for: the DNS names and addresses of subjectAltName, at most [`MAX_NAMES`].
    pub names: Vec<AltName>,
    /// Whether subject and issuer are the same bytes: nobody else vouches for it by name.
    pub self_issued: bool,
}

/// A host that a certificate is for (RFC 5280 section 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AltName {
    /// A DNS name, perhaps with a leading `*.`; bytes that no host name has are escaped as `\xNN`.
    Dns(String),
    /// An address. An address that was put into a DNS name by mistake is a [`AltName::Dns`], and
    /// matches nothing.
    Ip(IpAddr),
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AltName::Dns(name) => f.write_str(name),
            AltName::Ip(address) => address.fmt(f),
        }
    }
}

/// Why a certificate could not be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerError {
    /// The byte of the certificate at which it stopped making sense.
    pub at: usize,
    /// What is wrong there, in plain words.
    pub what: &'static str,
}

impl fmt::Display for DerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for DerError {}

/// Reads one certificate from its DER.
///
/// # Errors
/// A [`DerError`] when the bytes are not one whole DER certificate: overruns, lengths that are
/// indefinite or not in their shortest form, a missing field, a date that does not exist, or more
/// than [`MAX_CERTIFICATE`] bytes.
pub fn parse(der: &[u8]) -> Result<Certificate, DerError> {
    let fields = Fields::read(der)?;
    Ok(Certificate {
        not_before: fields.not_before,
        not_after: fields.not_after,
        subject: name_text(fields.subject)?,
        issuer: name_text(fields.issuer)?,
        names: match fields.extension(SUBJECT_ALT_NAME)? {
            Some(names) => general_names(names)?,
            None => Vec::new(),
        },
        self_issued: fields.subject.content == fields.issuer.content,
    })
}

/// What can be read of a certificate that [`parse`] refuses: its dates, and as much of the rest as makes sense.
///
/// `None` when not even its fields are there.
pub fn outline(der: &[u8]) -> Option<Certificate> {
    let fields = Fields::read(der).ok()?;
    let names = fields.extension(SUBJECT_ALT_NAME).ok().flatten();
    Some(Certificate {
        not_before: fields.not_before,
        not_after: fields.not_after,
        subject: name_text(fields.subject).unwrap_or_default(),
        issuer: name_text(fields.issuer).unwrap_or_default(),
        names: names.and_then(|names| general_names(names).ok()).unwrap_or_default(),
        self_issued: fields.subject.content == fields.issuer.content,
    })
}

/// The certificate's first and last valid second in Unix time, without making text of its names.
///
/// `None` when the bytes are not a certificate; [`parse`] says why.
pub fn validity(der: &[u8]) -> Option<(i64, i64)> {
    let fields = Fields::read(der).ok()?;
    Some((fields.not_before, fields.not_after))
}

/// The issuer's name, as the bytes inside its SEQUENCE: what another certificate's subject is compared with.
///
/// `None` when the bytes are not a certificate.
pub fn issuer(der: &[u8]) -> Option<&[u8]> {
    Fields::read(der).ok().map(|fields| fields.issuer.content)
}

/// Whether a certificate is one that vouches for others (RFC 5280 section 4.2.1.9): it says so, or is its own issuer and says
/// nothing of it, as roots did in former times.
pub fn may_issue(der: &[u8]) -> bool {
    let Ok(fields) = Fields::read(der) else { return false };
    match fields.extension(BASIC_CONSTRAINTS) {
        Ok(None) => fields.subject.content == fields.issuer.content,
        Ok(Some(octets)) => {
            let constraints = octets.inside().expect(SEQUENCE, "no basic constraints");
            constraints.is_ok_and(|constraints| constraints.content.starts_with(&[BOOLEAN, 1, 0xff]))
        }
        Err(_) => false,
    }
}

/// A public key as it stands in a certificate (RFC 5280 section 4.1.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The inside of its AlgorithmIdentifier: the kind of key, and for elliptic curves the curve.
    pub algorithm: &'a [u8],
    /// The key, as its kind is written.
    pub bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// The key of a certificate; `None` when it cannot be read.
    pub fn of_certificate(der: &'a [u8]) -> Option<PublicKey<'a>> {
        PublicKey::of_info(Fields::read(der).ok()?.public_key.content)
    }

    /// The key in the inside of a SubjectPublicKeyInfo; `None` when it cannot be read.
    pub fn of_info(info: &'a [u8]) -> Option<PublicKey<'a>> {
        let mut info = Reader { rest: info, at: 0 };
        let algorithm = info.expect(SEQUENCE, "no algorithm").ok()?.content;
        // The first byte counts the bits that are left over in the last. A key has whole bytes.
        let bits = info.expect(BIT_STRING, "no key").ok()?.content.strip_prefix(&[0])?;
        Some(PublicKey { algorithm, bits })
    }

    /// How many bits the modulus of an RSA key has (RFC 8017, A.1.1); `None` for other kinds.
    pub fn rsa_bits(&self) -> Option<usize> {
        const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

        let mut algorithm = Reader { rest: self.algorithm, at: 0 };
        if algorithm.expect(OBJECT_IDENTIFIER, "no kind").ok()?.content != RSA_ENCRYPTION {
            return None;
        }
        let mut key = Reader { rest: self.bits, at: 0 };
        let mut numbers = key.expect(SEQUENCE, "no key").ok()?.inside();
        let modulus = numbers.expect(INTEGER, "no modulus").ok()?.content;
        let zeros = modulus.iter().position(|&byte| byte != 0)?;
        let (first, rest) = modulus.get(zeros..)?.split_first()?;
        Some(8 * rest.len() + (u8::BITS - first.leading_zeros()) as usize)
    }
}

/// The Unix time of a UTC date of the proleptic Gregorian calendar, years 0 to 9999.
///
/// `None` for a date or time of day that does not exist. Leap seconds do not exist in Unix time.
pub fn unix_seconds(year: u32, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Option<i64> {
    const DAYS_BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    /// Days from 0001-01-01 to 1970-01-01.
    const DAYS_TO_1970: i64 = 719_162;

    if day == 0 || day > days_in_month(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let month_index = usize::try_from(month.checked_sub(1)?).ok()?;
    let before_month = *DAYS_BEFORE_MONTH.get(month_index)?;
    let leap_day = i64::from(month > 2 && is_leap(year));
    let years = i64::from(year) - 1;
    let before_year = 365 * years + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    let days = before_year + before_month + leap_day + i64::from(day) - 1 - DAYS_TO_1970;
    Some(days * 86_400 + i64::from(hour * 3600 + minute * 60 + second))
}

/// `None` for a year past 9999 or a month that does not exist.
fn days_in_month(year: u32, month: u32) -> Option<u32> {
    match (year, month) {
        (10_000.., _) => None,
        (_, 1 | 3 | 5 | 7 | 8 | 10 | 12) => Some(31),
        (_, 4 | 6 | 9 | 11) => Some(30),
        (_, 2) => Some(if is_leap(year) { 29 } else { 28 }),
        _ => None,
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

// === The fields of a certificate ===

/// The fields that matter, still as bytes (RFC 5280 section 4.1).
struct Fields<'a> {
    not_before: i64,
    not_after: i64,
    subject: Value<'a>,
    issuer: Value<'a>,
    public_key: Value<'a>,
    extensions: Option<Value<'a>>,
}

impl<'a> Fields<'a> {
    fn read(der: &'a [u8]) -> Result<Self, DerError> {
        if der.len() > MAX_CERTIFICATE {
            let what = "a certificate of more than 64 KiB";
            return Err(DerError { at: MAX_CERTIFICATE, what });
        }
        let mut outer = Reader { rest: der, at: 0 };
        let mut certificate = outer.expect(SEQUENCE, "no certificate")?.inside();
        outer.finish("bytes after the certificate")?;

        let body = certificate.expect(SEQUENCE, "no certificate body")?;
        certificate.expect(SEQUENCE, "no signature algorithm")?;
        certificate.expect(BIT_STRING, "no signature")?;
        certificate.finish("bytes after the signature")?;
        Self::read_body(body.inside())
    }

    fn read_body(mut body: Reader<'a>) -> Result<Self, DerError> {
        body.optional(VERSION)?;
        body.expect(INTEGER, "no serial number")?;
        body.expect(SEQUENCE, "no signature algorithm in the body")?;
        let issuer = body.expect(SEQUENCE, "no issuer")?;
        let mut dates = body.expect(SEQUENCE, "no validity")?.inside();
        let subject = body.expect(SEQUENCE, "no subject")?;
        let public_key = body.expect(SEQUENCE, "no public key")?;
        body.optional(ISSUER_UNIQUE_ID)?;
        body.optional(SUBJECT_UNIQUE_ID)?;
        let extensions = body.optional(EXTENSIONS)?;
        body.finish("bytes after the certificate's last field")?;

        let not_before = unix_time(dates.value()?)?;
        let not_after = unix_time(dates.value()?)?;
        dates.finish("bytes after the validity dates")?;
        Ok(Fields { not_before, not_after, subject, issuer, public_key, extensions })
    }

    /// The value of the extension with this identifier, if there is one.
    fn extension(&self, wanted: &[u8]) -> Result<Option<Value<'a>>, DerError> {
        let Some(extensions) = self.extensions else { return Ok(None) };
        let mut wrapper = extensions.inside();
        let mut list = wrapper.expect(SEQUENCE, "no list of extensions")?.inside();
        wrapper.finish("bytes after the extensions")?;
        let mut found = None;
        while !list.is_empty() {
            let mut extension = list.expect(SEQUENCE, "an extension that is not a sequence")?.inside();
            let id = extension.expect(OBJECT_IDENTIFIER, "an extension without its identifier")?;
            extension.optional(BOOLEAN)?;
            let content = extension.expect(OCTET_STRING, "an extension without a value")?;
            extension.finish("bytes after an extension's value")?;
            if id.content == wanted && found.replace(content).is_some() {
                return Err(id.error("an extension that comes twice"));
            }
        }
        Ok(found)
    }
}

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`: seconds present, no fraction,
/// always Z (RFC 5280 section 4.1.2.5). A GeneralizedTime before 2050 breaks that section's rule
/// and no reader's understanding.
fn unix_time(value: Value<'_>) -> Result<i64, DerError> {
    let error = value.error("a date that does not exist or is not written as RFC 5280 wants");
    let digits = value.content.strip_suffix(b"Z").ok_or(error)?;
    let year_digits = match (value.tag, digits.len()) {
        (UTC_TIME, 12) => 2,
        (GENERALIZED_TIME, 14) => 4,
        _ => return Err(error),
    };
    let (year, rest) = digits.split_at_checked(year_digits).ok_or(error)?;
    let year = match (value.tag, decimal(year).ok_or(error)?) {
        (UTC_TIME, year @ 50..) => 1900 + year,
        (UTC_TIME, year) => 2000 + year,
        (_, year) => year,
    };
    let mut pairs = [0; 5];
    for (pair, digits) in pairs.iter_mut().zip(rest.chunks_exact(2)) {
        *pair = decimal(digits).ok_or(error)?;
    }
    let [month, day, hour, minute, second] = pairs;
    unix_seconds(year, month, day, hour, minute, second).ok_or(error)
}

/// The value of at most four ASCII digits, and nothing but digits: no sign, no space.
fn decimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &byte| match byte {
        b'0'..=b'9' => Some(value * 10 + u32::from(byte - b'0')),
        _ => None,
    })
}

// === Alternative names ===

/// The identifiers of extensions (RFC 5280, sections 4.2.1.6, 4.2.1.9 and 4.2.1.10).
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];

/// The kinds of a GeneralName (RFC 5280, section 4.2.1.6).
const DNS_NAME: u8 = 0x82;
const DIRECTORY_NAME: u8 = 0xa4;
const IP_ADDRESS: u8 = 0x87;

/// The DNS names and addresses of a GeneralNames; mail addresses, URIs and the like are passed
/// over.
fn general_names(octets: Value<'_>) -> Result<Vec<AltName>, DerError> {
    let mut wrapper = octets.inside();
    let mut list = wrapper.expect(SEQUENCE, "no list of alternative names")?.inside();
    wrapper.finish("bytes after the alternative names")?;
    let mut names = Vec::new();
    while !list.is_empty() && names.len() < MAX_NAMES {
        let name = list.value()?;
        match name.tag {
            DNS_NAME => names.push(AltName::Dns(dns_text(name.content))),
            IP_ADDRESS => names.push(AltName::Ip(ip_address(name)?)),
            _ => {}
        }
    }
    Ok(names)
}

fn ip_address(value: Value<'_>) -> Result<IpAddr, DerError> {
    if let Ok(octets) = <[u8; 4]>::try_from(value.content) {
        return Ok(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    match <[u8; 16]>::try_from(value.content) {
        Ok(octets) => Ok(IpAddr::V6(Ipv6Addr::from(octets))),
        Err(_) => Err(value.error("an address of neither 4 nor 16 bytes")),
    }
}

/// Whether one of the certificate's alternative names is this host: an address without brackets, or a DNS name without a dot
/// at its end, whose labels may be such as no certificate authority would write (`a-.example`).
///
/// Names are compared as RFC 6125 has it (section 6.4): a wildcard is the whole left-most label, stands for one label, and
/// has two more behind it.
pub fn is_for(der: &[u8], host: &str) -> bool {
    let Ok(Some(names)) = Fields::read(der).and_then(|fields| fields.extension(SUBJECT_ALT_NAME)) else { return false };
    let address = host.parse().ok();
    let Ok(list) = names.inside().expect(SEQUENCE, "no list of alternative names") else { return false };
    let mut list = list.inside();
    while let Ok(name) = list.value() {
        let is_it = match (name.tag, address) {
            (DNS_NAME, None) => is_dns_match(name.content, host.as_bytes()),
            (IP_ADDRESS, Some(address)) => ip_address(name) == Ok(address),
            _ => false,
        };
        if is_it {
            return true;
        }
    }
    false
}

/// Whether a certificate that has no alternative names at all has this host for its common name: how it was done before
/// there were any (RFC 2818 section 3.1). **A name that nobody vouches for**: it is for certificates that are trusted as
/// they stand.
pub fn is_called(der: &[u8], host: &str) -> bool {
    let Ok(fields) = Fields::read(der) else { return false };
    let Ok(None) = fields.extension(SUBJECT_ALT_NAME) else { return false };
    let is_host = |name: String| match host.parse::<IpAddr>() {
        Ok(_) => name == host,
        Err(_) => is_dns_match(name.as_bytes(), host.as_bytes()),
    };
    let mut parts = fields.subject.inside();
    while let Ok(part) = parts.value() {
        let mut attributes = part.inside();
        while let Ok(attribute) = attributes.value() {
            let mut attribute = attribute.inside();
            let (Ok(kind), Ok(value)) = (attribute.value(), attribute.value()) else { return false };
            if short_name(kind.content) == Some("CN") && string_value(value).is_some_and(is_host) {
                return true;
            }
        }
    }
    false
}

fn is_dns_match(pattern: &[u8], host: &[u8]) -> bool {
    let Some(parent) = pattern.strip_prefix(b"*.") else { return pattern.eq_ignore_ascii_case(host) };
    let Some(dot) = host.iter().position(|&byte| byte == b'.') else { return false };
    parent.contains(&b'.') && host.get(dot + 1..).is_some_and(|above| above.eq_ignore_ascii_case(parent))
}

// === Name constraints (RFC 5280 section 4.2.1.10) ===

/// Whether a certificate says of the names of organizations and people which of them it may vouch for.
pub fn constrains_directory_names(der: &[u8]) -> bool {
    let Ok(Some(octets)) = Fields::read(der).and_then(|fields| fields.extension(NAME_CONSTRAINTS)) else {
        return false;
    };
    let constraints = octets.inside().expect(SEQUENCE, "no name constraints");
    constraints.is_ok_and(|constraints| without_directory_names(constraints.content) != constraints.content)
}

/// The inside of a NameConstraints without what it says of directory names, which have nothing to say of hosts. What
/// cannot be read is left as it is, for somebody else to refuse.
pub fn without_directory_names(constraints: &[u8]) -> Vec<u8> {
    if constraints.len() > MAX_CERTIFICATE {
        return constraints.to_vec();
    }
    let kept = || -> Result<Vec<u8>, DerError> {
        let mut kept = Vec::new();
        let mut lists = Reader { rest: constraints, at: 0 };
        while !lists.is_empty() {
            // permittedSubtrees or excludedSubtrees.
            let list = lists.value()?;
            let mut subtrees = list.inside();
            let mut others = Vec::new();
            while !subtrees.is_empty() {
                let subtree = subtrees.value()?;
                if subtree.inside().value()?.tag != DIRECTORY_NAME {
                    others.extend(subtree.der);
                }
            }
            if !others.is_empty() {
                push_value(&mut kept, list.tag, &others);
            }
        }
        Ok(kept)
    };
    kept().unwrap_or_else(|_| constraints.to_vec())
}

/// Appends a value of less than 64 KiB, as all that comes out of a certificate is.
fn push_value(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match content.len() {
        length @ 0..0x80 => out.push(length as u8),
        length @ 0x80..0x100 => out.extend([0x81, length as u8]),
        length => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
}

fn dns_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes.iter().take(MAX_DNS_TEXT + 1) {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => push_hex(&mut text, "\\x", &[byte]),
        }
    }
    cut(text, MAX_DNS_TEXT)
}

// === Subject and issuer ===

/// A distinguished name as RFC 4514 writes it: the most specific part first, parts joined by `, `,
/// the attributes of one part by `+`.
fn name_text(name: Value<'_>) -> Result<String, DerError> {
    let mut parts = Vec::new();
    let mut attributes = 0;
    let mut list = name.inside();
    while !list.is_empty() {
        let mut part = list.expect(SET, "a part of a name that is not a set")?.inside();
        let mut text = String::new();
        while !part.is_empty() {
            attributes += 1;
            if attributes > MAX_ATTRIBUTES {
                return Err(part.error("a name of more than 128 attributes"));
            }
            let attribute = part.expect(SEQUENCE, "an attribute that is not a sequence")?;
            if !text.is_empty() {
                text.push('+');
            }
            push_attribute(&mut text, attribute)?;
        }
        parts.push(text);
    }
    parts.reverse();
    Ok(cut(parts.join(", "), MAX_NAME_TEXT))
}

/// Appends `CN=value`, or `1.2.3.4=value` for a type that has no short name.
fn push_attribute(text: &mut String, attribute: Value<'_>) -> Result<(), DerError> {
    let mut attribute = attribute.inside();
    let kind = attribute.expect(OBJECT_IDENTIFIER, "an attribute without its type")?;
    let value = attribute.value()?;
    attribute.finish("bytes after an attribute's value")?;
    match short_name(kind.content) {
        Some(name) => text.push_str(name),
        None => push_dotted(text, kind)?,
    }
    text.push('=');
    match string_value(value) {
        Some(string) => push_escaped(text, &string),
        // RFC 4514 section 2.4: what is not a string is the hex of its DER.
        None => push_hex(text, "#", value.der.get(..MAX_NAME_TEXT).unwrap_or(value.der)),
    }
    Ok(())
}

/// The short names of RFC 4514 section 3, and two more that certificates often carry.
fn short_name(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x05] => "serialNumber",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x09] => "STREET",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "emailAddress",
        _ => return None,
    })
}

/// An object identifier as `1.2.840.113549` (X.690 section 8.19): base 128, the first number
/// holding two arcs.
fn push_dotted(text: &mut String, oid: Value<'_>) -> Result<(), DerError> {
    let error = oid.error("an object identifier that is not one");
    if oid.content.last().is_none_or(|last| last & 0x80 != 0) {
        return Err(error);
    }
    let mut arc: u128 = 0;
    let mut is_first = true;
    for &byte in oid.content {
        if arc == 0 && byte == 0x80 {
            return Err(error); // a padded number: not the shortest form
        }
        arc = arc.checked_mul(128).ok_or(error)? + u128::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        // A write to a String cannot fail.
        let _ = match (is_first, arc) {
            (true, 0..40) => write!(text, "0.{arc}"),
            (true, 40..80) => write!(text, "1.{}", arc - 40),
            (true, _) => write!(text, "2.{}", arc - 80),
            (false, _) => write!(text, ".{arc}"),
        };
        is_first = false;
        arc = 0;
    }
    Ok(())
}

/// The text of a string type; `None` for any other type, or for bytes that are not text in it.
fn string_value(value: Value<'_>) -> Option<String> {
    let bytes = value.content;
    match value.tag {
        UTF8_STRING | NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // T.61 on paper, Latin-1 in every certificate that was ever seen.
        TELETEX_STRING => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
        BMP_STRING => {
            let (units, []) = bytes.as_chunks() else {
                return None;
            };
            let units = units.iter().map(|&unit| u16::from_be_bytes(unit));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        UNIVERSAL_STRING => {
            let (units, []) = bytes.as_chunks() else {
                return None;
            };
            units.iter().map(|&unit| char::from_u32(u32::from_be_bytes(unit))).collect()
        }
        _ => None,
    }
}

/// RFC 4514 section 2.4: a backslash before what would be read as syntax, `\XX` for each byte of a
/// control character.
fn push_escaped(text: &mut String, string: &str) {
    let last = string.chars().count().saturating_sub(1);
    for (index, character) in string.chars().enumerate() {
        let mut utf8 = [0; 4];
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', character]),
            '#' if index == 0 => text.push_str("\\#"),
            ' ' if index == 0 || index == last => text.push_str("\\ "),
            _ if character.is_control() => {
                for byte in character.encode_utf8(&mut utf8).bytes() {
                    push_hex(text, "\\", &[byte]);
                }
            }
            _ => text.push(character),
        }
    }
}

fn push_hex(text: &mut String, prefix: &str, bytes: &[u8]) {
    text.push_str(prefix);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // a write to a String cannot fail
    }
}

/// The text, or as much of it as fits into `limit` bytes with `…` after it.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let mut end = limit - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1; // 0 is a boundary
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

// === DER (X.690) ===

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0] EXPLICIT`, `[1]` and `[2] IMPLICIT BIT STRING` and `[3] EXPLICIT` of a certificate's body.
const VERSION: u8 = 0xa0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;

/// One tag, length and content.
#[derive(Debug, Clone, Copy)]
struct Value<'a> {
    tag: u8,
    content: &'a [u8],
    /// Tag and length included.
    der: &'a [u8],
    /// Where the content starts in the certificate.
    at: usize,
}

impl<'a> Value<'a> {
    fn inside(self) -> Reader<'a> {
        Reader { rest: self.content, at: self.at }
    }

    fn error(&self, what: &'static str) -> DerError {
        DerError { at: self.at, what }
    }
}

/// The values that follow one another inside a value.
#[derive(Debug)]
struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` starts in the certificate.
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next value, whatever its type. Not copied into each of its many callers: certificates are few.
    #[inline(never)]
    fn value(&mut self) -> Result<Value<'a>, DerError> {
        let start = self.rest;
        let tag_at = self.at;
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            return Err(DerError { at: tag_at, what: "a tag of more than one byte" });
        }
        let length = self.length()?;
        let at = self.at;
        let Some((content, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.error("a value longer than what holds it"));
        };
        self.rest = rest;
        self.at += length;
        let der = start.get(..self.at - tag_at).unwrap_or(start);
        Ok(Value { tag, content, der, at })
    }

    /// The next value, which must have this tag; `what` is the complaint if it has not.
    fn expect(&mut self, tag: u8, what: &'static str) -> Result<Value<'a>, DerError> {
        let error = self.error(what);
        if self.is_empty() {
            return Err(error);
        }
        let value = self.value()?;
        if value.tag == tag { Ok(value) } else { Err(error) }
    }

    /// The next value if it has this tag.
    fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, DerError> {
        match self.rest.first() {
            Some(&next) if next == tag => self.value().map(Some),
            _ => Ok(None),
        }
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn finish(&self, what: &'static str) -> Result<(), DerError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(what)) }
    }

    /// A length in its only DER form (X.690 sections 8.1.3 and 10.1).
    fn length(&mut self) -> Result<usize, DerError> {
        const MAX_LENGTH_BYTES: u8 = 4;

        let not_shortest = self.error("a length that is not in its shortest form");
        let first = self.byte()?;
        let count = match first {
            0..0x80 => return Ok(usize::from(first)),
            0x80 => {
                return Err(DerError { what: "an indefinite length", ..not_shortest });
            }
            _ => first & 0x7f,
        };
        if count > MAX_LENGTH_BYTES {
            return Err(DerError { what: "a length of more than four bytes", ..not_shortest });
        }
        let mut length = 0;
        for _ in 0..count {
            length = length << 8 | usize::from(self.byte()?);
            if length == 0 {
                return Err(not_shortest);
            }
        }
        if length < 0x80 { Err(not_shortest) } else { Ok(length) }
    }

    fn byte(&mut self) -> Result<u8, DerError> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(self.error("the end in the middle of a value"));
        };
        self.rest = rest;
        self.at += 1;
        Ok(byte)
    }

    fn error(&self, what: &'static str) -> DerError {
        DerError { at: self.at, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, DnValue, IsCa, KeyPair, SanType, date_time_ymd};

    const CN: &[u8] = &[0x55, 0x04, 0x03];
    const O: &[u8] = &[0x55, 0x04, 0x0a];
    const SAN: &[u8] = &[0x55, 0x1d, 0x11];
    const DATES: [(u8, &[u8]); 2] = [(UTC_TIME, b"250101000000Z"), (UTC_TIME, b"260101000000Z")];

    /// A value in its DER form.
    fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut der = vec![tag];
        match content.len() {
            length @ 0..0x80 => der.push(length as u8),
            length @ 0x80..0x100 => der.extend([0x81, length as u8]),
            length => der.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        [der, content].concat()
    }

    fn attribute(oid: &[u8], tag: u8, string: &[u8]) -> Vec<u8> {
        value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[oid]), &value(tag, &[string])])
    }

    fn name(parts: &[&[u8]]) -> Vec<u8> {
        value(SEQUENCE, parts)
    }

    fn common_name(tag: u8, string: &[u8]) -> Vec<u8> {
        name(&[&value(SET, &[&attribute(CN, tag, string)])])
    }

    fn extension(oid: &[u8], content: &[u8]) -> Vec<u8> {
        value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[oid]), &value(OCTET_STRING, &[content])])
    }

    fn extensions(list: &[&[u8]]) -> Vec<u8> {
        value(EXTENSIONS, &[&value(SEQUENCE, list)])
    }

    fn alt_names(names: &[&[u8]]) -> Vec<u8> {
        extensions(&[&extension(SAN, &value(SEQUENCE, names))])
    }

    /// A certificate around the parts that a test is about; `tail` stands after the public key.
    fn certificate(subject: &[u8], dates: [(u8, &[u8]); 2], tail: &[&[u8]]) -> Vec<u8> {
        let algorithm = value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[&[0x2a, 0x03]])]);
        let [start, end] = dates.map(|(tag, text)| value(tag, &[text]));
        let body = value(
            SEQUENCE,
            &[
                &value(VERSION, &[&value(INTEGER, &[&[2]])]),
                &value(INTEGER, &[&[1]]),
                &algorithm,
                &common_name(UTF8_STRING, b"Issuer"),
                &value(SEQUENCE, &[&start, &end]),
                subject,
                &value(SEQUENCE, &[&algorithm, &value(BIT_STRING, &[&[0, 1, 2, 3]])]),
                &tail.concat(),
            ],
        );
        value(SEQUENCE, &[&body, &algorithm, &value(BIT_STRING, &[&[0, 9, 9]])])
    }

    fn subject_of(subject: &[u8]) -> Result<String, &'static str> {
        match parse(&certificate(subject, DATES, &[])) {
            Ok(certificate) => Ok(certificate.subject),
            Err(error) => Err(error.what),
        }
    }

    fn names_of(names: &[&[u8]]) -> Result<Vec<String>, &'static str> {
        match parse(&certificate(&name(&[]), DATES, &[&alt_names(names)])) {
            Ok(certificate) => Ok(certificate.names.iter().map(AltName::to_string).collect()),
            Err(error) => Err(error.what),
        }
    }

    fn dates_of(start: (u8, &[u8]), end: (u8, &[u8])) -> Result<(i64, i64), &'static str> {
        match parse(&certificate(&name(&[]), [start, end], &[])) {
            Ok(certificate) => Ok((certificate.not_before, certificate.not_after)),
            Err(error) => Err(error.what),
        }
    }

    /// A certificate made by another program: a self-signed one with all that we read.
    fn issued() -> Vec<u8> {
        let mut params = CertificateParams::new(["api.example.com".into(), "*.example.com".into()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress("10.0.0.7".parse().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress("2001:db8::1".parse().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("ops@example.com".try_into().unwrap()));
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2051, 12, 31);
        params.is_ca = IsCa::ExplicitNoCa;
        let subject = &mut params.distinguished_name;
        subject.push(DnType::CountryName, "SE");
        subject.push(DnType::OrganizationName, "Åkeri, Söner & Co");
        subject.push(DnType::CommonName, DnValue::BmpString("api Ω".try_into().unwrap()));
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn reads_a_certificate_made_by_another_program() {
        let der = issued();
        let certificate = parse(&der).unwrap();
        assert_eq!(certificate.subject, "O=Åkeri\\, Söner & Co, C=SE, CN=api Ω");
        assert_eq!(certificate.issuer, certificate.subject);
        assert!(certificate.self_issued);
        assert_eq!(certificate.not_before, unix_seconds(2024, 2, 29, 0, 0, 0).unwrap());
        assert_eq!(certificate.not_after, unix_seconds(2051, 12, 31, 0, 0, 0).unwrap());
        assert_eq!(validity(&der), Some((certificate.not_before, certificate.not_after)));
        let names: Vec<String> = certificate.names.iter().map(AltName::to_string).collect();
        assert_eq!(names, ["api.example.com", "*.example.com", "10.0.0.7", "2001:db8::1"]);
    }

    #[test]
    fn every_prefix_is_an_error() {
        let der = issued();
        for length in 0..der.len() {
            let error = parse(&der[..length]).unwrap_err();
            assert!(error.at <= length, "{error} in {length} bytes");
            assert_eq!(validity(&der[..length]), None);
        }
    }

    #[test]
    fn changed_bytes_never_panic_and_never_grow() {
        let der = issued();
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as usize
        };
        let (mut read, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut changed = der.clone();
            for _ in 0..=random() % 4 {
                let at = random() % changed.len();
                changed[at] = random() as u8;
            }
            match parse(&changed) {
                Ok(certificate) => {
                    read += 1;
                    assert!(certificate.subject.len() <= MAX_NAME_TEXT);
                    assert!(certificate.names.len() <= MAX_NAMES);
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.at <= changed.len());
                }
            }
        }
        assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
    }

    #[test]
    fn subjects() {
        let two = [
            &value(SET, &[&attribute(O, PRINTABLE_STRING, b"bar")])[..],
            &value(SET, &[&attribute(CN, UTF8_STRING, b"foo"), &attribute(&[0x2a, 0x03], UTF8_STRING, b"x")]),
        ];
        let cases: &[(Vec<u8>, &str)] = &[
            (name(&[]), ""),
            (name(&two), "CN=foo+1.2.3=x, O=bar"),
            (common_name(TELETEX_STRING, b"caf\xe9"), "CN=café"),
            (common_name(BMP_STRING, &[0x03, 0xa9, 0xd8, 0x3d, 0xde, 0x00]), "CN=Ω😀"),
            (common_name(BMP_STRING, &[0x03]), "CN=#1e0103"),
            (common_name(BMP_STRING, &[0xd8, 0x00]), "CN=#1e02d800"),
            (common_name(UNIVERSAL_STRING, &[0, 1, 0xf6, 0]), "CN=😀"),
            (common_name(UNIVERSAL_STRING, &[0, 1, 0xf6]), "CN=#1c030001f6"),
            (common_name(UNIVERSAL_STRING, &[0, 0, 0xd8, 0]), "CN=#1c040000d800"),
            (common_name(UTF8_STRING, &[0xff]), "CN=#0c01ff"),
            (common_name(INTEGER, &[7]), "CN=#020107"),
            (common_name(UTF8_STRING, b" #a, b+c\"<;\\ "), "CN=\\ #a\\, b\\+c\\\"\\<\\;\\\\\\ "),
            (common_name(UTF8_STRING, b"#a\n\x1b[31m\xc2\x9b"), "CN=\\#a\\0a\\1b[31m\\c2\\9b"),
            (common_name(UTF8_STRING, b""), "CN="),
        ];
        for (subject, text) in cases {
            assert_eq!(subject_of(subject).as_deref(), Ok(*text));
        }
    }

    #[test]
    fn dotted_identifiers() {
        // 2.25 is where UUIDs live: arcs of 128 bits are read, longer ones are not.
        let arc = |first: u8| [&[0x69, first][..], &[0xff; 17], &[0x7f]].concat();
        let largest = format!("2.25.{}=x", u128::MAX);
        let cases: &[(&[u8], Result<&str, ()>)] = &[
            (&[0x00], Ok("0.0=x")),
            (&[0x27], Ok("0.39=x")),
            (&[0x28], Ok("1.0=x")),
            (&[0x4f], Ok("1.39=x")),
            (&[0x50], Ok("2.0=x")),
            (&[0x88, 0x37, 0x03], Ok("2.999.3=x")),
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d], Ok("1.2.840.113549=x")),
            (&arc(0x83), Ok(&largest)),
            (&arc(0x84), Err(())),
            (&[], Err(())),
            (&[0x2a, 0x80, 0x01], Err(())),
            (&[0x2a, 0x81], Err(())),
        ];
        for &(oid, expected) in cases {
            let subject = name(&[&value(SET, &[&attribute(oid, UTF8_STRING, b"x")])]);
            let expected = expected.map(String::from).map_err(|()| "an object identifier that is not one");
            assert_eq!(subject_of(&subject), expected, "{oid:02x?}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = subject_of(&common_name(UTF8_STRING, "é".repeat(2000).as_bytes())).unwrap();
        assert!(text.len() <= MAX_NAME_TEXT && text.len() > MAX_NAME_TEXT - 4, "{}", text.len());
        assert!(text.starts_with("CN=éé") && text.ends_with("é…"));
        let hex = subject_of(&common_name(OCTET_STRING, &[0xab; 4000])).unwrap();
        assert!(hex.len() <= MAX_NAME_TEXT && hex.ends_with('…'));
        let dns = names_of(&[&value(0x82, &[&[b'a'; 513]])]).unwrap();
        assert!(dns[0].len() <= MAX_DNS_TEXT && dns[0].ends_with("a…"));
        let whole = names_of(&[&value(0x82, &[&[b'a'; 512]])]).unwrap();
        assert_eq!(whole[0], "a".repeat(512));
    }

    #[test]
    fn malformed_subjects() {
        let part = value(SET, &[&attribute(CN, UTF8_STRING, b"x")]);
        let many = value(SET, &[&attribute(CN, UTF8_STRING, b"x").repeat(MAX_ATTRIBUTES + 1)]);
        let no_type = value(SET, &[&value(SEQUENCE, &[&value(UTF8_STRING, &[b"x"])])]);
        let no_value = value(SET, &[&value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[CN])])]);
        let third = [value(OBJECT_IDENTIFIER, &[CN]), value(UTF8_STRING, &[b"x"]).repeat(2)].concat();
        let extra = value(SET, &[&value(SEQUENCE, &[&third])]);
        let cases: &[(&[u8], &str)] = &[
            (&value(SEQUENCE, &[b"x"]), "a part of a name that is not a set"),
            (&value(INTEGER, &[b"\x01"]), "a part of a name that is not a set"),
            (&value(SET, &[&value(SET, &[])]), "an attribute that is not a sequence"),
            (&no_type, "an attribute without its type"),
            (&no_value, "the end in the middle of a value"),
            (&extra, "bytes after an attribute's value"),
            (&many, "a name of more than 128 attributes"),
        ];
        assert_eq!(subject_of(&name(&[&part])).as_deref(), Ok("CN=x"));
        for (subject, what) in &cases[1..] {
            assert_eq!(subject_of(&name(&[subject])), Err(*what));
        }
        assert_eq!(subject_of(cases[0].0), Err("the end in the middle of a value"));
    }

    #[test]
    fn alternative_names_are_read_in_order_and_others_passed_over() {
        let names = names_of(&[
            &value(0x81, &[b"ops@example.com"]),
            &value(0x82, &[b"a.example"]),
            &value(0x86, &[b"https://a.example/"]),
            &value(0xa4, &[&name(&[])]),
            &value(0x87, &[&[127, 0, 0, 1]]),
            &value(0x82, &[b"evil\0.example\x1b\xff\\ "]),
            &value(0x87, &[&[0; 16]]),
        ]);
        let expected = ["a.example", "127.0.0.1", "evil\\x00.example\\x1b\\xff\\\\\\x20", "::"];
        assert_eq!(names.unwrap(), expected);
    }

    #[test]
    fn names_past_the_bound_are_left_out() {
        let many = value(0x82, &[b"a"]).repeat(MAX_NAMES + 1);
        assert_eq!(names_of(&[&many]).unwrap().len(), MAX_NAMES);
    }

    #[test]
    fn hosts_are_compared_with_the_names() {
        let [dns, wild, odd] = [&b"Api.Example"[..], b"*.wild.test", b"-a-.test"].map(|name| value(0x82, &[name]));
        let others =
            [value(0x82, &[b"*.test"]), value(0x82, &[b"x*.wild.test"]), value(0x81, &[b"mail.test"])].concat();
        let addresses = [value(0x87, &[&[127, 0, 0, 1]]), value(0x87, &[&[0; 16]])].concat();
        let names = [&dns[..], &wild, &odd, &others, &addresses].concat();
        let der = certificate(&common_name(UTF8_STRING, b"cn.test"), DATES, &[&alt_names(&[&names])]);
        for host in [
            "api.example",
            "API.example",
            "shop-.wild.test",
            "-.wild.test",
            "_a.wild.test",
            "-a-.test",
            "127.0.0.1",
            "::",
        ] {
            assert!(is_for(&der, host), "{host}");
        }
        let no_label = ["wild.test", ".wild.test.", "a.b.wild.test", "x.test", "xa.b", "mail.test", "*"];
        for host in no_label.into_iter().chain(["127.0.0.2", "0.0.0.0", "::1", "cn.test", "", "api.example."]) {
            assert!(!is_for(&der, host) && !is_called(&der, host), "{host}");
        }
        assert!(!is_for(b"", "a"));
    }

    #[test]
    fn the_common_name_counts_where_there_are_no_others() {
        let parts = [
            &value(SET, &[&attribute(O, UTF8_STRING, b"org.test")])[..],
            &value(SET, &[&attribute(CN, PRINTABLE_STRING, b"Cn.test")]),
        ];
        let der = certificate(&name(&parts), DATES, &[]);
        assert!(is_called(&der, "cn.test") && !is_for(&der, "cn.test"));
        assert!(!is_called(&der, "org.test") && !is_called(&der, ""));
        let address = certificate(&common_name(UTF8_STRING, b"*.0.0.1"), DATES, &[]);
        assert!(is_called(&address, "a.0.0.1") && !is_called(&address, "127.0.0.1"));
        let literal = certificate(&common_name(UTF8_STRING, b"127.0.0.1"), DATES, &[]);
        assert!(is_called(&literal, "127.0.0.1"));
        let empty_list = certificate(&common_name(UTF8_STRING, b"cn.test"), DATES, &[&alt_names(&[])]);
        assert!(!is_called(&empty_list, "cn.test"));
    }

    #[test]
    fn what_makes_no_sense_leaves_an_outline() {
        let bad_address = alt_names(&[&value(0x87, &[&[1; 5]])]);
        let bad_name = name(&[&value(INTEGER, &[b"\x01"])]);
        for der in [certificate(&name(&[]), DATES, &[&bad_address]), certificate(&bad_name, DATES, &[])] {
            assert!(parse(&der).is_err());
            let outline = outline(&der).unwrap();
            assert_eq!((outline.not_before, outline.not_after), validity(&der).unwrap());
            assert_eq!((&outline.subject[..], &outline.issuer[..], outline.names.len()), ("", "CN=Issuer", 0));
        }
        let whole = certificate(&common_name(UTF8_STRING, b"x"), DATES, &[&alt_names(&[&value(0x82, &[b"a"])])]);
        assert_eq!(outline(&whole), parse(&whole).ok());
        assert_eq!(outline(&whole[..whole.len() - 1]), None);
    }

    #[test]
    fn who_vouches_for_others() {
        let itself = common_name(UTF8_STRING, b"Issuer");
        let other = common_name(UTF8_STRING, b"other");
        let constraints = |content: &[u8]| extensions(&[&extension(BASIC_CONSTRAINTS, &value(SEQUENCE, &[content]))]);
        let garbage = extensions(&[&extension(BASIC_CONSTRAINTS, b"\xff")]);
        let cases: [(&[u8], Vec<u8>, bool); 8] = [
            (&itself, Vec::new(), true),
            (&other, Vec::new(), false),
            (&itself, constraints(&[]), false),
            (&itself, constraints(&[BOOLEAN, 1, 0]), false),
            (&itself, constraints(&[BOOLEAN, 1, 0xff]), true),
            (&other, constraints(&[BOOLEAN, 1, 0xff, INTEGER, 1, 0]), true),
            (&other, constraints(&[INTEGER, 1, 0]), false),
            (&itself, garbage, false),
        ];
        for (subject, tail, expected) in cases {
            assert_eq!(may_issue(&certificate(subject, DATES, &[&tail])), expected, "{tail:02x?}");
        }
        assert!(!may_issue(b""));
    }

    #[test]
    fn keys_and_their_sizes() {
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
        let info = |kind: &[u8], key: &[u8]| {
            let algorithm = value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[kind]), &[5, 0]]);
            [algorithm, value(BIT_STRING, &[&[0], key])].concat()
        };
        let rsa =
            |modulus: &[u8]| info(RSA, &value(SEQUENCE, &[&value(INTEGER, &[modulus]), &value(INTEGER, &[&[3]])]));
        let bits = |info: &[u8]| PublicKey::of_info(info).and_then(|key| key.rsa_bits());
        assert_eq!(bits(&rsa(&[&[0, 0x80][..], &[1; 127]].concat())), Some(1024));
        assert_eq!(bits(&rsa(&[&[0x7f][..], &[1; 127]].concat())), Some(1023));
        assert_eq!(bits(&rsa(&[1])), Some(1));
        for nothing in [rsa(&[0]), rsa(&[]), info(CN, b""), info(RSA, b""), Vec::new(), vec![0x30, 0]] {
            assert_eq!(bits(&nothing), None, "{nothing:02x?}");
        }
        let der = certificate(&name(&[]), DATES, &[]);
        let key = PublicKey::of_certificate(&der).unwrap();
        assert_eq!((key.bits, algorithm::name(key.algorithm)), (&[1, 2, 3][..], "1.2.3".to_owned()));
        assert_eq!(issuer(&der), Some(&common_name(UTF8_STRING, b"Issuer")[2..]));
    }

    #[test]
    fn directory_names_are_taken_out_of_name_constraints() {
        let subtree = |base: &[u8]| value(SEQUENCE, &[base]);
        let directory = subtree(&value(DIRECTORY_NAME, &[&common_name(UTF8_STRING, &[b'x'; 200])]));
        let dns = subtree(&value(DNS_NAME, &[b"good.test"]));
        let (permitted, excluded) = (0xa0, 0xa1);
        let both = value(permitted, &[&directory, &dns, &directory]);
        let kept = value(permitted, &[&dns]);
        let cases: &[(&[&[u8]], &[u8])] = &[
            (&[&both], &kept),
            (&[&both, &value(excluded, &[&directory])], &kept),
            (&[&value(permitted, &[&directory])], &[]),
            (&[&value(excluded, &[&dns.repeat(20)])], &value(excluded, &[&dns.repeat(20)])),
            (&[], &[]),
            // Not to be read: left to be refused.
            (&[&both, &[0xa1]], &[&both[..], &[0xa1]].concat()),
            (&[&value(permitted, &[&[0x30, 0]])], &value(permitted, &[&[0x30, 0]])),
        ];
        for (constraints, expected) in cases {
            let constraints = constraints.concat();
            assert_eq!(without_directory_names(&constraints), *expected, "{constraints:02x?}");
            let critical = [&value(OBJECT_IDENTIFIER, &[NAME_CONSTRAINTS])[..], &value(BOOLEAN, &[&[0xff]])].concat();
            let octets = value(OCTET_STRING, &[&value(SEQUENCE, &[&constraints])]);
            let der = certificate(&name(&[]), DATES, &[&extensions(&[&value(SEQUENCE, &[&critical, &octets])])]);
            assert_eq!(constrains_directory_names(&der), constraints != *expected);
        }
        assert!(!constrains_directory_names(&certificate(&name(&[]), DATES, &[])));
    }

    #[test]
    fn malformed_extensions() {
        let san = extension(SAN, &value(SEQUENCE, &[]));
        let other = extension(&[0x55, 0x1d, 0x0f], b"\xff\xff");
        let critical = [&value(OBJECT_IDENTIFIER, &[SAN])[..], &value(BOOLEAN, &[&[0xff]])].concat();
        let named = value(SEQUENCE, &[&value(0x82, &[b"a"])]);
        let cases: &[(&[u8], Result<usize, &str>)] = &[
            (&[], Ok(0)),
            (&extensions(&[]), Ok(0)),
            (&extensions(&[&other]), Ok(0)),
            (&extensions(&[&other, &extension(SAN, &named)]), Ok(1)),
            (&extensions(&[&value(SEQUENCE, &[&critical, &value(OCTET_STRING, &[&named])])]), Ok(1)),
            (&extensions(&[&san, &other, &san]), Err("an extension that comes twice")),
            (&value(EXTENSIONS, &[]), Err("no list of extensions")),
            (&value(EXTENSIONS, &[&value(SEQUENCE, &[]).repeat(2)]), Err("bytes after the extensions")),
            (&extensions(&[&value(SET, &[])]), Err("an extension that is not a sequence")),
            (&extensions(&[&value(SEQUENCE, &[])]), Err("an extension without its identifier")),
            (&extensions(&[&value(SEQUENCE, &[&critical])]), Err("an extension without a value")),
            (
                &extensions(&[&value(SEQUENCE, &[&critical, &value(OCTET_STRING, &[&named]).repeat(2)])]),
                Err("bytes after an extension's value"),
            ),
            (&extensions(&[&extension(SAN, b"")]), Err("no list of alternative names")),
            (&extensions(&[&extension(SAN, &named.repeat(2))]), Err("bytes after the alternative names")),
            (&value(INTEGER, &[&[1]]), Err("bytes after the certificate's last field")),
        ];
        for (tail, expected) in cases {
            let read = parse(&certificate(&name(&[]), DATES, &[tail]));
            assert_eq!(read.map(|certificate| certificate.names.len()).map_err(|error| error.what), *expected);
        }
        for length in [0, 3, 5, 15, 17] {
            let names = names_of(&[&value(0x87, &[&vec![1; length]])]);
            assert_eq!(names, Err("an address of neither 4 nor 16 bytes"));
        }
        // The unique identifiers of X.509v2 stand between the key and the extensions.
        let ids = [value(ISSUER_UNIQUE_ID, &[&[0, 1]]), value(SUBJECT_UNIQUE_ID, &[&[0, 2]])].concat();
        let with_ids = certificate(&name(&[]), DATES, &[&ids, &alt_names(&[&value(0x82, &[b"a"])])]);
        assert_eq!(parse(&with_ids).unwrap().names, [AltName::Dns("a".into())]);
    }

    #[test]
    fn missing_fields_are_named() {
        // Take the fields of a body away from the end, one at a time.
        let whole = certificate(&name(&[]), DATES, &[]);
        let mut certificate = Reader { rest: &whole, at: 0 }.value().unwrap().inside();
        let mut body = certificate.value().unwrap().inside();
        let mut fields = Vec::new();
        while !body.is_empty() {
            fields.push(body.value().unwrap().der.to_vec());
        }
        let rest = certificate.rest;
        let whats = [
            "no serial number", // the version is optional
            "no serial number",
            "no signature algorithm in the body",
            "no issuer",
            "no validity",
            "no subject",
            "no public key",
        ];
        for (kept, what) in whats.iter().enumerate() {
            let body = value(SEQUENCE, &[&fields[..kept].concat()]);
            let error = parse(&value(SEQUENCE, &[&body, rest])).unwrap_err();
            assert_eq!(error.what, *what);
        }

        let body = value(SEQUENCE, &[&fields.concat()]);
        let algorithm = value(SEQUENCE, &[]);
        let signature = value(BIT_STRING, &[&[0]]);
        let cases: &[(Vec<u8>, &str)] = &[
            (vec![], "no certificate"),
            (value(SET, &[]), "no certificate"),
            (value(SEQUENCE, &[]), "no certificate body"),
            (value(SEQUENCE, &[&body]), "no signature algorithm"),
            (value(SEQUENCE, &[&body, &algorithm]), "no signature"),
            (value(SEQUENCE, &[&body, &algorithm, &signature, &signature]), "bytes after the signature"),
            ([&whole[..], b"\0"].concat(), "bytes after the certificate"),
            (vec![0x30; MAX_CERTIFICATE + 1], "a certificate of more than 64 KiB"),
        ];
        for (der, what) in cases {
            assert_eq!(parse(der).unwrap_err().what, *what);
        }
    }

    #[test]
    fn lengths_have_one_form() {
        let cases: &[(&[u8], &str)] = &[
            (&[0x30, 0x80, 0x00, 0x00], "an indefinite length"),
            (&[0x30, 0x81, 0x7f], "a length that is not in its shortest form"),
            (&[0x30, 0x82, 0x00, 0xff], "a length that is not in its shortest form"),
            (&[0x30, 0x85, 1, 0, 0, 0, 0], "a length of more than four bytes"),
            (&[0x30, 0xff], "a length of more than four bytes"),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "a value longer than what holds it"),
            (&[0x30, 0x01], "a value longer than what holds it"),
            (&[0x30, 0x82, 0x01], "the end in the middle of a value"),
            (&[0x30], "the end in the middle of a value"),
            (&[0x3f, 0x01, 0x00], "a tag of more than one byte"),
        ];
        for &(der, what) in cases {
            assert_eq!(parse(der).unwrap_err().what, what, "{der:02x?}");
        }
        let error = parse(&[0x30, 0x04, 0x30, 0x02, 0x02, 0x05]).unwrap_err();
        assert_eq!(error.to_string(), "no signature algorithm at byte 6");
    }

    #[test]
    fn dates_follow_rfc_5280() {
        let good: &[(u8, &[u8], i64)] = &[
            (UTC_TIME, b"500101000000Z", -631_152_000),
            (UTC_TIME, b"491231235959Z", 2_524_607_999),
            (UTC_TIME, b"000229120000Z", 951_825_600),
            (GENERALIZED_TIME, b"20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, b"99991231235959Z", 253_402_300_799),
            (GENERALIZED_TIME, b"00000101000000Z", -62_167_219_200),
        ];
        for &(tag, text, expected) in good {
            assert_eq!(dates_of((tag, text), DATES[1]), Ok((expected, 1_767_225_600)));
        }
        let bad: &[(u8, &[u8])] = &[
            (UTC_TIME, b"2501010000Z"),
            (UTC_TIME, b"250101000000"),
            (UTC_TIME, b"250101000000+0000"),
            (UTC_TIME, b"20250101000000Z"),
            (UTC_TIME, b"25010100000 Z"),
            (UTC_TIME, b"+50101000000Z"),
            (UTC_TIME, b"250001000000Z"),
            (UTC_TIME, b"251301000000Z"),
            (UTC_TIME, b"250229000000Z"),
            (UTC_TIME, b"250100000000Z"),
            (UTC_TIME, b"250101240000Z"),
            (UTC_TIME, b"250101006000Z"),
            (UTC_TIME, b"250101000060Z"),
            (UTC_TIME, b""),
            (GENERALIZED_TIME, b"250101000000Z"),
            (GENERALIZED_TIME, b"20250101000000.5Z"),
            (UTF8_STRING, b"250101000000Z"),
        ];
        let what = "a date that does not exist or is not written as RFC 5280 wants";
        for &date in bad {
            assert_eq!(dates_of(date, DATES[1]), Err(what), "{date:?}");
            assert_eq!(dates_of(DATES[0], date), Err(what), "{date:?}");
        }
    }

    #[test]
    fn unix_seconds_agrees_with_known_dates() {
        let cases = [
            ((1970, 1, 1, 0, 0, 0), Some(0)),
            ((1969, 12, 31, 23, 59, 59), Some(-1)),
            ((2000, 3, 1, 0, 0, 0), Some(951_868_800)),
            ((2024, 12, 31, 23, 59, 59), Some(1_735_689_599)),
            ((2038, 1, 19, 3, 14, 8), Some(1 << 31)),
            ((2100, 2, 28, 0, 0, 0), Some(4_107_456_000)),
            ((9999, 12, 31, 23, 59, 59), Some(253_402_300_799)),
            ((0, 1, 1, 0, 0, 0), Some(-62_167_219_200)),
            ((2100, 2, 29, 0, 0, 0), None),
            ((2025, 4, 31, 0, 0, 0), None),
            ((10_000, 1, 1, 0, 0, 0), None),
            ((u32::MAX, u32::MAX, 1, 0, 0, 0), None),
        ];
        for ((year, month, day, hour, minute, second), expected) in cases {
            assert_eq!(unix_seconds(year, month, day, hour, minute, second), expected, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut expected = unix_seconds(1899, 12, 31, 0, 0, 0).unwrap();
        for year in 1900..2401 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month).unwrap() {
                    expected += 86_400;
                    assert_eq!(unix_seconds(year, month, day, 0, 0, 0), Some(expected));
                }
            }
        }
    }
}
