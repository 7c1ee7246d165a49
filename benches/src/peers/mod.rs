//! Other libraries, used as their guides say, and the code that all candidates share.

mod tarpc;
mod tonic;

use serde::{Deserialize, Serialize};

use crate::job::{Job, Place, Who};
use crate::meter::{Meter, Numbers};
use crate::raw;
use crate::socket::{Listener, Server, end_with_stdin};

/// The streamed value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tick {
    pub(crate) seq: u64,
    px: f64,
    sym: String,
}

impl Tick {
    /// With a string, because the values of most programs have one.
    pub(crate) fn new(seq: u64) -> Self {
        Self { seq, px: 100.0 + seq as f64 / 4.0, sym: "TRACTOR1".to_owned() }
    }
}

/// `main` of a server process.
pub(crate) fn serve_main(args: &[String]) -> anyhow::Result<()> {
    let [who, place, path] = args else { anyhow::bail!("a server takes a candidate, a place and a path") };
    let (who, place): (Who, Place) = (who.parse()?, place.parse()?);
    end_with_stdin();
    place.runtime()?.block_on(async {
        let listener = Listener::announce(place.transport(), path).await?;
        match who {
            Who::Raw => raw::serve(listener).await,
            Who::Tarpc => tarpc::serve(listener).await,
            Who::Tonic => tonic::serve(listener).await,
            Who::Ours => anyhow::bail!("the library starts its own servers"),
        }
    })
}

/// Takes one sample.
pub(crate) async fn take(job: Job, meter: Meter) -> anyhow::Result<Numbers> {
    let server = Server::start(job.who, job.place)?;
    let meter = Meter { other: server.pid(), ..meter };
    match job.who {
        Who::Tarpc => tarpc::take(job, meter, &server.addr).await,
        _ => tonic::take(job, meter, &server.addr).await,
    }
}
