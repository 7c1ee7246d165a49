//! A plot with logarithmic axes, as SVG that follows the colours of the page around it.

use std::fmt::Write as _;

use crate::table::time;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 176.0;
const TOP: f64 = 32.0;
const BOTTOM: f64 = 44.0;
/// The list of names beside the plot has the order of the lines, for readers who do not see colours.
const COLOURS: &[&str] = &["#888888", "#d95f02", "#1b9e77", "#e7a100", "#7570b3", "#3182bd"];

/// Times in nanoseconds against a count.
pub(crate) struct Plot<'a> {
    pub(crate) title: String,
    pub(crate) x: &'a str,
    pub(crate) lines: Vec<Line<'a>>,
}

/// At least two points, from left to right.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Maps a value to a position.
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// A scale between whole powers of ten.
    fn of(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let least = values.clone().fold(f64::MAX, f64::min).log10().floor();
        let most = values.fold(f64::MIN, f64::max).log10().ceil();
        Self { least, most: most.max(least + 1.0), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value.log10() - self.least) / (self.most - self.least) * (self.to - self.from)
    }

    /// Few enough powers of ten that their labels fit.
    fn marks(&self) -> impl Iterator<Item = f64> {
        let (least, most) = (self.least as i32, self.most as i32);
        let step = if most - least > 5 { 2 } else { 1 };
        (least..=most).step_by(step).map(|power| 10f64.powi(power))
    }
}

/// Draws zero, which has no logarithm, where a tenth would be.
fn shown(x: f64) -> f64 {
    x.max(0.1)
}

impl Plot<'_> {
    /// Without an empty line, so that Markdown may include it.
    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let x = Scale::of(points().map(|point| shown(point.0)), LEFT, WIDTH - RIGHT);
        let y = Scale::of(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{0}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"currentColor\" \
             style=\"max-width:{WIDTH}px\">\n<text x=\"{LEFT}\" y=\"16\" font-size=\"13\">{0}</text>\n",
            self.title
        );
        self.grid(&x, &y, &mut svg);
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let places: Vec<_> =
                line.points.iter().map(|point| (x.place(shown(point.0)), y.place(point.1))).collect();
            let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.0},{y:.0}")).collect();
            _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"></polyline>",
                path.join(" ")
            );
            for (x, y) in places {
                _ = writeln!(svg, "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"3\" fill=\"{colour}\"></circle>");
            }
        }
        self.names(&mut svg);
        svg += "</svg>\n";
        svg
    }

    fn grid(&self, x: &Scale, y: &Scale, svg: &mut String) {
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM);
        for mark in y.marks() {
            let place = y.place(mark);
            _ = writeln!(
                svg,
                "<path d=\"M{left} {place:.0}H{right}\" stroke=\"currentColor\" opacity=\"0.2\"></path>\n\
                 <text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                place + 4.0,
                time(mark).replace(".00", "").replace(".0", "")
            );
        }
        for mark in x.marks() {
            let place = x.place(mark);
            let name = count(mark);
            _ = writeln!(
                svg,
                "<path d=\"M{place:.0} {TOP}V{bottom}\" stroke=\"currentColor\" opacity=\"0.2\"></path>\n\
                 <text x=\"{place:.0}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                bottom + 16.0
            );
        }
        _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(left, right),
            bottom + 34.0,
            self.x
        );
    }

    /// The names of the lines, in the order in which the lines end.
    fn names(&self, svg: &mut String) {
        let mut ends: Vec<_> = self.lines.iter().zip(COLOURS.iter().cycle()).collect();
        ends.sort_by(|(a, _), (b, _)| {
            let last = |line: &Line<'_>| line.points.last().map_or(0.0, |point| point.1);
            last(b).total_cmp(&last(a))
        });
        for (row, (line, colour)) in ends.into_iter().enumerate() {
            let (x, y) = (WIDTH - RIGHT + 12.0, TOP + 8.0 + 18.0 * row as f64);
            _ = writeln!(
                svg,
                "<circle cx=\"{x}\" cy=\"{:.0}\" r=\"4\" fill=\"{colour}\"></circle>\n\
                 <text x=\"{}\" y=\"{y}\">{}</text>",
                y - 4.0,
                x + 10.0,
                line.name
            );
        }
    }
}

/// A count in few digits.
pub(crate) fn count(value: f64) -> String {
    match value {
        _ if value < 1.0 => "0".to_owned(),
        _ if value < 1e4 => format!("{value}"),
        _ if value < 1e6 => format!("{:.0}\u{a0}k", value / 1e3),
        _ => format!("{}\u{a0}M", (value / 1e5).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_inside_and_no_line_is_empty() {
        let points = vec![(0.0, 900.0), (64.0, 1_000.0), (15e6, 8e6)];
        let svg = Plot { title: "t".into(), x: "bytes", lines: vec![Line { name: "one", points }] }.svg();
        assert!(svg.lines().all(|line| !line.trim().is_empty()));
        let line = svg.lines().find(|line| line.starts_with("<polyline")).expect("there is a line");
        let places = line.split('"').nth(1).expect("it has points").split(' ');
        for place in places {
            let (x, y) = place.split_once(',').expect("two numbers");
            let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
            assert!((LEFT..=WIDTH - RIGHT).contains(&x) && (TOP..=HEIGHT - BOTTOM).contains(&y), "{place}");
        }
    }
}
