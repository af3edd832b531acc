//! JSON numbers compared as decimal text. Knows no binary number that could round one.

use std::cmp::Ordering;

/// Exponents are cut to this many powers of ten, so that they fit a machine word. Of two numbers that both lie
/// past it, the powers count as equal.
const MAX_EXPONENT: i64 = 1_000_000_000_000_000;

/// Compares two JSON numbers by value, digit by digit: no rounding, and `1e999999999` costs no more than `1`.
///
/// `-0` equals `0`, `1.0` equals `1e0`. Both texts must be numbers (see [`is_number`](super::is_number)); for
/// other text the answer means nothing.
pub fn compare_numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (Decimal::read(a), Decimal::read(b));
    match (a.sign, b.sign) {
        (1, 1) => a.compare_size(&b),
        (-1, -1) => b.compare_size(&a),
        (a, b) => a.cmp(&b),
    }
}

/// A number as 0.DIGITS times ten to the `magnitude`, its first digit not 0.
struct Decimal<'a> {
    /// -1, 0 or 1.
    sign: i8,
    magnitude: i64,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Decimal<'a> {
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (-1, unsigned),
            None => (1, text),
        };
        let (mantissa, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let zeros = leading_zeros(whole, fraction);
        let is_zero = zeros == whole.len() + fraction.len();
        Decimal {
            sign: if is_zero { 0 } else { sign },
            magnitude: exponent(power) + whole.len() as i64 - zeros as i64,
            whole,
            fraction,
        }
    }

    /// Compares without the sign; neither may be zero.
    fn compare_size(&self, other: &Decimal<'_>) -> Ordering {
        self.magnitude.cmp(&other.magnitude).then_with(|| compare_digits(self.digits(), other.digits()))
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        let digits = self.whole.bytes().chain(self.fraction.bytes());
        digits.skip_while(|digit| *digit == b'0')
    }
}

fn leading_zeros(whole: &str, fraction: &str) -> usize {
    let digits = whole.bytes().chain(fraction.bytes());
    digits.take_while(|digit| *digit == b'0').count()
}

fn exponent(text: &str) -> i64 {
    let digits = text.trim_start_matches(['+', '-']);
    let size = digits.bytes().fold(0i64, |size, digit| {
        let digit = i64::from(digit.saturating_sub(b'0'));
        (size * 10 + digit).min(MAX_EXPONENT)
    });
    if text.starts_with('-') { -size } else { size }
}

/// Compares two rows of digits that start at the same power of ten; the shorter goes on with zeros.
fn compare_digits(mut a: impl Iterator<Item = u8>, mut b: impl Iterator<Item = u8>) -> Ordering {
    loop {
        let (a, b) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => (a.unwrap_or(b'0'), b.unwrap_or(b'0')),
        };
        if a != b {
            return a.cmp(&b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn compares_numbers_by_value() {
        for (a, b, order) in [
            ("0", "-0", Equal),
            ("0", "0.000e7", Equal),
            ("-0.0", "0e-99999999999999999999", Equal),
            ("1.0", "1e0", Equal),
            ("100", "1e2", Equal),
            ("0.001", "1e-3", Equal),
            ("10.5E1", "105", Equal),
            ("0.00120", "12e-4", Equal),
            ("2", "10", Less),
            ("2", "-10", Greater),
            ("-2", "-10", Greater),
            ("-1", "0", Less),
            ("0", "1e-400", Less),
            ("-1e-400", "0", Less),
            ("1.2", "1.10", Greater),
            ("12345678901234567890", "12345678901234567891", Less),
            ("0.1000000000000000055", "0.1000000000000000056", Less),
            ("9007199254740993", "9007199254740992", Greater),
            ("1e999999999", "1e999999998", Greater),
            ("1e999999999", "9", Greater),
            ("-1e999999999", "-9", Less),
            ("1e-999999999", "9", Less),
            ("9e99999999999999999999", "1e99999999999999999999", Greater),
        ] {
            assert_eq!(compare_numbers(a, b), order, "{a} {b}");
            assert_eq!(compare_numbers(b, a), order.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn agrees_with_integers_and_floats() {
        let numbers = [-1000, -101, -100, -7, -1, 0, 1, 9, 10, 11, 99, 100, 12345];
        for a in numbers {
            for b in numbers {
                let (a_text, b_text) = (a.to_string(), b.to_string());
                assert_eq!(compare_numbers(&a_text, &b_text), a.cmp(&b));
                let hundredth = format!("{b}e-2");
                assert_eq!(compare_numbers(&a_text, &hundredth), (a * 100).cmp(&b));
            }
        }
    }

    #[test]
    fn comparing_what_is_no_number_does_not_panic() {
        let long = "9".repeat(10_000);
        let odd = ["", "-", "e", "1e", "--1", "x", "\u{e9}.\u{e9}e\u{e9}", "1.2.3", &long];
        for a in odd {
            for b in odd {
                assert_eq!(compare_numbers(a, b), compare_numbers(b, a).reverse());
            }
        }
    }
}
