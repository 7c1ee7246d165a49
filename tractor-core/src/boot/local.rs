//! A second actor in this process, connected through memory: for tests.

use super::root::identity;
use crate::actor::{Actor, ActorOptions, Connected, Link, attach, try_current_actor, with_actor};
use crate::api::Portal;
use crate::error::{Error, RuntimeFailure};
use crate::net::{Introduced, Introduction, Transport, introduce};
use crate::proto::handshake::{Policy, Role};

/// Bytes the memory between the two actors holds in each direction.
const PIPE_BYTES: usize = 64 * 1024;

/// Runs an actor with these options in this process and on this runtime, gives the body a portal to it, and ends it.
///
/// The two actors talk the full protocol through a pipe in memory. No process is started and no clock is needed, so
/// tests over it are fast and work with tokio's paused time.
///
/// # Errors
/// The body's own error; [`Error::Runtime`] when an enabled module has no endpoints; [`Error::NoRuntime`] outside of
/// any actor.
///
/// # Cancel safety
/// Dropping the future ends the actor as a task of the runtime.
pub async fn with_local_actor<T, E, F>(options: ActorOptions, body: F) -> Result<T, E>
where
    F: AsyncFnOnce(&Portal) -> Result<T, E>,
    E: From<Error>,
{
    let local = Local::begin(options).await?;
    let result = body(&local.portal).await;
    local.end().await;
    result
}

/// The actor of such a scope. When this is dropped, the actor ends in the background.
struct Local {
    here: Actor,
    /// `None` once it has ended.
    there: Option<Actor>,
    portal: Portal,
}

/// Nothing here depends on the body, or every use would compile its own driver of a connection.
impl Local {
    async fn begin(options: ActorOptions) -> Result<Self, Error> {
        let here = try_current_actor()?;
        let there = Actor::new(identity(options, "local", here.aid().image, false)?);
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let (near, far) = tokio::join!(meet(&here, near, Role::Connector), meet(&there, far, Role::Acceptor));
        let far = link(far?, Link::Accepted);
        with_actor(there.clone(), async {
            attach(&there, far, |peer, reason| std::future::ready(peer.closed_error(reason)));
        })
        .await;
        let near = link(near?, Link::Dialed);
        let peer = attach(&here, near, |peer, reason| std::future::ready(peer.closed_error(reason)));
        Ok(Self { here, there: Some(there), portal: Portal::new(peer) })
    }

    async fn end(mut self) {
        if let Some(there) = &self.there {
            with_actor(there.clone(), there.shut_down()).await;
        }
        // The last messages of the local actor are still on their way to tasks of this actor.
        let near = self.portal.peer.drained.clone();
        _ = tokio::time::timeout(self.here.timeouts().drain, near.cancelled()).await;
        self.there = None;
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.portal.peer.channel.close();
        if let Some(actor) = self.there.take() {
            actor.stop();
            actor.spawn_shutdown(());
        }
    }
}

fn link(met: Introduced, link: Link) -> Connected {
    Connected { io: met.io, unread: met.frames.into_rest(), aid: met.aid, caps: met.caps, link }
}

async fn meet(actor: &Actor, pipe: tokio::io::DuplexStream, role: Role) -> Result<Introduced, Error> {
    let with = Introduction { ours: actor.aid(), role, policy: Policy::Open, limits: actor.limits() };
    introduce(Transport::Mem(pipe), with).await.map_err(|error| RuntimeFailure::new(error.to_string()).into())
}
