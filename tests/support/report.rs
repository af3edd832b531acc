//! Reads what the program wrote as NDJSON, strictly: a line that is not JSON fails the test.

use serde_json::Value;

/// The lines of one run: its checks in the order in which they finished, and its summary.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The lines of type `check`.
    pub(crate) checks: Vec<Value>,
    /// The last line, of type `summary`.
    pub(crate) summary: Value,
}

impl Report {
    /// Reads the output of a run that ended by itself.
    ///
    /// # Panics
    /// When it is not UTF-8, a line is not JSON, the last line is not whole, or the summary is not the last line.
    #[track_caller]
    pub(crate) fn parse(output: &[u8]) -> Report {
        let text = std::str::from_utf8(output).expect("NDJSON is UTF-8");
        assert!(text.ends_with('\n'), "the last line is whole: {text:?}");
        let mut checks: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}")))
            .collect();
        let summary = checks.pop().expect("a summary");
        assert_eq!(summary["type"], "summary", "{summary}");
        for check in &checks {
            assert_eq!(check["type"], "check", "{check}");
        }
        Report { checks, summary }
    }

    /// The check whose target is this.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub(crate) fn target(&self, target: &str) -> &Value {
        self.only("target", target)
    }

    /// The check of this name.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub(crate) fn named(&self, name: &str) -> &Value {
        self.only("name", name)
    }

    /// The only check of the run.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub(crate) fn single(&self) -> &Value {
        assert_eq!(self.checks.len(), 1, "{:#?}", self.checks);
        &self.checks[0]
    }

    /// The checks that did not come out as `verdict`.
    pub(crate) fn not(&self, verdict: &str) -> Vec<&Value> {
        self.checks.iter().filter(|check| check["verdict"] != verdict).collect()
    }

    #[track_caller]
    fn only(&self, key: &str, value: &str) -> &Value {
        let mut found = self.checks.iter().filter(|check| check[key] == value);
        let first = found.next().unwrap_or_else(|| panic!("no check with {key} {value:?} in {:#?}", self.checks));
        assert!(found.next().is_none(), "two checks with {key} {value:?}");
        first
    }
}
