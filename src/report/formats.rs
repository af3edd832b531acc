//! The one table of formats: what `-o` takes, what `--help` says of it, and what completions offer come from here.

use super::human::Human;
use super::ndjson::Ndjson;
use super::{Look, Sink};
#[cfg(feature = "reports")]
use super::{
    csv::Csv, html::Html, json::Json, junit::Junit, markdown::Markdown, nagios, nagios::Nagios, prometheus::Prometheus,
    tap::Tap, waterfall::Waterfall,
};
use crate::check::tally::Tally;

/// A row of the table: a format, and what is to be known of it before it is made.
#[derive(Debug)]
pub struct Format {
    /// What it is called.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub help: &'static str,
    /// It writes as results come and keeps none. Otherwise it keeps at most 300 bytes of each until the end.
    pub streams: bool,
    /// Makes what writes it.
    pub make: fn(&Look) -> Box<dyn Sink>,
    /// The exit status where it is the report on standard output, if it has a rule of its own.
    pub exit: Option<fn(&Tally) -> u8>,
}

/// The table, in the order of the help. The first is what is written where nothing is said.
pub const FORMATS: &[Format] = &[
    Format {
        name: "human",
        help: "a line a target and a summary",
        streams: true,
        make: |look| Box::new(Human::new(*look)),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "waterfall",
        help: "for a person: a bar a check on one axis of time",
        streams: false,
        make: |look| Box::new(Waterfall::new(*look)),
        exit: None,
    },
    Format {
        name: "ndjson",
        help: "a JSON object a line",
        streams: true,
        make: |_| Box::<Ndjson>::default(),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "json",
        help: "one JSON document of the objects of ndjson",
        streams: true,
        make: |_| Box::<Json>::default(),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "csv",
        help: "a header and a row a target (RFC 4180); no cell starts a formula",
        streams: true,
        make: |_| Box::new(Csv),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "tap",
        help: "TAP version 13, for prove and other harnesses",
        streams: true,
        make: |_| Box::<Tap>::default(),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "junit",
        help: "JUnit's XML, for Jenkins, GitLab and other CI",
        streams: false,
        make: |_| Box::<Junit>::default(),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "markdown",
        help: "a table for a job summary or a pull request, what is not up first",
        streams: false,
        make: |_| Box::<Markdown>::default(),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "nagios",
        help: "a line with performance data; exits 0/1/2/3 as plugins do",
        streams: false,
        make: |_| Box::<Nagios>::default(),
        exit: Some(nagios::state),
    },
    #[cfg(feature = "reports")]
    Format {
        name: "prometheus",
        help: "metrics for a textfile collector, with blackbox_exporter's names",
        streams: false,
        make: |_| Box::<Prometheus>::default(),
        exit: None,
    },
    #[cfg(feature = "reports")]
    Format {
        name: "html",
        help: "a page with pictures, in one file",
        streams: false,
        make: |_| Box::<Html>::default(),
        exit: None,
    },
];

/// The formats that were left out when this program was built.
pub const NOT_BUILT_IN: &[&str] = match cfg!(feature = "reports") {
    true => &[],
    false => &["waterfall", "json", "csv", "tap", "junit", "markdown", "nagios", "prometheus", "html"],
};

/// Finds a format by its name.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// A line of help a format. Behind those that keep rows until the end stands this.
pub fn help(keeps: &str) -> String {
    let line =
        |format: &Format| format!("  {:28}{}{}\n", format.name, format.help, if format.streams { "" } else { keeps });
    FORMATS.iter().map(line).collect()
}

/// Their names with this between them.
pub fn names(between: &str) -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{all_kinds, hostile, with_text, written};

    #[test]
    fn every_format_writes_whatever_stands_in_a_record() {
        for format in FORMATS {
            let look = Look { columns: Some(80), verbose: true, ..Look::default() };
            assert!(!written(&mut *(format.make)(&look), &all_kinds()).is_empty(), "{}", format.name);
            written(&mut *(format.make)(&look), &[]);
            for text in hostile() {
                let written = written(&mut *(format.make)(&look), &with_text(&text));
                let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
                assert!(!written.contains(control), "{}: {written:?}", format.name);
            }
        }
    }

    #[test]
    fn names_are_found() {
        assert!(FORMATS.iter().all(|format| find(format.name).is_some_and(|found| found.name == format.name)));
        assert!(find("nosuch").is_none());
    }
}
