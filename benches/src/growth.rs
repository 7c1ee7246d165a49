//! How costs grow: the axes, the points on them, and the law that fits the samples.

use crate::job::{Job, Place, Who, Work};
use crate::plot::{Line, Plot, count};
use crate::report::Results;
use crate::table::{number, three, time};

/// The quantity that grows, such as connections.
pub(crate) struct Axis {
    title: &'static str,
    /// The unit of the quantity, in a law.
    unit: &'static str,
    sizes: &'static [u64],
    sizes_quick: &'static [u64],
    lines: &'static [Series],
}

/// A cost that may grow with the quantity.
struct Series {
    what: &'static str,
    work: Work,
    who: Who,
    /// The name of one of the sample's numbers.
    number: &'static str,
    /// Points below this count are ignored, because fixed costs dominate there.
    from: u64,
}

const fn cpu(what: &'static str, work: Work, who: Who) -> Series {
    Series { what, work, who, number: "cpu", from: 0 }
}

/// The cost of each thing on the axis.
const fn each(what: &'static str, work: Work, number: &'static str, from: u64) -> Series {
    Series { what, work, who: Who::Ours, number, from }
}

/// All axes; each is a plot.
pub(crate) const AXES: &[Axis] = &[
    Axis {
        title: "payload, bytes",
        unit: "byte",
        sizes: &[0, 64, 1_024, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 15_728_640],
        sizes_quick: &[0, 65_536, 15_728_640],
        lines: &[
            cpu("raw: streamed", Work::Payload, Who::Raw),
            cpu("tractor: streamed", Work::Payload, Who::Ours),
            cpu("tonic: streamed", Work::Payload, Who::Tonic),
            cpu("tractor: an argument", Work::Argument, Who::Ours),
            cpu("tarpc: an argument", Work::Argument, Who::Tarpc),
            cpu("tonic: an argument", Work::Argument, Who::Tonic),
        ],
    },
    Axis {
        title: "open contexts",
        unit: "context",
        sizes: &[1, 10, 100, 1_000, 10_000],
        sizes_quick: &[1, 10_000],
        lines: &[
            cpu("a call beside them", Work::Contexts, Who::Ours),
            each("to open one (clock)", Work::Contexts, "open", 100),
            each("memory of one, parent side", Work::Contexts, "memory_here", 100),
            each("memory of one, child side", Work::Contexts, "memory_there", 100),
        ],
    },
    Axis {
        title: "connections",
        unit: "connection",
        sizes: &[1, 10, 100, 1_000],
        sizes_quick: &[1, 100, 1_000],
        lines: &[
            cpu("raw: a call", Work::Connections, Who::Raw),
            cpu("tractor: a call", Work::Connections, Who::Ours),
            each("to open one (clock)", Work::Connections, "open", 100),
            each("memory of one, here", Work::Connections, "memory_here", 100),
            each("memory of one, there", Work::Connections, "memory_there", 100),
        ],
    },
    Axis {
        title: "actors",
        unit: "actor",
        sizes: &[1, 5, 10, 25, 50],
        sizes_quick: &[1, 10],
        lines: &[
            cpu("a call to one of them", Work::Actors, Who::Ours),
            each("to start one of them (clock)", Work::Actors, "open", 2),
        ],
    },
    Axis {
        title: "streams at once",
        unit: "stream",
        sizes: &[1, 10, 100, 1_000],
        sizes_quick: &[1, 100, 1_000],
        lines: &[cpu("a value of any of them", Work::Streams, Who::Ours)],
    },
    Axis {
        title: "unread streams, of 100",
        unit: "stream",
        sizes: &[0, 1, 10, 50, 90, 99],
        sizes_quick: &[0, 1, 99],
        lines: &[cpu("a value of the others", Work::Stalled, Who::Ours)],
    },
];

impl Axis {
    /// The name of the plot's file.
    pub(crate) fn name(&self) -> &'static str {
        self.lines[0].work.name()
    }

    pub(crate) fn jobs(&self, quick: bool) -> Vec<Job> {
        let sizes = if quick { self.sizes_quick } else { self.sizes };
        let mut jobs: Vec<_> =
            self.lines.iter().flat_map(|line| sizes.iter().map(|&size| line.job(size))).collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    fn points(&self, line: &Series, results: &Results) -> Vec<(f64, f64)> {
        let point = |&size: &u64| Some((size as f64, number(results, line.job(size), line.number)?));
        self.sizes.iter().filter(|size| **size >= line.from).filter_map(point).collect()
    }

    /// The rows of the table of laws.
    pub(crate) fn laws(&self, results: &Results) -> Vec<String> {
        let law = |line: &Series| {
            let points = self.points(line, results);
            let (first, last) = (points.first()?, points.last()?);
            let show = |point: &(f64, f64)| format!("{} at {}", line.show(point.1), count(point.0));
            let law = line.law(&points, self.unit);
            Some(format!("| {}: {} | {} | {} | {law} |\n", self.title, line.what, show(first), show(last)))
        };
        self.lines.iter().filter_map(law).collect()
    }

    /// The plot of CPU times against the axis.
    pub(crate) fn plot(&self, results: &Results) -> Option<String> {
        let lines = self.lines.iter().filter(|line| line.number == "cpu");
        let lines: Vec<_> = lines
            .map(|line| Line { name: line.what, points: self.points(line, results) })
            .filter(|line| line.points.len() > 1)
            .collect();
        let title = format!("CPU time of both processes against {}", self.title);
        (!lines.is_empty()).then(|| Plot { title, x: self.title, lines }.svg())
    }
}

impl Series {
    fn job(&self, size: u64) -> Job {
        Job { place: Place::UdsPinned, work: self.work, size, who: self.who }
    }

    fn show(&self, value: f64) -> String {
        if self.number.starts_with("memory") {
            format!("{}\u{a0}KiB", three(value / 1024.0))
        } else {
            time(value)
        }
    }

    /// "Flat" if the cost hardly changes; otherwise a line with an offset or a power law, whichever fits better.
    fn law(&self, points: &[(f64, f64)], unit: &str) -> String {
        let values = || points.iter().map(|point| point.1);
        let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
        if most <= least * FLAT_MAX {
            return format!("flat: {}", self.show((least + most) / 2.0));
        }
        let (offset, slope) = fit(points, |(_, y)| 1.0 / (y * y));
        let line_off = off(points, |x| offset + slope * x);
        let logs: Vec<_> = points.iter().map(|(x, y)| (x.max(1.0).ln(), y.ln())).collect();
        let (factor, power) = fit(&logs, |_| 1.0);
        let power_off = off(points, |x| factor.exp() * x.max(1.0).powf(power));
        if offset >= 0.0 && slope >= 0.0 && line_off <= power_off {
            let slope = if self.number.starts_with("memory") {
                format!("{}\u{a0}B", three(slope))
            } else {
                time(slope)
            };
            format!("{} + {slope} a {unit} (within {:.0} %)", self.show(offset), line_off * 100.0)
        } else {
            let factor = self.show(factor.exp());
            format!("{factor} x count^{power:.2} (within {:.0} %)", power_off * 100.0)
        }
    }
}

/// The largest ratio of the highest to the lowest cost that counts as flat.
const FLAT_MAX: f64 = 1.35;

/// Offset and slope of the nearest line.
fn fit(points: &[(f64, f64)], weight: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let sum = |value: &dyn Fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|point| weight(point) * value(point.0, point.1)).sum()
    };
    let (w, wx, wy) = (sum(&|_, _| 1.0), sum(&|x, _| x), sum(&|_, y| y));
    let slope = (w * sum(&|x, y| x * y) - wx * wy) / (w * sum(&|x, _| x * x) - wx * wx);
    ((wy - slope * wx) / w, slope)
}

/// The largest relative error.
fn off(points: &[(f64, f64)], law: impl Fn(f64) -> f64) -> f64 {
    points.iter().map(|(x, y)| (law(*x) / y - 1.0).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again() {
        let points: Vec<_> = [0.0, 10.0, 1e6].into_iter().map(|x| (x, 300.0 + 0.5 * x)).collect();
        let (offset, slope) = fit(&points, |(_, y)| 1.0 / (y * y));
        assert!((offset - 300.0).abs() < 1e-3 && (slope - 0.5).abs() < 1e-6, "{offset} + {slope} x");
    }

    #[test]
    fn a_square_root_is_a_power() {
        let points: Vec<_> = [1.0, 100.0, 10_000.0].into_iter().map(|x: f64| (x, 500.0 * x.sqrt())).collect();
        let law = cpu("", Work::Call, Who::Ours).law(&points, "call");
        assert_eq!(law, "500\u{a0}ns x count^0.50 (within 0 %)");
    }

    #[test]
    fn a_cost_that_hardly_grows_is_flat() {
        let line = cpu("", Work::Call, Who::Ours);
        assert_eq!(line.law(&[(1.0, 1000.0), (1000.0, 1200.0)], "call"), "flat: 1.10\u{a0}us");
        let law = line.law(&[(0.0, 1000.0), (1000.0, 3000.0)], "call");
        assert_eq!(law, "1.00\u{a0}us + 2.00\u{a0}ns a call (within 0 %)");
    }
}
