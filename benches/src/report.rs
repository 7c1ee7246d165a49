//! Takes all samples and writes the report.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;

use crate::growth::AXES;
use crate::job::{Job, Place, Who, Work};
use crate::table::{self, ROWS, number};

/// Seconds of a sample.
const SECONDS: f64 = 1.0;
const SECONDS_QUICK: f64 = 0.2;

/// The values of all rounds, for each job and number.
pub(crate) type Results = BTreeMap<(Job, String), Vec<f64>>;

/// The command line.
#[derive(Debug)]
pub(crate) struct Options {
    rounds: u32,
    only: String,
    quick: bool,
    into: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> anyhow::Result<Self> {
        let mut options = Self { rounds: 3, only: String::new(), quick: false, into: None };
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            let mut value = || args.next().cloned().with_context(|| format!("{flag} takes a value"));
            match flag.as_str() {
                "--quick" => (options.quick, options.rounds) = (true, 1),
                "--rounds" => options.rounds = value()?.parse()?,
                "--only" => options.only = value()?,
                "--into" => options.into = Some(value()?.into()),
                _ => anyhow::bail!(
                    "unknown flag `{flag}`; the flags are --quick, --rounds N, --only TEXT, --into FOLDER"
                ),
            }
        }
        anyhow::ensure!(options.rounds > 0, "--rounds must be at least 1");
        Ok(options)
    }

    /// The jobs of a round.
    fn jobs(&self) -> Vec<Job> {
        let places = if self.quick { &[Place::UdsPinned][..] } else { Place::ALL };
        let mut jobs = Vec::new();
        for &place in places {
            for row in ROWS {
                jobs.extend(row.whose.iter().map(|&who| Job { place, work: row.work, size: 0, who }));
            }
        }
        for axis in AXES {
            jobs.extend(axis.jobs(self.quick));
        }
        jobs.push(RESUMED);
        jobs.retain(|job| job.to_string().contains(&self.only));
        jobs
    }
}

const RESUMED: Job = Job { place: Place::UdsPinned, work: Work::Resumed, size: 0, who: Who::Ours };

/// Prints the report to the standard output, progress to the error output.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let jobs = options.jobs();
    anyhow::ensure!(!jobs.is_empty(), "no sample has a name with `{}`", options.only);
    let seconds = if options.quick { SECONDS_QUICK } else { SECONDS };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    let mut results = Results::new();
    for round in 1..=options.rounds {
        for job in &jobs {
            // These samples take half a minute each, so they run only once.
            if *job == RESUMED && round > 1 {
                continue;
            }
            eprintln!("round {round}/{}: {job}", options.rounds);
            for (name, value) in job.sample(seconds)? {
                results.entry((*job, name)).or_default().push(value);
            }
        }
    }
    let text = report(options, &results, &load);
    if let Some(folder) = &options.into {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("figures.md"), &text)?;
        for axis in AXES {
            if let Some(svg) = axis.plot(&results) {
                fs::write(folder.join(format!("{}.svg", axis.name())), svg)?;
            }
        }
    }
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn report(options: &Options, results: &Results, load: &str) -> String {
    let mut text = wrapped(&machine(options, load));
    for (place, title) in PLACES {
        if results.keys().any(|(job, _)| job.place == *place && job.size == 0 && *job != RESUMED) {
            text += &format!("\n**{title}**\n\n{}", table::table(results, *place));
        }
    }
    let laws: Vec<_> = AXES.iter().flat_map(|axis| axis.laws(results)).collect();
    if !laws.is_empty() {
        text += "\n| axis | from | to | law |\n| --- | --- | --- | --- |\n";
        text += &laws.concat();
    }
    if let (Some(cpu), Some(clock), Some(here), Some(there)) = (
        number(results, RESUMED, "cpu"),
        number(results, RESUMED, "clock"),
        number(results, RESUMED, "memory_here"),
        number(results, RESUMED, "memory_there"),
    ) {
        text += "\n";
        text += &wrapped(&format!(
            "One of 100 streams was not read for ten seconds. Meanwhile the other 99 kept {:.0} % of their rate \
             ({:.0} % by CPU time), and both processes together used {:.1} MiB more. No value was lost.",
            100.0 * clock,
            100.0 * cpu,
            ((here + there) / 1024.0 / 1024.0).max(0.0)
        ));
    }
    text
}

const PLACES: &[(Place, &str)] = &[
    (Place::UdsPinned, "Unix sockets, current-thread runtimes, both processes on one CPU"),
    (Place::TcpPinned, "TCP over loopback, the same otherwise"),
    (Place::UdsThreads, "Unix sockets, multi-thread runtimes, not pinned to a CPU"),
];

/// The machine that the numbers are from.
fn machine(options: &Options, load: &str) -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let rounds = options.rounds;
    let samples =
        if options.quick { "one short sample".to_owned() } else { format!("medians of {rounds} rounds") };
    format!(
        "{}, {cpus} CPUs, Linux {}, load average {load} before; {samples}.",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim()
    )
}

/// Wraps prose.
fn wrapped(text: &str) -> String {
    let (mut lines, mut columns) = (String::new(), 0);
    for word in text.split(' ') {
        if columns + word.len() >= COLUMNS {
            lines.push('\n');
            columns = 0;
        } else if columns > 0 {
            lines.push(' ');
        }
        lines += word;
        columns += word.len() + 1;
    }
    lines + "\n"
}

/// Columns of a line.
const COLUMNS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_flag_is_refused() {
        let error = Options::parse(&[String::from("--fast")]).expect_err("there is no such flag");
        assert!(error.to_string().contains("--quick"));
    }

    #[test]
    fn prose_is_wrapped_between_words() {
        let text = "word ".repeat(100);
        let lines = wrapped(text.trim());
        assert!(lines.lines().all(|line| line.len() <= COLUMNS && line.ends_with("word")));
        assert_eq!(lines.split_whitespace().count(), 100);
    }

    #[test]
    fn no_job_is_done_twice_in_a_round() {
        let mut jobs = Options::parse(&[]).expect("all flags are optional").jobs();
        let count = jobs.len();
        jobs.sort_unstable();
        jobs.dedup();
        assert_eq!(jobs.len(), count);
    }
}
