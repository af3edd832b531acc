//! `Retry-After` (RFC 9110, 10.2.3): a number of seconds, or a date in the one form that is still sent (5.6.7).

use std::time::Duration;

use crate::proto::calendar::unix_seconds;

/// The longest that a server may ask us to stay away.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86400);

/// How long a `Retry-After` asks to wait, from `now`, in seconds since the Unix epoch. A date in the past is no wait.
/// `None` for what is neither a number nor a date.
pub fn retry_after(value: &[u8], now: u64) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let seconds = match value.bytes().all(|b| b.is_ascii_digit()) {
        true => value.parse().ok()?,
        false => u64::try_from(imf_fixdate(value)?).ok()?.saturating_sub(now),
    };
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as Unix time.
fn imf_fixdate(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_weekday, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = number(parts.next()?, 2)?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u32 + 1;
    let year = number(parts.next()?, 4)?;
    let mut time = parts.next()?.split(':');
    let (hour, minute, second) = (number(time.next()?, 2)?, number(time.next()?, 2)?, number(time.next()?, 2)?);
    if parts.next() != Some("GMT") || parts.next().is_some() || time.next().is_some() {
        return None;
    }
    unix_seconds(year, month, day, hour, minute, second)
}

fn number(text: &str, digits: usize) -> Option<u32> {
    let good = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        let seconds = Duration::from_secs;
        assert_eq!(retry_after(b"120", 0), Some(seconds(120)));
        assert_eq!(retry_after(b" 0 ", 0), Some(seconds(0)));
        assert_eq!(retry_after(b"Sun, 06 Nov 1994 08:49:37 GMT", 784_111_770), Some(seconds(7)));
        assert_eq!(retry_after(b"Sun, 06 Nov 1994 08:49:37 GMT", 999_999_999), Some(seconds(0)));
        assert_eq!(retry_after(b"99999999999", 0), Some(RETRY_AFTER_MAX));
    }

    #[test]
    fn what_is_neither_is_not_taken() {
        let cases: [&[u8]; 9] = [
            b"",
            b"-1",
            b"1.5",
            b"soon",
            b"99999999999999999999999",
            b"Sunday, 06-Nov-94 08:49:37 GMT",
            b"Sun, 06 Nov 1994 08:49:37 UTC",
            b"Sun, 31 Feb 1994 08:49:37 GMT",
            b"\xff",
        ];
        for value in cases {
            assert_eq!(retry_after(value, 0), None, "{}", value.escape_ascii());
        }
    }
}
