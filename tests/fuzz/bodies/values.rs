//! Values that others wrote: JSON documents and certificates.

use std::cmp::Ordering;

use upcheck::proto::json::{self, JsonFound, Path};
use upcheck::proto::x509::{self, MAX_CERTIFICATE, MAX_NAME_TEXT, MAX_NAMES, PublicKey, algorithm};

use super::Tape;

/// What is found in a document is itself a document, and an error points into the text.
pub fn json(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let line = String::from_utf8_lossy(tape.line()).into_owned();
    let path = match Path::parse(&line) {
        Ok(path) => {
            assert_eq!(Path::parse(&path.to_string()).as_ref(), Ok(&path), "a path is written as it is read");
            path
        }
        Err(error) => {
            assert!(error.at <= line.len() && !error.what.is_empty());
            Path::parse(".a").expect("a path")
        }
    };
    let text = tape.rest();
    match json::find(text, &path) {
        Ok(None | Some(JsonFound::String(_) | JsonFound::Bool(_) | JsonFound::Null)) => {}
        Ok(Some(JsonFound::Number(number))) => numbers(number, &line),
        Ok(Some(JsonFound::Array(part) | JsonFound::Object(part))) => {
            assert!(json::find(part.as_bytes(), &path).is_ok(), "{part}");
        }
        Err(error) => {
            assert!(error.at <= text.len() && error.line >= 1 && error.column >= 1, "{error:?}");
            assert!(error.column <= error.at + 1 && error.line <= error.at + 1, "{error:?}");
        }
    }
    if let Ok(text) = std::str::from_utf8(text)
        && let Ok((_, rest)) = json::read_string(text)
    {
        assert!(text.ends_with(rest) && text[..text.len() - rest.len()].ends_with('"'));
    }
}

/// Two numbers compare the same from both sides, and a number equals itself.
fn numbers(number: &str, other: &str) {
    assert!(json::is_number(number));
    assert_eq!(json::compare_numbers(number, number), Ordering::Equal);
    if json::is_number(other) {
        assert_eq!(json::compare_numbers(number, other), json::compare_numbers(other, number).reverse());
    }
}

/// A certificate keeps to its bounds, and its dates do not depend on who asks for them.
pub fn x509(bytes: &[u8]) {
    let outline = x509::outline(bytes);
    assert_eq!(outline.map(|read| (read.not_before, read.not_after)), x509::validity(bytes));
    assert!(!(x509::is_for(bytes, "a") && x509::is_called(bytes, "a")));
    assert!(!x509::may_issue(bytes) || x509::validity(bytes).is_some());
    assert!(!x509::constrains_directory_names(bytes) || x509::issuer(bytes).is_some());
    let kept = x509::without_directory_names(bytes);
    assert!(kept.len() <= bytes.len() && x509::without_directory_names(&kept) == kept);
    for key in [PublicKey::of_certificate(bytes), PublicKey::of_info(bytes)].into_iter().flatten() {
        assert!(key.rsa_bits().is_none_or(|bits| bits <= 8 * key.bits.len()));
        assert!(!algorithm::name(key.algorithm).is_empty());
    }
    match x509::parse(bytes) {
        Ok(certificate) => {
            assert!(bytes.len() <= MAX_CERTIFICATE && certificate.names.len() <= MAX_NAMES);
            for text in [&certificate.subject, &certificate.issuer] {
                assert!(text.len() <= MAX_NAME_TEXT, "{text}");
            }
            assert_eq!(x509::validity(bytes), Some((certificate.not_before, certificate.not_after)));
        }
        Err(error) => assert!(error.at <= bytes.len() && !error.what.is_empty(), "{error:?}"),
    }
}
