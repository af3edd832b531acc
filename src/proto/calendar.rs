//! The calendar: dates as a count of seconds, for whatever has dates written in it.
//!
//! It refuses to know how a date is written, and what time it is.

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

#[cfg(test)]
mod tests {
    use super::*;

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
