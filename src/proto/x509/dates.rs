//! The dates of a certificate, in the two ways in which they are written.
//!
//! It refuses to know whether a date has passed: nothing here reads a clock.

use super::der::{DerError, DerValue, GENERALIZED_TIME, UTC_TIME};
use crate::proto::calendar::unix_seconds;

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`: seconds present, no fraction,
/// always Z (RFC 5280 section 4.1.2.5). A GeneralizedTime before 2050 breaks that section's rule
/// and no reader's understanding.
pub(super) fn unix_time(value: DerValue<'_>) -> Result<i64, DerError> {
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
