//! Pieces of SVG that fit any width: shapes on a plane of 1,000 units that is stretched, texts beside them that are not.
//!
//! All of it is called from many places and never in a hurry: nothing here is worth a copy at each caller.

use super::page::{push, push_decimal, push_text};

/// How wide the plane is.
pub const WIDTH: f64 = 1000.0;

/// The width of a letter, on a phone.
const LETTER: f64 = 21.0;

/// About so many marks stand on an axis: as many as a phone has room for.
const TICKS: f64 = 6.0;

/// Appends the start of a picture. `title` is for those who cannot see it.
#[inline(never)]
pub fn push_open(height: f64, title: &str, out: &mut Vec<u8>) {
    push(out, "<svg class=\"chart\" width=\"100%\" height=\"");
    push_decimal(height, out);
    push(out, "\" role=\"img\"><title>");
    push_text(title, usize::MAX, out);
    push(out, "</title>\n");
}

/// Appends the plane with its shapes. It begins at `top`, and is `height` high.
#[inline(never)]
pub fn push_plane(top: f64, height: f64, shapes: &[u8], out: &mut Vec<u8>) {
    push(out, "<svg x=\"0\" y=\"");
    push_decimal(top, out);
    push(out, "\" width=\"100%\" height=\"");
    push_decimal(height, out);
    push(out, "\" viewBox=\"0 0 1000 ");
    push_decimal(height, out);
    push(out, "\" preserveAspectRatio=\"none\">\n");
    out.extend_from_slice(shapes);
    push(out, "</svg>\n");
}

/// Appends a path, unless it is empty.
#[inline(never)]
pub fn push_path(class: &str, path: &[u8], out: &mut Vec<u8>) {
    if !path.is_empty() {
        push(out, "<path class=\"");
        push(out, class);
        push(out, "\" d=\"");
        out.extend_from_slice(path);
        push(out, "\"/>\n");
    }
}

/// Appends a rectangle to a path. What has no width or height is left out.
#[inline(never)]
pub fn push_rect([x, y, width, height]: [f64; 4], path: &mut Vec<u8>) {
    if width <= 0.0 || height <= 0.0 {
        return;
    }
    for (command, value) in [("M", x), (" ", y), ("h", width), ("v", height), ("h-", width)] {
        push(path, command);
        push_decimal(value, path);
    }
    path.push(b'z');
}

/// Appends a vertical line to a path.
#[inline(never)]
pub fn push_rule(x: f64, from: f64, to: f64, path: &mut Vec<u8>) {
    push_point("M", x, from, path);
    push(path, "V");
    push_decimal(to, path);
}

/// Appends a step of a path to a point.
#[inline(never)]
pub fn push_point(command: &str, x: f64, y: f64, path: &mut Vec<u8>) {
    push(path, command);
    push_decimal(x, path);
    path.push(b' ');
    push_decimal(y, path);
}

/// Appends a text at `x` of the plane's units. Class `e` ends there, `m` has its middle there.
#[inline(never)]
pub fn push_label(class: &str, x: f64, y: f64, text: &str, out: &mut Vec<u8>) {
    push(out, "<text class=\"");
    push(out, class);
    push(out, "\" x=\"");
    push_decimal(x * 100.0 / WIDTH, out);
    push(out, "%\" y=\"");
    push_decimal(y, out);
    push(out, "\">");
    push_text(text, usize::MAX, out);
    push(out, "</text>\n");
}

/// Appends the labels of an axis' marks, as `label` has them, and their lines to `grid`. A label for which there is no
/// room beside the last is left out.
pub fn push_axis(axis: &Axis, y: f64, height: f64, label: fn(f64) -> String, out: &mut Vec<u8>, grid: &mut Vec<u8>) {
    let mut free_from = 0.0;
    for tick in axis.ticks() {
        let x = axis.at(tick) * WIDTH;
        push_rule(x, 0.0, height, grid);
        let text = label(tick);
        let width = text.len() as f64 * LETTER;
        // At the edges a text stands within them.
        let (class, start) = match x - width / 2.0 {
            ..0.0 => ("", x),
            start if start + width > WIDTH => ("e", x - width),
            start => ("m", start),
        };
        if start >= free_from {
            push_label(class, x, y, &text, out);
            free_from = start + width;
        }
    }
}

/// Where a value stands between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    /// By its logarithm.
    log: bool,
}

impl Axis {
    /// From nothing to this, evenly.
    pub fn up_to(high: f64) -> Axis {
        Axis { low: 0.0, high: high.max(1.0), log: false }
    }

    /// From one to the other, by their logarithms. None of them is under 1.
    pub fn log(low: f64, high: f64) -> Axis {
        let low = low.max(1.0);
        Axis { low, high: high.max(low * 1.01), log: true }
    }

    /// Around values between these two: by logarithms where they are far apart, else with round ends.
    #[inline(never)]
    pub fn around(min: f64, max: f64) -> Axis {
        let (min, max) = (min.max(1.0), max.max(1.0));
        if max > min * 20.0 {
            return Axis::log(min / 1.1, max * 1.1);
        }
        // What is nearly the same is not to look as if it were not.
        let step = round_step((max - min).max(max / 10.0) / TICKS);
        Axis { low: (min / step).floor() * step, high: (max / step).floor() * step + step, log: false }
    }

    /// From 0 to 1.
    #[inline(never)]
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.log {
            true => log2(value.max(1.0) / self.low) / log2(self.high / self.low),
            false => (value - self.low) / (self.high - self.low),
        };
        share.clamp(0.0, 1.0)
    }

    /// Round values for its marks.
    #[inline(never)]
    pub fn ticks(&self) -> Vec<f64> {
        let within = |value: &f64| (self.low..=self.high).contains(value);
        let mut ticks = Vec::new();
        if self.log {
            // Between the powers of ten there is room only where there are few of them.
            let between: &[f64] = match self.high / self.low {
                ..10.0 => &[1.0, 2.0, 5.0],
                ..1000.0 => &[1.0, 3.0],
                _ => &[1.0],
            };
            let mut power = 1.0;
            while power <= self.high {
                ticks.extend(between.iter().map(|m| m * power).filter(within));
                power *= 10.0;
            }
            return ticks;
        }
        let step = round_step((self.high - self.low) / TICKS);
        let mut index = (self.low / step).ceil();
        while index * step <= self.high {
            ticks.push(index * step);
            index += 1.0;
        }
        ticks
    }
}

/// The smallest of 1, 2, 2.5 and 5, times a power of ten, that is not below this.
#[inline(never)]
fn round_step(step: f64) -> f64 {
    let step = step.clamp(1e-9, 1e21);
    let mut power = 1.0;
    while power * 10.0 <= step {
        power *= 10.0;
    }
    while power > step {
        power /= 10.0;
    }
    [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|round| *round >= step * 0.999).unwrap_or(power)
}

/// The logarithm to base 2 of a positive number, as exactly as a picture needs it. std's is the C library's, in a part of its
/// own that every start of the program would have to load.
fn log2(value: f64) -> f64 {
    const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = value.to_bits();
    let exponent = (bits >> FRACTION) as f64 - 1023.0;
    // From 1 to 2. Its logarithm is 2 artanh t, whose series has no more than 1e-8 left behind these.
    let mantissa = f64::from_bits(bits & ((1 << FRACTION) - 1) | 1.0f64.to_bits());
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let terms = (0..8).rev().fold(0.0, |sum, n| sum * t * t + 1.0 / f64::from(2 * n + 1));
    exponent + 2.0 * t * terms / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_near_enough() {
        for value in [1.0, 1.001, 1.5, 1.999_999, 2.0, 3.0, 10.0, 12_345.678, 1e15] {
            assert!((log2(value) - f64::log2(value)).abs() < 1e-7, "{value}: {}", log2(value));
        }
    }

    #[test]
    fn axes_have_round_marks_and_few() {
        assert_eq!(Axis::up_to(213.0).ticks(), [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert_eq!(Axis::up_to(1320.0).ticks().last(), Some(&1250.0));
        assert_eq!(Axis::up_to(0.0).ticks().len(), 6);
        assert_eq!(Axis::around(150.0, 900_000.0).ticks(), [1e3, 1e4, 1e5]);
        assert_eq!(Axis::log(25.0, 240.0).ticks(), [50.0, 100.0, 200.0]);
        assert_eq!(Axis::log(15.0, 350.0).ticks(), [30.0, 100.0, 300.0]);
        for (min, max) in [(0.0, 0.0), (200.0, 203.0), (1.0, 19.0), (1e3, 1e9), (5e6, 5e6)] {
            let axis = Axis::around(min, max);
            assert!((1..=8).contains(&axis.ticks().len()), "{min} {max}: {:?}", axis.ticks());
            assert!(axis.at(min) <= axis.at(max) && axis.at(max) < 1.0, "{axis:?}");
        }
    }

    #[test]
    fn steps_are_round() {
        for (step, round) in [(1.0, 1.0), (1.1, 2.0), (42.6, 50.0), (21.0, 25.0), (0.03, 0.05), (51.0, 100.0)] {
            assert!((round_step(step) - round).abs() < round * 1e-9, "{step}: {}", round_step(step));
        }
    }

    #[test]
    fn shapes() {
        let mut path = Vec::new();
        push_rect([1.0, 2.0, 30.5, 4.0], &mut path);
        push_rect([1.0, 2.0, 0.0, 4.0], &mut path);
        push_rule(5.0, 0.0, 9.0, &mut path);
        assert_eq!(path, b"M1 2h30.5v4h-30.5zM5 0V9");
    }
}
