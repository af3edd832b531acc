//! What every page has: its head with all of its style, texts that stay texts, and bars. The comparison's page is made of
//! it, too.
//!
//! A page asks for nothing: no script, no font, no picture, and a policy that forbids the browser to fetch any, should a
//! text ever get out of its place.

/// Appends what is HTML already.
pub use crate::report::text::push;
use crate::report::text::{push_number, push_rounded, push_shown};

/// All of the style. Colours are named once for light, once for dark.
const STYLE: &str = include_str!("style.css");

/// Appends all that stands before the page's own content. `title` is for the browser's tab.
pub fn push_head(title: &str, out: &mut Vec<u8>) {
    push(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>",
    );
    push_text(title, usize::MAX, out);
    push(out, "</title>\n<style>\n");
    push(out, STYLE);
    push(out, "</style>\n</head>\n<body>\n");
}

/// Appends what stands behind it.
pub fn push_foot(out: &mut Vec<u8>) {
    push(out, concat!("<footer>upcheck ", env!("CARGO_PKG_VERSION"), "</footer>\n</body>\n</html>\n"));
}

/// Texts put together.
#[inline(never)]
pub fn joined(parts: &[&str]) -> String {
    parts.concat()
}

/// Appends a text, at most `max` characters of it, that means nothing in HTML, neither between tags nor in a quoted
/// attribute. Characters that are not to be seen are made visible.
#[inline(never)]
pub fn push_text(text: &str, max: usize, out: &mut Vec<u8>) {
    let end = text.char_indices().nth(max).map_or(text.len(), |(at, _)| at);
    let mut shown = Vec::with_capacity(end);
    push_shown(&text[..end], &mut shown);
    for byte in shown {
        match byte {
            b'&' => push(out, "&amp;"),
            b'<' => push(out, "&lt;"),
            b'>' => push(out, "&gt;"),
            b'"' => push(out, "&quot;"),
            b'\'' => push(out, "&#39;"),
            byte => out.push(byte),
        }
    }
    if end < text.len() {
        push(out, "…");
    }
}

/// Appends a number for a person, with a narrow space that does not break at its thousands.
#[inline(never)]
pub fn push_count(number: u64, out: &mut Vec<u8>) {
    let mut digits = Vec::new();
    push_number(number, &mut digits);
    for (index, digit) in digits.iter().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            push(out, "\u{202f}");
        }
        out.push(*digit);
    }
}

/// Appends a row of a table of bars.
pub fn push_bar(bar: &PageBar<'_>, out: &mut Vec<u8>) {
    push(out, "<tr class=\"");
    push(out, bar.class);
    push(out, "\"><th scope=\"row\"><b>");
    push_text(bar.label, usize::MAX, out);
    push(out, "</b> ");
    push_small(bar.label_note, out);
    push(out, "</th><td><div>");
    if bar.share > 0.0 {
        push(out, "<i style=\"width:");
        push_decimal(bar.share * 100.0, out);
        push(out, "%\"></i>");
    }
    push(out, "</div></td><td>");
    push_small(bar.value_note, out);
    push(out, " <b>");
    push_text(bar.value, usize::MAX, out);
    push(out, "</b>");
    push(out, "</td></tr>\n");
}

/// A horizontal bar with its label and its value above it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageBar<'a> {
    /// Which colour: the word of a verdict, `plain`; `guess` beside it makes it hatched.
    pub class: &'a str,
    /// What the bar stands for, as text beside it.
    pub label: &'a str,
    /// In small letters behind that.
    pub label_note: &'a str,
    /// Its length, from 0 to 1. What is not nothing is to be seen.
    pub share: f64,
    /// Its length in words, as text behind it.
    pub value: &'a str,
    /// In small letters before that.
    pub value_note: &'a str,
}

fn push_small(text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        push(out, "<small>");
        push_text(text, usize::MAX, out);
        push(out, "</small>");
    }
}

/// Appends a number for a coordinate or a width: to the hundredth, never negative.
#[inline(never)]
pub fn push_decimal(value: f64, out: &mut Vec<u8>) {
    push_rounded(value, 2, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::pushed;

    #[test]
    fn texts_stay_texts() {
        let text = |text, max| pushed(|out| push_text(text, max, out));
        assert_eq!(text("a<b>&\"'\u{202e}\n", 99), "a&lt;b&gt;&amp;&quot;&#39;\\u{202e}\\u{a}");
        assert_eq!([text("äöü", 3), text("äöü", 2), text("", 0)], ["äöü", "äö…", ""]);
    }

    #[test]
    fn decimals_and_counts() {
        let decimal = |value| pushed(|out| push_decimal(value, out));
        assert_eq!([decimal(0.0), decimal(1000.0), decimal(0.5), decimal(12.345)], ["0", "1000", "0.5", "12.35"]);
        assert_eq!([decimal(0.04), decimal(-1.0), decimal(f64::NAN)], ["0.04", "0", "0"]);
        let count = |count| pushed(|out| push_count(count, out));
        assert_eq!(
            [count(7), count(999), count(1000), count(1_234_567)],
            ["7", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
    }

    #[test]
    fn the_style_asks_for_nothing() {
        assert!(["url(", "@import", "http", "</"].iter().all(|word| !STYLE.contains(word)));
    }
}
