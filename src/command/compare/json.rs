//! The comparison for a program: one JSON document. All keys are always there; times are in seconds, memory in bytes.

use super::comparison::{Case, Comparison, ComparisonEntry, Kept, Standing};
use super::figures::{MeasuredRun, Spread};
use super::measure::Targets;
use crate::report::text::{
    push_json, push_json_or_null, push_number, push_rounded, push_seconds, push_seconds_or_null,
};

/// A figure of a run, under its name. `None`: this run has none.
type JsonFigure = (&'static str, fn(&MeasuredRun) -> Option<f64>);

/// Those that are told with their spread.
const FIGURES: &[JsonFigure] = &[
    ("wall_seconds", |run| Some(run.wall.as_secs_f64())),
    ("user_seconds", |run| Some(run.usage.user.as_secs_f64())),
    ("system_seconds", |run| Some(run.usage.system.as_secs_f64())),
    ("cpu_seconds", |run| Some(run.cpu().as_secs_f64())),
    ("cpu_share", |run| Some(run.cpu_share())),
    ("peak_memory_bytes", |run| Some(run.own.memory as f64)),
    ("peak_threads", |run| Some(run.own.threads as f64)),
    ("voluntary_switches", |run| Some(run.usage.voluntary_switches as f64)),
    ("involuntary_switches", |run| Some(run.usage.involuntary_switches as f64)),
    ("p50_seconds", |run| Some(run.own.p50.as_secs_f64())),
    ("p99_seconds", |run| Some(run.own.p99.as_secs_f64())),
    ("max_seconds", |run| Some(run.own.max.as_secs_f64())),
    ("up", |run| Some(run.own.up as f64)),
    ("down", |run| Some(run.own.down as f64)),
    ("longest_turn_seconds", |run| run.own.longest_turn.map(|turn| turn.as_secs_f64())),
    ("services_requests", |run| run.served.map(|served| served.requests as f64)),
    ("services_most_in_flight", |run| run.served.map(|served| served.most_in_flight as f64)),
    ("services_cpu_share", MeasuredRun::served_share),
];

/// The document, with a line end.
pub(super) fn json(comparison: &Comparison) -> Vec<u8> {
    let mut out = Vec::new();
    let Comparison { targets, repeat, budget, cases, interrupted } = comparison;
    out.extend_from_slice(b"{\"schema\":1,\"type\":\"compare\",\"services\":");
    push_services(targets, &mut out);
    out.extend_from_slice(b",\"files\":[");
    if let Targets::Files(files) = targets {
        push_list(files, &mut out, |file, out| push_json(file, out));
    }
    out.extend_from_slice(b"],\"repeat\":");
    push_number(*repeat as u64, &mut out);
    out.extend_from_slice(b",\"budget_seconds\":");
    push_seconds_or_null(*budget, &mut out);
    out.extend_from_slice(b",\"interrupted\":");
    out.extend_from_slice(if *interrupted { b"true" } else { b"false" });
    out.extend_from_slice(b",\"cases\":[");
    push_list(cases, &mut out, |case, out| push_case(comparison, case, out));
    out.extend_from_slice(b"],\"notes\":[");
    push_list(&comparison.notes(), &mut out, |note, out| push_json(note, out));
    out.extend_from_slice(b"]}\n");
    out
}

fn push_services(targets: &Targets, out: &mut Vec<u8>) {
    match targets {
        Targets::Files(_) => out.extend_from_slice(b"null"),
        Targets::Services { latency, jitter } => {
            out.extend_from_slice(b"{\"latency_seconds\":");
            push_seconds(*latency, out);
            out.extend_from_slice(b",\"jitter_seconds\":");
            push_seconds(*jitter, out);
            out.push(b'}');
        }
    }
}

fn push_case(comparison: &Comparison, case: &Case, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"count\":");
    push_number(case.count as u64, out);
    out.extend_from_slice(b",\"strategies\":[");
    let entries: Vec<(&ComparisonEntry, Standing)> = case.entries.iter().zip(case.standings()).collect();
    push_list(&entries, out, |(entry, standing), out| push_entry(comparison, entry, *standing, out));
    out.extend_from_slice(b"]}");
}

fn push_entry(comparison: &Comparison, entry: &ComparisonEntry, standing: Standing, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"strategy\":");
    push_json(&entry.strategy.to_string(), out);
    out.extend_from_slice(b",\"runs\":");
    push_number(entry.runs.len() as u64, out);
    out.extend_from_slice(b",\"not_measured\":");
    push_json_or_null(entry.missing.as_ref().map(|missing| missing.why.as_str()), out);
    out.extend_from_slice(b",\"estimate_seconds\":");
    push_seconds_or_null(entry.estimate(), out);
    out.extend_from_slice(b",\"in_budget\":");
    out.extend_from_slice(match comparison.budget.map(|budget| entry.keeps(budget)) {
        Some(Kept::Yes) => b"true",
        Some(Kept::No) => b"false",
        // A guess is no answer here: there is the estimate for whoever wants one.
        Some(Kept::Probably | Kept::ProbablyNot | Kept::Unknown) | None => b"null",
    });
    out.extend_from_slice(b",\"standing\":");
    let (word, times) = match standing {
        Standing::Fastest => (Some("fastest"), Some(1.0)),
        Standing::Level => (Some("not_ranked"), None),
        Standing::Slower(times) => (Some("slower"), Some(times)),
        Standing::Unmeasured => (None, None),
    };
    push_json_or_null(word, out);
    out.extend_from_slice(b",\"times_the_fastest\":");
    push_float(times, out);
    for (name, figure) in FIGURES {
        out.push(b',');
        push_json(name, out);
        out.push(b':');
        push_spread(entry, figure, out);
    }
    out.push(b'}');
}

fn push_spread(entry: &ComparisonEntry, figure: &fn(&MeasuredRun) -> Option<f64>, out: &mut Vec<u8>) {
    if entry.runs.iter().any(|run| figure(run).is_none()) {
        return out.extend_from_slice(b"null");
    }
    // There is one in every run.
    match entry.spread(&|run| figure(run).unwrap_or_default()) {
        None => out.extend_from_slice(b"null"),
        Some(Spread { median, min, max, .. }) => {
            for (name, value) in [(&b"{\"median\":"[..], median), (b",\"min\":", min), (b",\"max\":", max)] {
                out.extend_from_slice(name);
                push_float(Some(value), out);
            }
            out.push(b'}');
        }
    }
}

/// Appends a number to six digits behind the point, without zeros at its end, or null.
fn push_float(value: Option<f64>, out: &mut Vec<u8>) {
    // JSON has no infinity.
    match value.filter(|value| value.is_finite()) {
        None => out.extend_from_slice(b"null"),
        Some(value) => push_rounded(value, 6, out),
    }
}

fn push_list<T>(items: &[T], out: &mut Vec<u8>, push: impl Fn(&T, &mut Vec<u8>)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(item, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tables::tests::sample;
    use super::*;

    use crate::proto::json::{JsonFound, Path, find};

    /// What stands at the path, as text; a document that is not JSON to its end fails.
    fn at(comparison: &Comparison, path: &str) -> String {
        let bytes = json(comparison);
        assert_eq!(bytes.iter().filter(|&&b| b == b'\n').count(), 1, "one line");
        match find(&bytes, &Path::parse(path).unwrap()).unwrap() {
            Some(JsonFound::Number(text)) => text.to_owned(),
            Some(JsonFound::String(text)) => text.into_owned(),
            Some(other) => format!("{other:?}"),
            None => panic!("no {path}"),
        }
    }

    #[test]
    fn a_document_that_is_json_with_every_figure() {
        let sample = sample();
        let cases = [
            (".schema", "1"),
            (".services.latency_seconds", "0.200000"),
            (".services.jitter_seconds", "0.005000"),
            (".budget_seconds", "0.500000"),
            (".interrupted", "Bool(false)"),
            (".cases[1].count", "1000"),
            (".cases[0].strategies[0].strategy", "sequential"),
            (".cases[0].strategies[0].estimate_seconds", "20.000000"),
            (".cases[0].strategies[0].not_measured", "too \u{1b}long"),
            (".cases[0].strategies[0].wall_seconds", "Null"),
            (".cases[0].strategies[0].in_budget", "Null"),
            (".cases[0].strategies[0].standing", "Null"),
            (".cases[0].strategies[1].standing", "slower"),
            (".cases[0].strategies[1].in_budget", "Bool(false)"),
            (".cases[0].strategies[1].longest_turn_seconds", "Null"),
            (".cases[0].strategies[1].wall_seconds.median", "0.802"),
            (".cases[0].strategies[1].wall_seconds.min", "0.8"),
            (".cases[0].strategies[1].wall_seconds.max", "0.804"),
            (".cases[0].strategies[2].standing", "fastest"),
            (".cases[0].strategies[2].times_the_fastest", "1"),
            (".cases[0].strategies[2].in_budget", "Bool(true)"),
            (".cases[0].strategies[2].runs", "3"),
        ];
        for (path, text) in cases {
            assert_eq!(at(&sample, path), text, "{path}");
        }
        for (name, figure) in FIGURES {
            let run = &sample.cases[0].entries[2].runs[0];
            let value = at(&sample, &format!(".cases[0].strategies[2].{name}.max"));
            assert!(value.parse::<f64>().unwrap() >= figure(run).unwrap(), "{name}");
        }
        assert!(at(&sample, ".notes[0]").starts_with("sequential with 100 checks was not measured"));
    }

    #[test]
    fn own_targets_and_strange_names() {
        let comparison = Comparison { targets: Targets::Files(vec!["a\"\n".to_owned()]), ..sample() };
        assert_eq!([at(&comparison, ".services"), at(&comparison, ".files[0]")], ["Null", "a\"\n"]);
    }

    #[test]
    fn floats() {
        let text = |value| {
            let mut out = Vec::new();
            push_float(value, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!([text(Some(0.0)), text(Some(100.0)), text(Some(0.25))], ["0", "100", "0.25"]);
        assert_eq!([text(None), text(Some(f64::NAN)), text(Some(f64::INFINITY))], ["null"; 3]);
    }
}
