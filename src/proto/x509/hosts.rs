//! The hosts that a certificate is for: its alternative names, and whether one of them is a given host; and what an issuer's
//! certificate says of the names that it may vouch for.
//!
//! It refuses to know whether the certificate is to be trusted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::der::{DerError, DerReader, DerValue, SEQUENCE, push_value};
use super::distinguished::{cut, push_hex, short_name, string_value};
use super::{Fields, MAX_CERTIFICATE, NAME_CONSTRAINTS, SUBJECT_ALT_NAME};

/// How many alternative names are kept; those after them are left out.
pub const MAX_NAMES: usize = 256;

/// How long the text of one DNS name may be, in bytes. RFC 1035 allows 253; the rest is room for
/// escapes.
pub(super) const MAX_DNS_TEXT: usize = 512;

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

/// The kinds of a GeneralName (RFC 5280, section 4.2.1.6).
pub(super) const DNS_NAME: u8 = 0x82;
pub(super) const DIRECTORY_NAME: u8 = 0xa4;
const IP_ADDRESS: u8 = 0x87;

/// The DNS names and addresses of a GeneralNames; mail addresses, URIs and the like are passed
/// over.
pub(super) fn general_names(octets: DerValue<'_>) -> Result<Vec<AltName>, DerError> {
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

fn ip_address(value: DerValue<'_>) -> Result<IpAddr, DerError> {
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
        let mut lists = DerReader { rest: constraints, at: 0 };
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
