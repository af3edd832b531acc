//! Results that are read back: what a file of them says, whoever has written it.

use upcheck::report::Sink;
use upcheck::report::ndjson::Ndjson;
use upcheck::report::read::{self, LINE_MAX, ResultLine};

/// A line that was taken as a check is, written again, a line that says the same; and what is not taken is told in one line.
pub fn results(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        match read::line(line) {
            Ok(ResultLine::Check(record)) => {
                assert!(line.len() <= LINE_MAX);
                let mut written = Vec::new();
                Ndjson::default().record(&record, &mut written);
                match read::line(&written) {
                    Ok(ResultLine::Check(again)) => assert_eq!(again, record),
                    other => panic!("{other:?} of {:?}", String::from_utf8_lossy(&written)),
                }
            }
            Ok(ResultLine::Summary(figures)) => {
                assert!(figures.shard.is_none_or(|shard| (1..=shard.count).contains(&shard.index)));
            }
            Err(told) => assert!(!told.is_empty() && !told.contains('\n'), "{told:?}"),
        }
    }
}
