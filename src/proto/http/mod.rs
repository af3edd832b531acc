//! HTTP/1.1 as bytes (RFC 9112): what a client writes, what it reads, and nothing of how the bytes travel.

pub mod chunked;
pub mod close_reason;
pub mod date;
pub mod problem;
pub mod received;
pub mod request;
pub mod response;

/// The longest message head, and the longest trailer section, in bytes.
pub const HEAD_MAX: usize = 64 * 1024;

/// The most header fields in one head.
pub const HEADERS_MAX: usize = 256;

/// The most interim (1xx) responses before the final one.
const INTERIM_MAX: u32 = 16;

/// Where the head ends in `bytes`: the number of bytes up to and with its blank line. `from` bytes were searched
/// before.
///
/// A line ends in CRLF or in a lone LF (RFC 9112, 2.2).
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    // The blank line may have begun in what was searched before: "\n\r" there, "\n" here.
    let mut at = from.saturating_sub(2);
    while let Some(found) = bytes.get(at..)?.iter().position(|&b| b == b'\n') {
        at += found + 1;
        match bytes.get(at..) {
            Some([b'\n', ..]) => return Some(at + 1),
            Some([b'\r', b'\n', ..]) => return Some(at + 2),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::head_end;

    #[test]
    fn the_head_ends_at_the_first_blank_line() {
        assert_eq!(head_end(b"a\r\nb\r\n\r\nc\r\n\r\n", 0), Some(8));
        assert_eq!(head_end(b"a\nb\n\nc", 0), Some(5));
        assert_eq!(head_end(b"a\r\n\r", 0), None);
        assert_eq!(head_end(b"", 0), None);
    }

    #[test]
    fn and_is_found_wherever_the_search_is_taken_up() {
        for head in [&b"a\r\nb\r\n\r\n"[..], b"a\nb\n\n", b"a\nb\n\r\n"] {
            for split in 0..head.len() {
                assert_eq!(head_end(&head[..split], 0), None);
                assert_eq!(head_end(head, split), Some(head.len()), "{split}");
            }
        }
    }
}
