//! How long the answers took: a histogram, and where half, 90 and 99 in a hundred of them lie.

use super::page::{joined, push, push_text};
use super::svg::{
    Axis, WIDTH, push_axis, push_label, push_open, push_path, push_plane, push_point, push_rect, push_rule,
};
use super::{RowKind, Timed};
use crate::report::Summary;
use crate::report::text::short_time;

/// How many columns there are.
const COLUMNS: usize = 50;

/// The height of the longest column, with what stands above it for the marks.
const HEIGHT: f64 = 200.0;

/// The room above the columns, in which the marks have their names.
const ABOVE: f64 = 52.0;

/// Appends it with its heading.
pub(super) fn push_histogram(timed: &[Timed], summary: &Summary, out: &mut Vec<u8>) {
    push(out, "<h2>Latency</h2>\n");
    let mut answers = Vec::new();
    answers.extend(timed.iter().filter(|timed| timed.kind == RowKind::Answered).map(|timed| timed.total));
    let times = summary.tally.times();
    let marks = [("p50", times.percentile(50)), ("p90", times.percentile(90)), ("p99", times.percentile(99))];
    let (Some(min), Some(max)) = (answers.iter().min().copied().map(f64::from), times.max()) else {
        return push(out, "<p>Nothing answered.</p>\n");
    };
    let count = answers.len().to_string();
    let spread = joined(&[" answered, from ", &micros_shown(min), " to ", &short_time(max), "."]);
    push(out, "<p><b>");
    push(out, &count);
    push(out, "</b>");
    push_text(&spread, usize::MAX, out);
    push(out, "</p>\n");
    let axis = Axis::around(min, max.as_micros() as f64);
    let mut columns = [0u64; COLUMNS];
    for time in answers {
        columns[((axis.at(f64::from(time)) * COLUMNS as f64) as usize).min(COLUMNS - 1)] += 1;
    }
    let mut title = joined(&["Histogram: ", &count, &spread]);
    for (name, time) in marks {
        title += &joined(&[" ", name, " ", &time.map_or(String::new(), short_time), "."]);
    }
    push_open(HEIGHT + 20.0, &title, out);
    let (mut rules, mut labels) = (Vec::new(), Vec::new());
    // Each has a line of its own: they may lie close together.
    for ((name, time), y) in marks.into_iter().zip([12.0, 28.0, 44.0]) {
        let Some(time) = time else { continue };
        let x = axis.at(time.as_micros() as f64) * WIDTH;
        push_rule(x, y - 10.0, HEIGHT, &mut rules);
        let (class, x) = if x > WIDTH * 0.7 { ("mark e", x - 8.0) } else { ("mark", x + 8.0) };
        push_label(class, x, y, &joined(&[name, " ", &short_time(time)]), &mut labels);
    }
    push_columns(&axis, &columns, &rules, out);
    out.extend_from_slice(&labels);
    push(out, "</svg>\n");
}

fn push_columns(axis: &Axis, columns: &[u64; COLUMNS], rules: &[u8], out: &mut Vec<u8>) {
    let width = WIDTH / COLUMNS as f64;
    let most = columns.iter().copied().max().unwrap_or(1).max(1) as f64;
    let (mut shapes, mut grid, mut bars) = (Vec::new(), Vec::new(), Vec::new());
    let mut labels = Vec::new();
    push_axis(axis, HEIGHT + 16.0, HEIGHT, micros_shown, &mut labels, &mut grid);
    for (index, count) in columns.iter().enumerate() {
        // One among thousands is to be seen, too.
        let height = (*count as f64 / most * (HEIGHT - ABOVE)).max(if *count > 0 { 2.0 } else { 0.0 });
        push_rect([index as f64 * width, HEIGHT - height, width * 0.86, height], &mut bars);
    }
    push_point("M", 0.0, ABOVE, &mut grid);
    push(&mut grid, "H1000");
    push_label("", 0.0, ABOVE - 5.0, &(most as u64).to_string(), &mut labels);
    push_path("grid", &grid, &mut shapes);
    push_path("fill", &bars, &mut shapes);
    push_path("rule", rules, &mut shapes);
    push_plane(0.0, HEIGHT, &shapes, out);
    out.extend_from_slice(&labels);
}

/// A number of microseconds as a time.
pub(super) fn micros_shown(micros: f64) -> String {
    if micros == 0.0 { "0".to_owned() } else { short_time(std::time::Duration::from_micros(micros.round() as u64)) }
}
