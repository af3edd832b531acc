//! Numbers, durations and sizes as a person writes them: `250ms 5s 1m 2h 7d`, `64KiB 1MiB`; and times and counts as a
//! person reads them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// The longest duration that is taken: ten years. Beyond lies arithmetic that could overflow, and no health check.
const DURATION_MAX: Duration = Duration::from_secs(10 * 366 * 86400);

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// Reads a duration. A bare number is seconds; fractions are taken (`1.5s`, `.5`).
///
/// # Errors
/// What is wrong, in a whole sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a duration (such as 250ms, 5s, 1m, 2h, 7d)");
    let (number, unit) = split_unit(text);
    let unit = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "" | "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3600 * SECOND,
        "d" => 86400 * SECOND,
        _ => return Err(wrong()),
    };
    let duration = Duration::from_nanos(decimal(number, unit).ok_or_else(wrong)?);
    match duration <= DURATION_MAX {
        true => Ok(duration),
        false => Err(format!("'{text}' is longer than ten years")),
    }
}

/// Reads digits with perhaps a point (`12`, `1.5`, `.5`), in parts of which `one` make 1. What is finer than a part is cut
/// off; what is more than a `u64` holds is its maximum. `None`: it is something else.
pub fn decimal(text: &str, one: u64) -> Option<u64> {
    let mut parts = 0u64;
    // What the last digit counted, from the point on.
    let mut place = None;
    for b in text.bytes() {
        let digit = u64::from(b.wrapping_sub(b'0'));
        match (b, place) {
            (b'0'..=b'9', None) => parts = parts.saturating_mul(10).saturating_add(digit * one),
            (b'0'..=b'9', Some(last)) => {
                parts = parts.saturating_add(digit * last / 10);
                place = Some(last / 10);
            }
            (b'.', None) => place = Some(one),
            _ => return None,
        }
    }
    (!matches!(text, "" | ".")).then_some(parts)
}

/// Reads a duration where zero makes no sense.
///
/// # Errors
/// What is wrong, in a whole sentence.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

/// Reads a number of bytes. `KiB MiB GiB` are powers of 1024; a bare number is bytes.
///
/// # Errors
/// What is wrong, in a whole sentence.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a size (such as 512, 64KiB, 1MiB)");
    let (number, unit) = split_unit(text);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(wrong()),
    };
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number: Option<u64> = number.parse().ok().filter(|_| digits);
    number.and_then(|number| number.checked_mul(1 << shift)).ok_or_else(wrong)
}

/// Reads a whole number: digits and nothing else, and in the range.
///
/// # Errors
/// What is wrong, in a whole sentence.
pub fn number<N: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<N>) -> Result<N, String> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && range.contains(number));
    number.ok_or_else(|| format!("'{text}' is not a number from {} to {}", range.start(), range.end()))
}

/// The Gregorian year, month and day of a day counted from 1970-01-01. Years are taken to begin in March, so that the
/// leap day is the last.
pub fn civil_date(days: u64) -> (u32, u32, u32) {
    // From 0000-03-01, in eras of 400 years, all of the same 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

/// A time for a person, in four to seven characters: `734 us`, `203 ms`, `1.48 s`, `25.0 s`.
pub fn short_time(time: Duration) -> String {
    // Of what is longer than 500,000 years no more is said, so that rounding has room.
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1_000_000);
    let rounded = |to: u64| (micros + to / 2) / to;
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..9_950 => format!("{}.{} ms", rounded(100) / 10, rounded(100) % 10),
        9_950..999_500 => format!("{} ms", rounded(1_000)),
        999_500..9_995_000 => format!("{}.{:02} s", rounded(10_000) / 100, rounded(10_000) % 100),
        _ => format!("{}.{} s", rounded(100_000) / 10, rounded(100_000) % 10),
    }
}

/// A number with what it counts: `1 query`, `2 queries`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Appends one more to what is listed in words: `between` stands before all but the first.
pub fn push_listed(list: &mut String, between: &str, one: &str) {
    if !list.is_empty() {
        list.push_str(between);
    }
    list.push_str(one);
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            ("250ms", 250_000),
            ("5s", 5_000_000),
            ("5", 5_000_000),
            ("1.5", 1_500_000),
            (".5s", 500_000),
            ("10us", 10),
            ("1m", 60_000_000),
            ("2h", 7_200_000_000),
            ("7d", 604_800_000_000),
            ("0", 0),
        ];
        for (text, micros) in cases {
            assert_eq!(duration(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for text in
            ["", "s", "-1s", "+1s", "1e3", "inf", "1.2.3", "5 s", "5x", "5S", "1m30s", "9999999d", "ms5", ".", ".s"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(positive_duration("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(positive_duration("0s"), Err("must be longer than nothing".to_owned()));
        assert_eq!(positive_duration("9999999d"), Err("'9999999d' is longer than ten years".to_owned()));
    }

    #[test]
    fn numbers() {
        assert_eq!((number("0", 0..=9u8), number("009", 0..=9u8)), (Ok(0), Ok(9)));
        assert_eq!(number("18446744073709551615", 0..=u64::MAX), Ok(u64::MAX));
        for text in ["", "10", "+1", "-1", "1.0", " 1", "x", "99999999999999999999999"] {
            assert_eq!(number(text, 0..=9u8), Err(format!("'{text}' is not a number from 0 to 9")));
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("512B", 512), ("64KiB", 65536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "-1", "+1", "1.5MiB", "1kb", "1 MiB", "99999999999999999999", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_is_one_and_no_more_are() {
        let words = [0, 1, 2].map(|count| counted(count, "query", "queries"));
        assert_eq!(words, ["0 queries", "1 query", "2 queries"]);
    }

    #[test]
    fn times_for_a_person() {
        let cases = [
            (0, "0 us"),
            (999, "999 us"),
            (1_500, "1.5 ms"),
            (203_400, "203 ms"),
            (999_999, "1.00 s"),
            (25_040_000, "25.0 s"),
        ];
        for (micros, shown) in cases {
            assert_eq!(short_time(Duration::from_micros(micros)), shown);
        }
    }
}
