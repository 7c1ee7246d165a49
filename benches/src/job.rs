//! The measurements. A process of its own takes each sample.

use std::fmt;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::str::FromStr;

use anyhow::Context as _;

use crate::meter::{Meter, Numbers};
use crate::socket::Transport;
use crate::{cpu, ours, peers, raw};

/// First argument of a sampling process; the job and the seconds follow.
pub(crate) const SAMPLE_FLAG: &str = "--sample";
/// Bytes of the payload that the tables show.
pub(crate) const LARGE_BYTES: u64 = 64 * 1024;

/// Prints and parses an enum of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($(#[$word_doc])* $word,)* }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$word),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }
        }

        impl FromStr for $name {
            type Err = anyhow::Error;

            fn from_str(text: &str) -> anyhow::Result<Self> {
                let found = Self::ALL.iter().find(|word| word.name() == text);
                found.copied().with_context(|| format!("`{text}` is none of {:?}", Self::ALL))
            }
        }
    };
}

words! {
    /// The measured implementation.
    Who {
        /// Sockets with length-prefixed MessagePack; for calls a minimal RPC that multiplexes.
        Raw = "raw",
        Ours = "tractor",
        Tarpc = "tarpc",
        Tonic = "tonic",
    }
}

words! {
    /// The kinds of work; the job sets the count or the size of some.
    Work {
        Call = "call",
        CallsAtOnce = "calls_at_once",
        PingPong = "ping_pong",
        Context = "context",
        Ticks = "ticks",
        /// The sender makes a payload for each message.
        Fresh = "bytes_fresh",
        /// The sender sends one payload again and again.
        Same = "bytes_same",
        Connect = "connect",
        Spawn = "spawn",
        /// A call with an argument of this many bytes.
        Argument = "argument",
        /// A stream of payloads of this many bytes.
        Payload = "payload",
        /// A call while this many contexts are open.
        Contexts = "contexts",
        /// Calls over this many connections.
        Connections = "connections",
        /// A call while the caller has this many children.
        Actors = "actors",
        /// Ticks over this many streams at once.
        Streams = "streams",
        /// Ticks over 100 streams, of which this many are not read.
        Stalled = "stalled",
        /// Ticks over 100 streams, of which one is not read for ten seconds.
        Resumed = "resumed",
    }
}

words! {
    /// How two processes are connected, which runtime they have and which CPUs they may use.
    Place {
        UdsPinned = "uds-1cpu",
        TcpPinned = "tcp-1cpu",
        UdsThreads = "uds-threads",
    }
}

impl Place {
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::UdsPinned | Self::UdsThreads => Transport::Uds,
            Self::TcpPinned => Transport::Tcp,
        }
    }

    pub(crate) fn has_threads(self) -> bool {
        self == Self::UdsThreads
    }

    pub(crate) fn runtime(self) -> io::Result<tokio::runtime::Runtime> {
        let mut builder = match self {
            Self::UdsThreads => tokio::runtime::Builder::new_multi_thread(),
            Self::UdsPinned | Self::TcpPinned => tokio::runtime::Builder::new_current_thread(),
        };
        builder.enable_all().build()
    }
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) work: Work,
    /// Zero if the work has no size.
    pub(crate) size: u64,
    pub(crate) who: Who,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.place.name(), self.work.name(), self.size, self.who.name())
    }
}

impl FromStr for Job {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<_> = text.split('/').collect();
        let [place, work, size, who] = parts[..] else { anyhow::bail!("`{text}` is not a job") };
        Ok(Self { place: place.parse()?, work: work.parse()?, size: size.parse()?, who: who.parse()? })
    }
}

impl Job {
    /// Takes one sample in a fresh process.
    pub(crate) fn sample(self, seconds: f64) -> anyhow::Result<Vec<(String, f64)>> {
        let output = Command::new(std::env::current_exe()?)
            .args([SAMPLE_FLAG, &self.to_string(), &seconds.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        anyhow::ensure!(output.status.success(), "{self} ended with {}", output.status);
        let text = String::from_utf8(output.stdout)?;
        let numbers = text.lines().map(|line| {
            let (name, value) = line.split_once(' ').context("a sample prints names and values")?;
            Ok((name.to_owned(), value.parse()?))
        });
        numbers.collect()
    }
}

/// `main` of a sampling process.
pub(crate) fn sample_main(args: &[String]) -> anyhow::Result<()> {
    let [job, seconds] = args else { anyhow::bail!("a sample takes a job and a number of seconds") };
    let (job, seconds): (Job, f64) = (job.parse()?, seconds.parse()?);
    if !job.place.has_threads() {
        cpu::pin_to_one()?;
    }
    let runtime = job.place.runtime()?;
    // The other process is set when its id is known.
    let meter = Meter { seconds, other: 0 };
    let numbers: Numbers = match job.who {
        Who::Raw => runtime.block_on(raw::take(job, meter)),
        Who::Ours => runtime.block_on(ours::take(job, meter)),
        Who::Tarpc | Who::Tonic => runtime.block_on(peers::take(job, meter)),
    }?;
    let mut out = io::stdout().lock();
    for (name, value) in numbers {
        writeln!(out, "{name} {value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_as_it_is_written() {
        for (&who, &work) in Who::ALL.iter().zip(Work::ALL) {
            let job = Job { place: Place::TcpPinned, work, size: 7, who };
            assert_eq!(job.to_string().parse::<Job>().expect("it is a job"), job);
        }
        let error = "uds-1cpu/dance/0/raw".parse::<Job>().expect_err("there is no such work");
        assert!(error.to_string().contains("dance"), "{error}");
    }
}
