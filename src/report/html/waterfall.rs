//! What went on at the same time: how many checks were in flight, and a bar a check with its phases, all on one time axis.
//!
//! Where there are too many for a bar each, the flight is drawn large, and the failed and the slowest have bars.

use std::collections::BinaryHeap;

use super::histogram::micros_shown;
use super::page::{joined, push, push_count, push_decimal, push_text};
use super::svg::{Axis, WIDTH, push_axis, push_label, push_open, push_path, push_plane, push_point, push_rect};
use super::{Listed, Timed, run_time};
use crate::check::outcome::Verdict;
use crate::report::Summary;

/// Steps of time in which the flight is drawn.
const STEPS: usize = 500;

/// The most bars that have their names above them.
const NAMED_MAX: usize = 50;

/// Of too many, how many of the failed have bars.
const FAILED_SHOWN: usize = 25;

/// And how many of the slowest.
const SLOWEST_SHOWN: usize = 15;

/// The height of all bars where they have no names, and of the most of one.
const BARS_HEIGHT: f64 = 640.0;
const PITCH_MAX: f64 = 8.0;

/// From this height on there is room for a mark at the end of a bar.
const PITCH_MIN_MARKS: f64 = 2.5;

/// The height of a bar with its name.
const NAMED_PITCH: f64 = 28.0;

/// The room for the labels of the axis.
const AXIS: f64 = 22.0;

/// The phases in their order, each with its class.
const PHASES: [(&str, &str); 5] = [("dns", "pd"), ("connect", "pc"), ("tls", "pt"), ("wait", "pw"), ("body", "pb")];

/// The run's time: its first start in milliseconds since the Unix epoch, and an axis of microseconds since then.
struct ChartSpan {
    first: u64,
    axis: Axis,
}

impl ChartSpan {
    fn of(timed: &[Timed]) -> Option<ChartSpan> {
        let began = || timed.iter().filter(|timed| timed.began());
        let first = began().map(|timed| timed.started).min()?;
        let end = began().map(|timed| (timed.started - first) * 1000 + u64::from(timed.total)).max()?;
        Some(ChartSpan { first, axis: Axis::up_to(end as f64) })
    }

    /// From when to when a check went on, on the plane.
    fn place(&self, timed: &Timed) -> (f64, f64) {
        let start = timed.started.saturating_sub(self.first) as f64 * 1000.0;
        (self.axis.at(start) * WIDTH, self.axis.at(start + f64::from(timed.total)) * WIDTH)
    }
}

/// Appends it with its heading.
pub(super) fn push_waterfall(timed: &[Timed], listed: &[Listed], summary: &Summary, out: &mut Vec<u8>) {
    push(out, "<h2>All at once</h2>\n");
    let Some(span) = ChartSpan::of(timed) else { return push(out, "<p>No check began.</p>\n") };
    push_overlap(timed, summary, out);
    let is_whole = listed.len() == timed.len();
    let mut bars = Vec::new();
    let began = || listed.iter().filter(|listed| listed.timed.began());
    if is_whole {
        bars.extend(began());
    } else {
        bars.extend(began().filter(|listed| listed.timed.verdict != Verdict::Up).take(FAILED_SHOWN));
        bars.extend(began().filter(|listed| listed.timed.verdict == Verdict::Up).take(SLOWEST_SHOWN));
    }
    // By their start. A heap sorts in less code than a sort, and there are few.
    let starts = bars.iter().enumerate().map(|(index, listed)| (listed.timed.started, listed.timed.total, index));
    let starts = starts.collect::<BinaryHeap<_>>().into_sorted_vec();
    let bars: Vec<&Listed> = starts.iter().map(|(_, _, index)| bars[*index]).collect();
    push_flight(&span, timed, summary.most_in_flight, if is_whole { 70.0 } else { 200.0 }, out);
    if !is_whole {
        push(out, "<h3>The worst and the slowest of them</h3>\n");
    }
    if !bars.is_empty() {
        push_bars(&span, &bars, out);
    }
}

/// Says how much checking went into how little time.
fn push_overlap(timed: &[Timed], summary: &Summary, out: &mut Vec<u8>) {
    let began = timed.iter().filter(|timed| timed.began());
    let (count, sum) = began.fold((0, 0), |(count, sum), timed| (count + 1, sum + u64::from(timed.total)));
    push(out, "<p><b>");
    push(out, &micros_shown(sum as f64));
    push(out, "</b> of checking in <b>");
    push(out, &run_time(summary.wall));
    push(out, "</b>, side by side on one thread.");
    let unbegun = timed.len() as u64 - count;
    if unbegun > 0 {
        push(out, " ");
        push_count(unbegun, out);
        push(out, " never began.");
    }
    push(out, "</p>\n");
}

/// Appends how many were in flight over time, and how many of those came to no good end. `most` is how many there were
/// at once; of several runs together there may have been more.
fn push_flight(span: &ChartSpan, timed: &[Timed], most: usize, height: f64, out: &mut Vec<u8>) {
    let (all, bad) = (flight(span, timed, |_| true), flight(span, timed, |verdict| !verdict.is_healthy()));
    let most = all.iter().copied().fold(most.max(1) as f64, f64::max);
    let top = 20.0;
    let title = joined(&["In flight, at most ", &(most.round() as u64).to_string()]);
    push_open(top + height + AXIS, &title, out);
    let (mut shapes, mut grid, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    push_axis(&span.axis, top + height + 16.0, height, micros_shown, &mut labels, &mut grid);
    push_path("grid", &grid, &mut shapes);
    for (class, steps) in [("area", &all), ("bad", &bad)] {
        if steps.iter().any(|count| *count > 0.0) {
            push_path(class, &outline(steps, most, height), &mut shapes);
        }
    }
    push_plane(top, height, &shapes, out);
    out.extend_from_slice(&labels);
    push_label("", 0.0, 12.0, &title, out);
    push(out, "</svg>\n");
}

/// How many were in flight during each step, on the mean: what was there for half of it counts half.
fn flight(span: &ChartSpan, timed: &[Timed], counts: fn(Verdict) -> bool) -> Vec<f64> {
    // What is there for the whole of many steps is counted at the first, and taken off behind the last.
    let (mut part, mut change) = (vec![0.0; STEPS + 1], vec![0.0; STEPS + 2]);
    for timed in timed.iter().filter(|timed| timed.began() && counts(timed.verdict)) {
        let (start, end) = span.place(timed);
        let (start, end) = (start / WIDTH * STEPS as f64, end / WIDTH * STEPS as f64);
        let (first, last) = (start as usize, end as usize);
        if first == last {
            part[first] += end - start;
        } else {
            part[first] += first as f64 + 1.0 - start;
            part[last] += end - last as f64;
            change[first + 1] += 1.0;
            change[last] -= 1.0;
        }
    }
    let mut whole = 0.0;
    let steps = part.into_iter().zip(change).take(STEPS);
    let counted = steps.map(|(part, change)| {
        whole += change;
        part + whole
    });
    counted.collect()
}

fn outline(steps: &[f64], most: f64, height: f64) -> Vec<u8> {
    let mut path = Vec::new();
    push_point("M", 0.0, height, &mut path);
    let mut last = 0.0;
    for (index, count) in steps.iter().enumerate() {
        // What goes on as it was needs no point.
        if (count - last).abs() > most / 500.0 {
            let y = |count: f64| (height - 1.0) * (1.0 - count / most) + 1.0;
            push_point("L", index as f64 * WIDTH / STEPS as f64, y(last), &mut path);
            push(&mut path, "V");
            push_decimal(y(*count), &mut path);
            last = *count;
        }
    }
    let y = (height - 1.0) * (1.0 - last / most) + 1.0;
    push_point("L", WIDTH, y, &mut path);
    push(&mut path, "V");
    push_decimal(height, &mut path);
    path.push(b'z');
    path
}

/// Appends a bar a check, with names where there is room for them.
fn push_bars(span: &ChartSpan, bars: &[&Listed], out: &mut Vec<u8>) {
    let named = bars.len() <= NAMED_MAX;
    let pitch = if named { NAMED_PITCH } else { (BARS_HEIGHT / bars.len() as f64).clamp(0.5, PITCH_MAX) };
    let (above, thick) = if named { (16.0, 8.0) } else { (0.0, pitch * if pitch > 3.0 { 0.78 } else { 1.0 }) };
    let height = pitch * bars.len() as f64;
    push_open(height + AXIS, &joined(&["Waterfall of ", &bars.len().to_string(), " checks by their start"]), out);
    let (mut shapes, mut grid, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    push_axis(&span.axis, height + 16.0, height, micros_shown, &mut labels, &mut grid);
    push_path("grid", &grid, &mut shapes);
    let mut paths: [Vec<u8>; PHASES.len()] = Default::default();
    let mut ends: [Vec<u8>; Verdict::ALL.len()] = Default::default();
    let mut hits = Vec::new();
    for (index, listed) in bars.iter().enumerate() {
        let y = index as f64 * pitch;
        push_phases(span, listed, [y + above, thick], &mut paths);
        let (_, end) = span.place(&listed.timed);
        let verdict = listed.timed.verdict;
        if verdict != Verdict::Up {
            push_rect([(end - 4.0).max(0.0), y + above, 4.0, thick], &mut ends[verdict as usize]);
        }
        if named {
            push_name(listed, y + 12.0, &mut labels);
        }
        push_hit(listed, y, pitch, &mut hits);
    }
    for ((_, class), path) in PHASES.iter().zip(&paths) {
        push_path(class, path, &mut shapes);
    }
    for (verdict, path) in Verdict::ALL.iter().zip(&ends) {
        push_path(&joined(&["cap ", verdict.as_str()]), path, &mut shapes);
    }
    shapes.extend_from_slice(&hits);
    push_plane(0.0, height, &shapes, out);
    out.extend_from_slice(&labels);
    if pitch >= PITCH_MIN_MARKS {
        push_marks(span, bars, pitch, above + thick / 2.0, out);
    }
    push(out, "</svg>\n");
    push_legend(&paths, &ends, out);
}

fn push_phases(span: &ChartSpan, listed: &Listed, [y, thick]: [f64; 2], paths: &mut [Vec<u8>; PHASES.len()]) {
    let start = (listed.timed.started - span.first) as f64 * 1000.0;
    let mut from = start;
    for ((_, phase), path) in listed.phases.named().into_iter().zip(paths.iter_mut()) {
        let to = from + phase.unwrap_or_default().as_micros() as f64;
        let (x, end) = (span.axis.at(from) * WIDTH, span.axis.at(to) * WIDTH);
        // What is too short to be seen is shown a little too long, but for the whole bar's end.
        let width = if phase.is_some() { (end - x).max(0.8).min(WIDTH - x) } else { 0.0 };
        push_rect([x, y, width, thick], path);
        from = to;
    }
}

/// What a bar is called and how long it is, above it.
fn push_name(listed: &Listed, y: f64, out: &mut Vec<u8>) {
    push(out, "<text y=\"");
    push_decimal(y, out);
    push(out, "\"><tspan class=\"name\">");
    out.extend_from_slice(&listed.title);
    push(out, "</tspan> ");
    push(out, &micros_shown(f64::from(listed.timed.total)));
    push(out, "</text>\n");
}

/// What a bar is, for the pointer above it.
fn push_hit(listed: &Listed, y: f64, pitch: f64, out: &mut Vec<u8>) {
    push(out, "<rect class=\"hit\" width=\"1000\" y=\"");
    push_decimal(y, out);
    push(out, "\" height=\"");
    push_decimal(pitch, out);
    push(out, "\"><title>");
    push(out, listed.timed.verdict.as_str());
    push(out, " ");
    push(out, &micros_shown(f64::from(listed.timed.total)));
    push(out, " ");
    out.extend_from_slice(&listed.title);
    push(out, "</title></rect>\n");
}

/// What is not up has a mark at its end, of the shape that its verdict has elsewhere: colour alone is not enough.
fn push_marks(span: &ChartSpan, bars: &[&Listed], pitch: f64, middle: f64, out: &mut Vec<u8>) {
    for (index, listed) in bars.iter().enumerate() {
        let verdict = listed.timed.verdict;
        let (kind, shape): (_, &[u8]) = match verdict {
            Verdict::Up => continue,
            Verdict::Degraded => ("cap ", b"M6-4l4 7h-8z"),
            Verdict::Down => ("cross ", b"M3-3l6 6m0-6l-6 6"),
            Verdict::Unknown => ("cap ", b"M6-4l4 4-4 4-4-4z"),
        };
        let (_, end) = span.place(&listed.timed);
        // Beside the plane: it is not to be stretched.
        push(out, "<svg overflow=\"visible\" x=\"");
        push_decimal(end.min(WIDTH - 12.0) * 100.0 / WIDTH, out);
        push(out, "%\" y=\"");
        push_decimal(index as f64 * pitch + middle, out);
        push(out, "\">");
        push_path(&joined(&[kind, verdict.as_str()]), shape, out);
        push(out, "</svg>\n");
    }
}

fn push_legend(paths: &[Vec<u8>], ends: &[Vec<u8>; Verdict::ALL.len()], out: &mut Vec<u8>) {
    push(out, "<ul class=\"legend\">\n");
    for ((name, class), _) in PHASES.iter().zip(paths).filter(|(_, path)| !path.is_empty()) {
        push(out, "<li><i class=\"");
        push(out, class);
        push(out, "\"></i>");
        push(out, name);
        push(out, "</li>\n");
    }
    for (verdict, _) in Verdict::ALL.iter().zip(ends).filter(|(_, path)| !path.is_empty()) {
        push(out, "<li class=\"");
        push(out, verdict.as_str());
        push(out, "\"><span class=\"v\">ends ");
        push_text(verdict.as_str(), usize::MAX, out);
        push(out, "</span></li>\n");
    }
    push(out, "</ul>\n");
}
