//! JSON: one document of the same objects as NDJSON, for who reads a file whole: `jq '.summary.down' report.json`.
//!
//! ```text
//!     {"schema":1,"checks":[
//!     {"schema":1,"type":"check","target":...}
//!     ,{"schema":1,"type":"check","target":...}
//!     ],"summary":{"schema":1,"type":"summary","total":2,...}
//!     }
//! ```

use super::ndjson::Ndjson;
use super::record::Record;
use super::{Sink, Summary};

/// The format: lines of NDJSON, and what joins them.
#[derive(Debug, Default)]
pub struct Json {
    lines: Ndjson,
    /// A check has been written, so a comma goes before the next.
    has_checks: bool,
}

impl Sink for Json {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"schema\":1,\"checks\":[\n");
    }

    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if self.has_checks {
            out.push(b',');
        }
        self.has_checks = true;
        self.lines.record(record, out);
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(b"],\"summary\":");
        self.lines.end(summary, out);
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{all_kinds, hostile, with_text, written};

    /// The document that is made of these lines of NDJSON.
    fn joined(lines: &str) -> String {
        let lines: Vec<&str> = lines.lines().collect();
        let (summary, checks) = lines.split_last().unwrap();
        let checks: String = checks.iter().map(|check| format!("{check}\n")).collect();
        let checks = checks.replace("\n{", "\n,{");
        format!("{{\"schema\":1,\"checks\":[\n{checks}],\"summary\":{summary}\n}}\n")
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
