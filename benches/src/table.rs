//! The tables: a row for each kind of work, a column for each candidate, CPU time beside the clock.

use crate::job::{Job, Place, Who, Work};
use crate::meter::median;
use crate::report::Results;

/// The name of a row, and the candidates that can do it.
pub(crate) struct Row {
    name: &'static str,
    pub(crate) work: Work,
    pub(crate) whose: &'static [Who],
}

const EVERYBODY: &[Who] = &[Who::Raw, Who::Ours, Who::Tarpc, Who::Tonic];
const STREAMING: &[Who] = &[Who::Raw, Who::Ours, Who::Tonic];
const RAW_AND_OURS: &[Who] = &[Who::Raw, Who::Ours];

/// The rows, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "one call at a time", work: Work::Call, whose: EVERYBODY },
    Row { name: "one of 64 concurrent calls", work: Work::CallsAtOnce, whose: EVERYBODY },
    Row { name: "a round trip on a stream", work: Work::PingPong, whose: STREAMING },
    Row { name: "a value of a one-way stream", work: Work::Ticks, whose: STREAMING },
    Row { name: "64 KiB, made for each message", work: Work::Fresh, whose: EVERYBODY },
    Row { name: "64 KiB, the same each time", work: Work::Same, whose: RAW_AND_OURS },
    Row { name: "open a context, take its result", work: Work::Context, whose: &[Who::Ours] },
    Row { name: "connect and call", work: Work::Connect, whose: EVERYBODY },
    Row { name: "start a process and call", work: Work::Spawn, whose: RAW_AND_OURS },
];

/// One table in Markdown: for each candidate the CPU time, the clock in brackets, and the ratio to raw.
pub(crate) fn table(results: &Results, place: Place) -> String {
    let mut text = String::from("| cost of | raw sockets | tractor | tarpc | tonic | raw / tractor |\n");
    text += "| --- | --- | --- | --- | --- | --- |\n";
    for row in ROWS {
        let cells: Vec<_> = Who::ALL.iter().map(|&who| Cell::of(results, place, row.work, who)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let raw = cells[0].as_ref();
        let shown: Vec<_> =
            cells.iter().map(|cell| cell.as_ref().map_or("-".into(), |cell| cell.show(raw))).collect();
        let ratio = match (raw, &cells[1]) {
            (Some(raw), Some(ours)) => format!("{:.2}", raw.decides() / ours.decides()),
            _ => "-".into(),
        };
        text += &format!("| {} | {} | {ratio} |\n", row.name, shown.join(" | "));
    }
    text
}

/// Nanoseconds.
struct Cell {
    cpu: Option<f64>,
    clock: f64,
}

impl Cell {
    fn of(results: &Results, place: Place, work: Work, who: Who) -> Option<Self> {
        let number = |name: &str| number(results, Job { place, work, size: 0, who }, name);
        Some(Self { cpu: number("cpu"), clock: number("clock")? })
    }

    /// CPU time if there is one, because other load disturbs it less.
    fn decides(&self) -> f64 {
        self.cpu.unwrap_or(self.clock)
    }

    fn show(&self, raw: Option<&Self>) -> String {
        let times = match self.cpu {
            Some(cpu) => format!("{} ({})", time(cpu), time(self.clock)),
            None => format!("({})", time(self.clock)),
        };
        match raw {
            Some(raw) if !std::ptr::eq(raw, self) => {
                format!("{times}, x{:.1}", self.decides() / raw.decides())
            }
            _ => times,
        }
    }
}

/// The median over the rounds.
pub(crate) fn number(results: &Results, job: Job, name: &str) -> Option<f64> {
    let mut values = results.get(&(job, name.to_owned()))?.clone();
    Some(median(&mut values))
}

/// Nanoseconds in a fitting unit, with a space that does not break.
pub(crate) fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1e3 => format!("{}\u{a0}ns", three(nanos)),
        _ if nanos < 1e6 => format!("{}\u{a0}us", three(nanos / 1e3)),
        _ => format!("{}\u{a0}ms", three(nanos / 1e6)),
    }
}

/// Three significant digits.
pub(crate) fn three(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_and_a_unit() {
        assert_eq!(time(271.6), "272\u{a0}ns");
        assert_eq!(time(1_234.0), "1.23\u{a0}us");
        assert_eq!(time(28_300_000.0), "28.3\u{a0}ms");
    }

    #[test]
    fn a_row_has_the_ratio_of_what_was_measured() {
        let job = |who| Job { place: Place::UdsPinned, work: Work::Ticks, size: 0, who };
        let mut results = Results::new();
        for (who, cpu) in [(Who::Raw, 100.0), (Who::Ours, 200.0)] {
            results.insert((job(who), "cpu".into()), vec![cpu, 9.0 * cpu, cpu]);
            results.insert((job(who), "clock".into()), vec![2.0 * cpu]);
        }
        let text = table(&results, Place::UdsPinned).replace('\u{a0}', " ");
        assert!(text.contains("| 100 ns (200 ns) | 200 ns (400 ns), x2.0 | - | - | 0.50 |"), "{text}");
    }
}
