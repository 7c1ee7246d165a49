//! Takes all samples and prints the table.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};

use crate::measure::{self, Measure, Placement, Scale, Unit, percentile};

/// One line of the report: a measurement of ours, what it is compared with, and the ratio it must reach.
#[derive(Debug)]
struct Row {
    work: &'static str,
    baseline: &'static str,
    ours: &'static str,
    /// Ours divided by the baseline: at most this for a latency, at least this for a rate.
    bar: f64,
}

impl Row {
    fn is_met(&self, ratio: f64, unit: Unit) -> bool {
        if unit.is_latency() { ratio <= self.bar } else { ratio >= self.bar }
    }
}

/// Bars are ratios: absolute numbers do not carry over to another machine.
const ROWS: &[Row] = &[
    Row { work: "unary call, p50", baseline: "raw/ping_pong/uds", ours: "ours/call/uds", bar: 1.2 },
    Row { work: "unary call, p50, TCP", baseline: "raw/ping_pong/tcp", ours: "ours/call/tcp", bar: 1.2 },
    Row {
        work: "ping-pong on a stream, p50",
        baseline: "raw/ping_pong/uds",
        ours: "ours/stream_ping_pong/uds",
        bar: 1.15,
    },
    Row {
        work: "ping-pong on a stream, p50, TCP",
        baseline: "raw/ping_pong/tcp",
        ours: "ours/stream_ping_pong/tcp",
        bar: 1.15,
    },
    Row {
        work: "open and finish a context, against our call",
        baseline: "ours/call/uds",
        ours: "ours/context/uds",
        bar: 2.5,
    },
    Row {
        work: "open and finish a context, against our call, TCP",
        baseline: "ours/call/tcp",
        ours: "ours/context/tcp",
        bar: 2.5,
    },
    Row { work: "calls, 64 in flight", baseline: "raw/calls64/uds", ours: "ours/calls64/uds", bar: 0.53 },
    Row {
        work: "calls, 64 in flight, TCP",
        baseline: "raw/calls64/tcp",
        ours: "ours/calls64/tcp",
        bar: 0.53,
    },
    Row { work: "one-way stream of ticks", baseline: "raw/ticks/uds", ours: "ours/ticks/uds", bar: 0.5 },
    Row { work: "one-way stream of ticks, TCP", baseline: "raw/ticks/tcp", ours: "ours/ticks/tcp", bar: 0.5 },
    Row { work: "64 KiB payloads, one way", baseline: "raw/bytes/uds", ours: "ours/bytes/uds", bar: 0.68 },
    Row {
        work: "64 KiB payloads, one way, TCP",
        baseline: "raw/bytes/tcp",
        ours: "ours/bytes/tcp",
        bar: 0.68,
    },
    Row { work: "spawn to first reply", baseline: "raw/spawn/uds", ours: "ours/spawn/uds", bar: 1.5 },
];

/// What the command line asked for.
#[derive(Debug)]
pub(crate) struct Options {
    placements: Vec<Placement>,
    rounds: u32,
    filter: String,
    scale: Scale,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> io::Result<Self> {
        let mut options = Self {
            placements: vec![Placement::Pinned, Placement::Free],
            rounds: 4,
            filter: String::new(),
            scale: Scale(1),
        };
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            let mut value =
                || args.next().cloned().ok_or_else(|| io::Error::other(format!("{flag} takes a value")));
            match flag.as_str() {
                "--pinned" => options.placements = vec![Placement::Pinned],
                "--free" => options.placements = vec![Placement::Free],
                "--rounds" => options.rounds = value()?.parse().map_err(io::Error::other)?,
                "--filter" => options.filter = value()?,
                "--quick" => options.scale = Scale(20),
                _ => {
                    let known = "--pinned, --free, --rounds N, --filter TEXT, --quick";
                    return Err(io::Error::other(format!("unknown flag `{flag}`; there are {known}")));
                }
            }
        }
        if options.rounds == 0 {
            return Err(io::Error::other("--rounds must be at least 1"));
        }
        Ok(options)
    }
}

/// All samples of one measurement under one placement.
#[derive(Debug)]
struct Samples {
    unit: Unit,
    values: Vec<f64>,
}

impl Samples {
    fn median(&self) -> f64 {
        let mut values = self.values.clone();
        let (low, high) = (values.len().div_ceil(2) - 1, values.len() / 2);
        percentile(&mut values, 0);
        f64::midpoint(values[low], values[high])
    }

    fn show(&self) -> String {
        let mut values = self.values.clone();
        let (low, high) = (percentile(&mut values, 0), percentile(&mut values, 100));
        let unit = self.unit;
        let (value, name) = (unit.number(self.median()), unit.name());
        format!("{value} {name} ({} to {})", unit.number(low), unit.number(high))
    }
}

type Results = BTreeMap<(&'static str, &'static str), Samples>;

/// Takes `rounds` samples of everything and prints the report to the standard output, progress to the error output.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let measures: Vec<Measure> =
        measure::all().filter(|measure| measure.id.contains(&options.filter)).collect();
    if measures.is_empty() {
        return Err(io::Error::other(format!("no measurement contains `{}`", options.filter)));
    }
    let mut results = Results::new();
    for round in 1..=options.rounds {
        for &placement in &options.placements {
            for &measure in &measures {
                eprintln!("round {round}/{}: {} {}", options.rounds, placement.name(), measure.id);
                let value = measure::sample(measure, placement, options.scale)?;
                let samples = results
                    .entry((placement.name(), measure.id))
                    .or_insert_with(|| Samples { unit: measure.unit, values: Vec::new() });
                samples.values.push(value);
            }
        }
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}\n", machine(options))?;
    for &placement in &options.placements {
        writeln!(out, "### {}\n\n{}", placement.name(), table(&results, placement))?;
    }
    Ok(())
}

/// Which machine the numbers are from; without it they mean nothing.
fn machine(options: &Options) -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let (rounds, divisor) = (options.rounds, options.scale.0);
    let share = if divisor == 1 { String::new() } else { format!(", 1/{divisor} of the work") };
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!(
        "{model}, {cpus} CPUs, Linux {}; medians of {rounds} rounds (least to most){share}",
        kernel.trim()
    )
}

fn table(results: &Results, placement: Placement) -> String {
    let mut text = String::from("| work | baseline | | ours | ours / baseline | bar | |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for row in ROWS {
        let baseline = results.get(&(placement.name(), row.baseline));
        let ours = results.get(&(placement.name(), row.ours));
        if baseline.is_none() && ours.is_none() {
            continue;
        }
        let (ratio, verdict) = match (baseline, ours) {
            (Some(baseline), Some(ours)) => {
                let ratio = ours.median() / baseline.median();
                (format!("{ratio:.2}"), if row.is_met(ratio, ours.unit) { "met" } else { "missed" })
            }
            _ => (String::from("-"), "open"),
        };
        let sign =
            if baseline.or(ours).is_some_and(|samples| samples.unit.is_latency()) { "<=" } else { ">=" };
        let bar = format!("{sign} {:.2}", row.bar);
        let show = |samples: Option<&Samples>| samples.map_or(String::from("-"), Samples::show);
        let cells =
            [row.work, row.baseline, &show(baseline), &show(ours), ratio.as_str(), bar.as_str(), verdict]
                .join(" | ");
        text.push_str(&format!("| {cells} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_between_the_middle_two() {
        let samples = |values: &[f64]| Samples { unit: Unit::Micros, values: values.to_vec() };
        assert_eq!(samples(&[4.0, 1.0, 3.0, 2.0]).median(), 2.5);
        assert_eq!(samples(&[9.0, 1.0, 3.0]).median(), 3.0);
        assert_eq!(samples(&[9.0]).median(), 9.0);
    }

    #[test]
    fn a_latency_must_stay_below_its_bar_and_a_rate_above() {
        let row = Row { work: "", baseline: "", ours: "", bar: 0.5 };
        assert!(!row.is_met(0.6, Unit::Micros) && row.is_met(0.4, Unit::Micros));
        assert!(row.is_met(0.6, Unit::PerSecond) && !row.is_met(0.4, Unit::PerSecond));
    }

    #[test]
    fn rows_name_baselines_that_exist() {
        for row in ROWS.iter().filter(|row| row.baseline.starts_with("raw/")) {
            assert!(measure::all().any(|measure| measure.id == row.baseline), "{}", row.baseline);
        }
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        let error = Options::parse(&[String::from("--fast")]).expect_err("no such flag");
        assert!(error.to_string().contains("--pinned"));
    }
}
