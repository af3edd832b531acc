//! The comparison as a page: a bar a strategy for what each took and cost, lines over a sweep, what to beware of, and all
//! figures. It looks as the page of a run does, and asks for as little.

use std::time::Duration;

use super::comparison::{Case, Comparison, ComparisonEntry, Standing};
use super::figures::{MeasuredRun, Spread};
use super::tables::{Table, headline, standing_cell, tables};
use crate::report::html::mebibytes;
use crate::report::html::page::{PageBar, joined, push, push_bar, push_decimal, push_foot, push_head, push_text};
use crate::report::html::svg::{Axis, WIDTH, push_label, push_open, push_path, push_plane, push_point};
use crate::report::text::short_time;

/// A figure that is drawn.
struct ChartFigure {
    title: &'static str,
    of: fn(&MeasuredRun) -> f64,
    shown: fn(f64) -> String,
}

/// All of them. Times are in microseconds, memory is in MiB: their axes have round marks.
const FIGURES: [ChartFigure; 4] = [
    ChartFigure { title: "Wall time", of: |run| run.wall.as_micros() as f64, shown: time },
    ChartFigure { title: "CPU time", of: |run| run.cpu().as_micros() as f64, shown: time },
    ChartFigure {
        title: "Memory at most",
        of: |run| run.own.memory as f64 / MIB,
        shown: |mib| mebibytes((mib * MIB) as u64),
    },
    ChartFigure {
        title: "Context switches",
        of: |run| (run.usage.voluntary_switches + run.usage.involuntary_switches) as f64,
        shown: |count| (count.round() as u64).to_string(),
    },
];

const MIB: f64 = 1_048_576.0;

/// So many strategies have a colour and a shape of their own; then they begin again.
const STYLES: usize = 6;

/// What marks a strategy's points, beside its colour.
const MARKS: [&[u8]; STYLES] = [
    b"M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    b"M-4-4h8v8h-8z",
    b"M0-5l5 9h-10z",
    b"M0-5l5 5-5 5-5-5z",
    b"M0 5l5-9h-10z",
    b"M-4-4l8 8m0-8l-8 8",
];

/// How high the lines' pictures are, and where their points are within the plane: left of them stand the values.
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 160.0;
const RIGHT: f64 = 940.0;

/// The least between two labels.
const LABEL_WIDTH: f64 = 110.0;

fn time(micros: f64) -> String {
    short_time(Duration::from_micros(micros as u64))
}

/// The whole page, in one file.
pub(super) fn html(comparison: &Comparison) -> Vec<u8> {
    let mut out = Vec::new();
    let headline = headline(comparison);
    push_head(&joined(&["upcheck compare: ", &headline]), &mut out);
    push(&mut out, "<header>\n<p class=\"kicker\">");
    push_text(&headline, usize::MAX, &mut out);
    push(&mut out, "</p>\n<h1>The same checks, in several ways</h1>\n</header>\n<main>\n");
    if comparison.cases.len() > 1 {
        push_growth(&comparison.cases, &mut out);
    }
    for case in &comparison.cases {
        push_case(case, &mut out);
    }
    push_notes(comparison, &mut out);
    push(&mut out, "<section>\n<h2>All figures</h2>\n");
    tables(comparison).iter().for_each(|table| push_table(table, &mut out));
    push(&mut out, "</section>\n</main>\n");
    push_foot(&mut out);
    out
}

fn push_heading(count: usize, out: &mut Vec<u8>) {
    push(out, "<header><h2>");
    push(out, &count.to_string());
    push(out, if count == 1 { " check</h2></header>\n" } else { " checks</h2></header>\n" });
}

/// A bar a strategy for each figure.
fn push_case(case: &Case, out: &mut Vec<u8>) {
    push_heading(case.count, out);
    push(out, "<div class=\"two\">\n");
    for figure in &FIGURES {
        push(out, "<section>\n<h3>");
        push(out, figure.title);
        push(out, "</h3>\n<table class=\"bars\">\n");
        let is_wall = figure.title == FIGURES[0].title;
        let values = case.entries.iter().map(|entry| value(entry, figure, is_wall));
        let longest = values.flatten().fold(f64::MIN_POSITIVE, f64::max);
        for (entry, standing) in case.entries.iter().zip(case.standings()) {
            push_entry(entry, figure, is_wall.then_some(standing), longest, out);
        }
        push(out, "</table>\n</section>\n");
    }
    push(out, "</div>\n");
}

/// How long a bar is: what was measured; of wall time, what was guessed where nothing was.
#[inline(never)]
fn value(entry: &ComparisonEntry, figure: &ChartFigure, or_guess: bool) -> Option<f64> {
    let guess = || entry.estimate().filter(|_| or_guess).map(|time| time.as_micros() as f64);
    entry.spread(&figure.of).map(|spread| spread.median).or_else(guess)
}

/// `standing` is that of its wall time, where the bar is of that.
fn push_entry(
    entry: &ComparisonEntry,
    figure: &ChartFigure,
    standing: Option<Standing>,
    longest: f64,
    out: &mut Vec<u8>,
) {
    let spread = entry.spread(&figure.of);
    let value = value(entry, figure, standing.is_some());
    let shown = match (value, spread) {
        (Some(value), Some(_)) => (figure.shown)(value),
        (Some(guess), None) => joined(&["~", &(figure.shown)(guess)]),
        (None, _) => "-".to_owned(),
    };
    let range = |spread: Spread| joined(&[&(figure.shown)(spread.min), "..", &(figure.shown)(spread.max)]);
    let is_first = matches!(standing, Some(Standing::Fastest | Standing::Level));
    let bar = PageBar {
        class: match spread {
            Some(_) if is_first => "up",
            Some(_) => "plain",
            None => "plain guess",
        },
        label: &entry.strategy.to_string(),
        label_note: &standing.map_or(String::new(), standing_cell),
        share: value.unwrap_or_default() / longest,
        value: &shown,
        value_note: &spread.filter(|spread| spread.runs > 1).map_or(String::new(), range),
    };
    push_bar(&bar, out);
}

/// A line a strategy for each figure, over the numbers of checks.
fn push_growth(cases: &[Case], out: &mut Vec<u8>) {
    push(out, "<header><h2>As the number of checks grows</h2></header>\n<div class=\"two\">\n");
    for figure in &FIGURES {
        push(out, "<section>\n<h3>");
        push(out, figure.title);
        push(out, "</h3>\n");
        push_lines(cases, figure, out);
        push_legend(cases, out);
        push(out, "</section>\n");
    }
    push(out, "</div>\n");
}

fn push_lines(cases: &[Case], figure: &ChartFigure, out: &mut Vec<u8>) {
    let counts = || cases.iter().map(|case| case.count as f64);
    let (fewest, most) = (counts().fold(f64::MAX, f64::min), counts().fold(1.0, f64::max));
    let x_axis = Axis::log(fewest, most);
    let x = |count: usize| LEFT + x_axis.at(count as f64) * (RIGHT - LEFT);
    let values = || cases.iter().flat_map(|case| &case.entries).filter_map(|entry| value(entry, figure, false));
    let (min, max) = (values().fold(f64::MAX, f64::min), values().fold(1.0, f64::max));
    let y_axis = if max > min.max(1.0) * 20.0 { Axis::log(min / 1.5, max * 1.2) } else { Axis::up_to(max * 1.1) };
    let y = |value: f64| HEIGHT - y_axis.at(value) * (HEIGHT - 14.0);
    push_open(HEIGHT + 22.0, &joined(&[figure.title, " of each strategy, as the number of checks grows"]), out);
    let (mut shapes, mut labels, mut grid) = (Vec::new(), Vec::new(), Vec::new());
    for tick in y_axis.ticks() {
        push_point("M", 0.0, y(tick), &mut grid);
        push(&mut grid, "H1000");
        push_label("", 0.0, y(tick) - 4.0, &(figure.shown)(tick), &mut labels);
    }
    let mut last = f64::MIN;
    for case in cases {
        if x(case.count) - last > LABEL_WIDTH {
            last = x(case.count);
            push_label("m", last, HEIGHT + 16.0, &case.count.to_string(), &mut labels);
        }
    }
    push_path("grid", &grid, &mut shapes);
    for index in 0..cases.first().map_or(0, |case| case.entries.len()) {
        let point = |case: &Case| Some((x(case.count), y(value(case.entries.get(index)?, figure, false)?)));
        let (mut line, mut command) = (Vec::new(), "M");
        // Where one is missing, the line has a gap.
        for point in cases.iter().map(point) {
            let Some((x, y)) = point else {
                command = "M";
                continue;
            };
            push_point(command, x, y, &mut line);
            command = "L";
            push_mark(index, x, y, &mut labels);
        }
        push_path(&style("s", index), &line, &mut shapes);
    }
    push_plane(0.0, HEIGHT, &shapes, out);
    out.extend_from_slice(&labels);
    push(out, "</svg>\n");
}

/// The classes of what belongs to a strategy.
fn style(class: &str, index: usize) -> String {
    joined(&[class, " s", &(index % STYLES).to_string()])
}

fn push_mark(index: usize, x: f64, y: f64, out: &mut Vec<u8>) {
    push(out, "<svg overflow=\"visible\" x=\"");
    push_decimal(x * 100.0 / WIDTH, out);
    push(out, "%\" y=\"");
    push_decimal(y, out);
    push(out, "\">");
    push_path(&style("dot", index), MARKS[index % STYLES], out);
    push(out, "</svg>\n");
}

fn push_legend(cases: &[Case], out: &mut Vec<u8>) {
    push(out, "<ul class=\"legend\">\n");
    for (index, entry) in cases.first().map_or(&[][..], |case| &case.entries).iter().enumerate() {
        push(out, "<li><svg viewBox=\"-17 -6 34 12\" aria-hidden=\"true\">");
        push_path(&style("s", index), b"M-17 0h34", out);
        push_path(&style("dot", index), MARKS[index % STYLES], out);
        push(out, "</svg>");
        push_text(&entry.strategy.to_string(), usize::MAX, out);
        push(out, "</li>\n");
    }
    push(out, "</ul>\n");
}

fn push_notes(comparison: &Comparison, out: &mut Vec<u8>) {
    let notes = comparison.notes();
    if notes.is_empty() {
        return;
    }
    push(out, "<section>\n<h2>To beware of</h2>\n<ul>\n");
    for note in notes {
        push(out, "<li>");
        push_text(&note, usize::MAX, out);
        push(out, "</li>\n");
    }
    push(out, "</ul>\n</section>\n");
}

fn push_table(table: &Table, out: &mut Vec<u8>) {
    push(out, "<h3>");
    push_text(&table.title, usize::MAX, out);
    push(out, "</h3>\n<div class=\"wide\" tabindex=\"0\"><table>\n");
    // Tables over the numbers of checks have their heads as a first row.
    let heads: Vec<&str> = table.heads.to_vec();
    let (heads, rows) = match table.rows.split_first() {
        Some((first, rest)) if heads.is_empty() => (first.iter().map(String::as_str).collect(), rest),
        _ => (heads, &table.rows[..]),
    };
    push(out, "<thead><tr>");
    heads.iter().for_each(|head| push_cell("<th scope=\"col\">", head, "</th>", out));
    push(out, "</tr></thead>\n<tbody>\n");
    for row in rows {
        push(out, "<tr>");
        for (index, cell) in row.iter().enumerate() {
            match index {
                0 => push_cell("<th scope=\"row\">", cell, "</th>", out),
                _ => push_cell("<td>", cell, "</td>", out),
            }
        }
        push(out, "</tr>\n");
    }
    push(out, "</tbody>\n</table></div>\n");
}

fn push_cell(open: &str, text: &str, close: &str, out: &mut Vec<u8>) {
    push(out, open);
    push_text(text, usize::MAX, out);
    push(out, close);
}

#[cfg(test)]
mod tests {
    use super::super::measure::Targets;
    use super::super::tables::tests::sample;
    use super::*;
    use crate::report::html::tests::expect_sound;

    fn page(comparison: &Comparison) -> String {
        String::from_utf8(html(comparison)).unwrap()
    }

    #[test]
    fn a_page_with_bars_lines_notes_and_tables() {
        let page = page(&sample());
        expect_sound(&page);
        let expected = [
            "<p class=\"kicker\">Services that answer in 200 ms, give or take 5.0 ms; median of 3 runs, in turn",
            "<tr class=\"plain guess\"><th scope=\"row\"><b>sequential</b> <small>not measured</small></th><td><div>\
             <i style=\"width:100%\"></i></div></td><td> <b>~20.0 s</b></td></tr>",
            "<tr class=\"up\"><th scope=\"row\"><b>loop</b> <small>fastest</small></th><td><div><i style=\"width:1.01%\">\
             </i></div></td><td><small>201 ms..203 ms</small> <b>202 ms</b></td></tr>",
            "<li>sequential with 100 checks was not measured: too \\u{1b}long; ~20.0 s is an estimate</li>",
            "<th scope=\"row\">threads:30</th><td>802 ms</td>",
        ];
        for part in expected {
            assert!(page.contains(part), "{part}\n{page}");
        }
        // Four pictures, in which two strategies have a point for either number of checks.
        assert_eq!(page.matches("role=\"img\"").count(), 4);
        assert_eq!(page.matches("<svg overflow=\"visible\"").count(), 4 * 2 * 2);
    }

    #[test]
    fn one_case_has_no_lines_and_hostile_names_are_texts() {
        let targets = Targets::Files(vec!["<script>\"\u{1b}".to_owned()]);
        let cases = sample().cases.into_iter().take(1).collect();
        let page = page(&Comparison { targets, cases, ..sample() });
        expect_sound(&page);
        assert!(page.contains("&lt;script&gt;&quot;\\u{1b}") && !page.contains("role=\"img\""));
        let nothing = html(&Comparison { cases: Vec::new(), ..sample() });
        expect_sound(&String::from_utf8(nothing).unwrap());
    }
}
