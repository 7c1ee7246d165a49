//! `tractor cancel`: asks an actor to end, or kills its process.

use std::time::Duration;

use serde_json::json;
use tractor_core::proto::addr::Addr;
use tractor_core::{Error, connect};

use crate::exit::{Failure, Kind};
use crate::options::{Asking, print, seconds};
use crate::process;
use crate::reach::{Knock, Row, knock, meet, read_registry};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Name of the actor, its uuid, or NAME.UUID.
    name: String,
    /// Kills its process instead, if the kernel names the process that listens at the actor's Unix socket.
    #[arg(long)]
    kill: bool,
    /// Seconds that the actor has to end its tasks.
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = seconds)]
    wait: Duration,
}

pub(crate) async fn run(asking: &Asking, options: Options) -> Result<(), Failure> {
    let registry = read_registry(&asking.registry).await?;
    let row = registry.find(&options.name)?;
    let (end, pid) = if options.kill {
        let pid = kill(row).await?;
        ("killed", Some(pid))
    } else {
        meet(row, async |portal| Ok(portal.cancel_actor().timeout(options.wait).await.map(drop)?)).await?;
        ("acknowledged", None)
    };
    let text = match pid {
        Some(pid) => format!("{}: process {pid} was killed", row.uid),
        None => format!("{}: its tasks have ended, and the actor is ending", row.uid),
    };
    let told = json!({ "name": row.uid.name(), "uuid": row.uid.uuid(), "end": end, "pid": pid });
    print(&if asking.json { told.to_string() } else { text });
    Ok(())
}

async fn kill(row: &Row) -> Result<i32, Failure> {
    let mut why = "it has no Unix socket, so the kernel does not name its process".to_owned();
    for addr in row.addrs.iter().filter(|addr| matches!(addr, Addr::Uds { .. })) {
        let Knock::Open(Some(pid)) = knock(addr).await else {
            why = format!("nothing listens at {addr}");
            continue;
        };
        if !is_it(row, addr, pid).await {
            why = format!("process {pid} listens at {addr}, but may not be this actor");
            continue;
        }
        let is_still_it = async || matches!(knock(addr).await, Knock::Open(Some(now)) if now == pid);
        return match process::kill(pid, is_still_it).await {
            Ok(()) => Ok(pid),
            Err(why) => Err(Failure::new(Kind::ActorLost, format!("process {pid} of {}: {why}", row.uid))),
        };
    }
    Err(Failure::new(Kind::NotAllowed, format!("actor {} was not killed: {why}", row.uid)))
}

/// Whether the process that listens at an address is the actor of that row: the process says so itself, or it does not
/// answer and the registered file is named after that process.
async fn is_it(row: &Row, addr: &Addr, pid: i32) -> bool {
    let Addr::Uds { file, .. } = addr else { return false };
    match connect(addr, async |portal| Ok::<_, Error>(portal.uid() == &row.uid)).await {
        Ok(is_it) => is_it,
        Err(_silent) => file.ends_with(&format!("@{pid}.sock")),
    }
}
