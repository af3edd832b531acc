//! JSON: one document of the same objects as NDJSON, for who reads a file whole: `jq '.summary.down' report.json`.
//!
//! ```text
//!     {"schema":1,"checks":[
//!     {"schema":1,"type":"check","target":...},
//!     {"schema":1,"type":"check","target":...}
//!     ],"summary":{"schema":1,"type":"summary","total":2,...}}
//! ```

use super::ndjson::{push_check, push_summary};
use super::record::Record;
use super::text::Timestamps;
use super::{Sink, Summary};

/// The format.
#[derive(Debug, Default)]
pub struct Json {
    timestamps: Timestamps,
    /// A check has been written, so a comma goes before the next.
    has_checks: bool,
}

impl Sink for Json {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"schema\":1,\"checks\":[");
    }

    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.has_checks { b",\n" } else { b"\n" });
        self.has_checks = true;
        push_check(record, &mut self.timestamps, out);
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n],\"summary\":");
        push_summary(summary, out);
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ndjson::Ndjson;
    use crate::report::testing::{all_kinds, hostile, with_text, written};

    /// The document that is made of these lines of NDJSON.
    fn joined(lines: &str) -> String {
        let (summary, checks) =
            lines.lines().collect::<Vec<_>>().split_last().map(|(a, b)| (*a, b.join(",\n"))).unwrap();
        let checks = if checks.is_empty() { "\n".to_owned() } else { format!("\n{checks}\n") };
        format!("{{\"schema\":1,\"checks\":[{checks}],\"summary\":{summary}}}\n")
    }

    #[test]
    fn it_is_one_document_of_the_objects_of_ndjson() {
        for text in hostile() {
            for records in [&all_kinds()[..], &all_kinds()[..1], &[], &with_text(&text)] {
                let document = written(&mut Json::default(), records);
                assert_eq!(document, joined(&written(&mut Ndjson::default(), records)));
            }
        }
    }
}
