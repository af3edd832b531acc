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

/// Makes what writes a format, to look so.
pub type Make = fn(&Look) -> Box<dyn Sink>;

/// A row of the table: a format, and what is to be known of it before it is made.
#[derive(Debug)]
pub struct Format {
    /// What it is called.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub help: &'static str,
    /// It writes as results come and keeps none. Otherwise it keeps at most 300 bytes of each until the end.
    pub streams: bool,
    /// Makes what writes it. `None`: it was left out when this program was built.
    pub make: Option<Make>,
    /// The exit status where it is the report on standard output, if it has a rule of its own.
    pub exit: Option<fn(&Tally) -> u8>,
}

/// What is there where the feature `reports` is.
#[cfg(feature = "reports")]
macro_rules! reports {
    ($what:expr) => {
        Some($what)
    };
}
#[cfg(not(feature = "reports"))]
macro_rules! reports {
    ($what:expr) => {
        None
    };
}

/// The table, in the order of the help. The first is what is written where nothing is said.
pub const FORMATS: &[Format] = &[
    Format {
        name: "human",
        help: "a line a target and a summary",
        streams: true,
        make: Some(|look| Box::new(Human::new(*look))),
        exit: None,
    },
    Format {
        name: "waterfall",
        help: "for a person: a bar a check on one axis of time",
        streams: false,
        make: reports!(|look| Box::new(Waterfall::new(*look))),
        exit: None,
    },
    Format {
        name: "ndjson",
        help: "a JSON object a line",
        streams: true,
        make: Some(|_| Box::<Ndjson>::default()),
        exit: None,
    },
    Format {
        name: "json",
        help: "one JSON document of the objects of ndjson",
        streams: true,
        make: reports!(|_| Box::<Json>::default()),
        exit: None,
    },
    Format {
        name: "csv",
        help: "a header and a row a target (RFC 4180); no cell starts a formula",
        streams: true,
        make: reports!(|_| Box::new(Csv)),
        exit: None,
    },
    Format {
        name: "tap",
        help: "TAP version 13, for prove and other harnesses",
        streams: true,
        make: reports!(|_| Box::<Tap>::default()),
        exit: None,
    },
    Format {
        name: "junit",
        help: "JUnit's XML, for Jenkins, GitLab and other CI",
        streams: false,
        make: reports!(|_| Box::<Junit>::default()),
        exit: None,
    },
    Format {
        name: "markdown",
        help: "a table for a job summary or a pull request, what is not up first",
        streams: false,
        make: reports!(|_| Box::<Markdown>::default()),
        exit: None,
    },
    Format {
        name: "nagios",
        help: "a line with performance data; exits 0/1/2/3 as plugins do",
        streams: false,
        make: reports!(|_| Box::<Nagios>::default()),
        exit: reports!(nagios::state),
    },
    Format {
        name: "prometheus",
        help: "metrics for a textfile collector, with blackbox_exporter's names",
        streams: false,
        make: reports!(|_| Box::<Prometheus>::default()),
        exit: None,
    },
    Format {
        name: "html",
        help: "a page with pictures, in one file",
        streams: false,
        make: reports!(|_| Box::<Html>::default()),
        exit: None,
    },
];

/// Finds a format by its name, also one that was left out.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Those that are there.
fn built_in() -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().filter(|format| format.make.is_some())
}

/// A line of help a format. Behind those that keep rows until the end stands this.
pub fn help(keeps: &str) -> String {
    let line =
        |format: &Format| format!("  {:28}{}{}\n", format.name, format.help, if format.streams { "" } else { keeps });
    built_in().map(line).collect()
}

/// The names of those that are there.
pub fn names() -> Vec<&'static str> {
    built_in().map(|format| format.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{all_kinds, hostile, with_text, written};

    #[test]
    fn every_format_writes_whatever_stands_in_a_record() {
        for format in built_in() {
            let look = Look { columns: Some(80), verbose: true, ..Look::default() };
            let made = || format.make.expect("it is built in")(&look);
            assert!(!written(&mut *made(), &all_kinds()).is_empty(), "{}", format.name);
            written(&mut *made(), &[]);
            for text in hostile() {
                let written = written(&mut *made(), &with_text(&text));
                let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
                assert!(!written.contains(control), "{}: {written:?}", format.name);
            }
        }
    }

    #[test]
    fn names_are_found() {
        assert!(FORMATS.iter().all(|format| find(format.name).is_some_and(|found| found.name == format.name)));
        assert!(find("nosuch").is_none());
        assert!(FORMATS[0].make.is_some(), "it is written where nothing is said");
        let left_out = FORMATS.len() - names().len();
        assert_eq!(left_out > 0, cfg!(not(feature = "reports")));
    }
}
