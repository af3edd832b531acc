//! Whether a connection can carry another request after an answer (RFC 9112, 9.3), and the list of reasons why not. What
//! holds connections, and for how long, is others' business.

/// Why a connection is closed that was meant to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The exchange did not come to its end, or not to a good one.
    Unfinished,
    /// The request had `Connection: close`.
    Request,
    /// The answer had `Connection: close`.
    Answer,
    /// The answer was HTTP/1.0 without `Connection: keep-alive`.
    Http10,
    /// Only the end of the connection could end the body.
    UntilClose,
    /// Something came behind the answer that was not asked for.
    Surplus,
    /// It speaks another protocol now.
    Upgraded,
    /// The peer ended the connection while it lay idle.
    Ended,
    /// It had to make room for another.
    Room,
}

impl CloseReason {
    /// Every reason, in the order in which they are counted and told.
    pub const ALL: [CloseReason; 9] = [
        CloseReason::Unfinished,
        CloseReason::Request,
        CloseReason::Answer,
        CloseReason::Http10,
        CloseReason::UntilClose,
        CloseReason::Surplus,
        CloseReason::Upgraded,
        CloseReason::Ended,
        CloseReason::Room,
    ];

    /// The reason in a few words, for a person.
    pub fn explain(self) -> &'static str {
        match self {
            CloseReason::Unfinished => "the exchange was not whole",
            CloseReason::Request => "the request said Connection: close",
            CloseReason::Answer => "the server said Connection: close",
            CloseReason::Http10 => "the server spoke HTTP/1.0 without keep-alive",
            CloseReason::UntilClose => "only the end of the connection ended the body",
            CloseReason::Upgraded => "the server switched to another protocol",
            CloseReason::Surplus => "the server sent more than its answer",
            CloseReason::Ended => "the server closed it while it was idle",
            CloseReason::Room => "it had to make room for another",
        }
    }
}

/// Whether the head of an answer lets the connection persist (RFC 9112, 9.3). `connection` gives the values of its
/// `Connection` fields.
pub fn persists<'a>(minor: u8, connection: impl Iterator<Item = &'a [u8]>) -> Result<(), CloseReason> {
    let mut keep_alive = false;
    for option in connection.flat_map(|value| value.split(|b| *b == b',')).map(<[u8]>::trim_ascii) {
        if option.eq_ignore_ascii_case(b"close") {
            return Err(CloseReason::Answer);
        }
        keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    if minor == 0 && !keep_alive { Err(CloseReason::Http10) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_once_and_explained() {
        for (index, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            let same = CloseReason::ALL.iter().filter(|other| other.explain() == reason.explain()).count();
            assert_eq!(same, 1, "{}", reason.explain());
        }
    }

    #[test]
    fn the_version_and_the_connection_field_decide() {
        let cases: &[(u8, &[&str], Result<(), CloseReason>)] = &[
            (1, &[], Ok(())),
            (1, &["keep-alive"], Ok(())),
            (1, &["Upgrade, X"], Ok(())),
            (1, &["Close"], Err(CloseReason::Answer)),
            (1, &["keep-alive, close"], Err(CloseReason::Answer)),
            (1, &["keep-alive", "x,\tCLOSE "], Err(CloseReason::Answer)),
            (1, &["closed"], Ok(())),
            (0, &[], Err(CloseReason::Http10)),
            (0, &["Keep-Alive"], Ok(())),
            (0, &["keep-alive", "close"], Err(CloseReason::Answer)),
            (0, &[""], Err(CloseReason::Http10)),
        ];
        for (minor, fields, expected) in cases {
            let fields = fields.iter().map(|field| field.as_bytes());
            assert_eq!(persists(*minor, fields.clone()), *expected, "1.{minor} {fields:?}");
        }
    }
}
