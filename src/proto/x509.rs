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
//!
//! This file has the fields of a certificate and what follows from them alone. `der` reads the bytes, `dates`, `hosts`,
//! `distinguished` and `key` what stands in the fields, [`algorithm`] has the names of algorithms.

pub mod algorithm;
mod dates;
mod der;
mod distinguished;
mod hosts;
mod key;

use dates::unix_time;
pub use der::DerError;
use der::{BIT_STRING, BOOLEAN, DerReader, DerValue, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
pub use distinguished::MAX_NAME_TEXT;
use distinguished::name_text;
use hosts::general_names;
pub use hosts::{AltName, MAX_NAMES, constrains_directory_names, is_called, is_for, without_directory_names};
pub use key::PublicKey;

/// The longest certificate that is read, in bytes. TLS libraries stop at the same size for a whole
/// chain.
pub const MAX_CERTIFICATE: usize = 64 * 1024;

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

// === The fields of a certificate ===

/// The identifiers of extensions (RFC 5280, sections 4.2.1.6, 4.2.1.9 and 4.2.1.10).
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];

/// `[0] EXPLICIT`, `[1]` and `[2] IMPLICIT BIT STRING` and `[3] EXPLICIT` of a certificate's body.
const VERSION: u8 = 0xa0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;

/// The fields that matter, still as bytes (RFC 5280 section 4.1).
struct Fields<'a> {
    not_before: i64,
    not_after: i64,
    subject: DerValue<'a>,
    issuer: DerValue<'a>,
    public_key: DerValue<'a>,
    extensions: Option<DerValue<'a>>,
}

impl<'a> Fields<'a> {
    fn read(der: &'a [u8]) -> Result<Self, DerError> {
        if der.len() > MAX_CERTIFICATE {
            let what = "a certificate of more than 64 KiB";
            return Err(DerError { at: MAX_CERTIFICATE, what });
        }
        let mut outer = DerReader { rest: der, at: 0 };
        let mut certificate = outer.expect(SEQUENCE, "no certificate")?.inside();
        outer.finish("bytes after the certificate")?;

        let body = certificate.expect(SEQUENCE, "no certificate body")?;
        certificate.expect(SEQUENCE, "no signature algorithm")?;
        certificate.expect(BIT_STRING, "no signature")?;
        certificate.finish("bytes after the signature")?;
        Self::read_body(body.inside())
    }

    fn read_body(mut body: DerReader<'a>) -> Result<Self, DerError> {
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
    fn extension(&self, wanted: &[u8]) -> Result<Option<DerValue<'a>>, DerError> {
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

#[cfg(test)]
mod tests;
