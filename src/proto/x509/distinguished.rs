//! Distinguished names as text (RFC 4514): whom a certificate is for and who issued it, as a person reads it.
//!
//! What cannot be text is written in hex, what is too long is cut. It refuses to know whose name it is.

use std::fmt::Write as _;

use super::der::{
    BMP_STRING, DerError, DerValue, IA5_STRING, NUMERIC_STRING, OBJECT_IDENTIFIER, PRINTABLE_STRING, SEQUENCE, SET,
    TELETEX_STRING, UNIVERSAL_STRING, UTF8_STRING, VISIBLE_STRING,
};

/// How long the text of a subject or an issuer may be, in bytes; it is cut and ends in `…` beyond
/// that.
pub const MAX_NAME_TEXT: usize = 1024;

/// How many attributes a subject or an issuer may have. Real ones have fewer than ten.
pub(super) const MAX_ATTRIBUTES: usize = 128;

/// A distinguished name as RFC 4514 writes it: the most specific part first, parts joined by `, `,
/// the attributes of one part by `+`.
pub(super) fn name_text(name: DerValue<'_>) -> Result<String, DerError> {
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
fn push_attribute(text: &mut String, attribute: DerValue<'_>) -> Result<(), DerError> {
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
pub(super) fn short_name(oid: &[u8]) -> Option<&'static str> {
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
pub(super) fn push_dotted(text: &mut String, oid: DerValue<'_>) -> Result<(), DerError> {
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
pub(super) fn string_value(value: DerValue<'_>) -> Option<String> {
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

pub(super) fn push_hex(text: &mut String, prefix: &str, bytes: &[u8]) {
    text.push_str(prefix);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // a write to a String cannot fail
    }
}

/// The text, or as much of it as fits into `limit` bytes with `…` after it.
pub(super) fn cut(mut text: String, limit: usize) -> String {
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
