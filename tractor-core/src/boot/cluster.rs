//! A nursery of equal workers.

use super::root::open_nursery;
use crate::actor::current_actor;
use crate::dialog::Portal;
use crate::error::{Error, Result};
use crate::supervise::{StartActor, join_all};

/// Opens a scope with this many equal child actors, all started at once, and cancels them when the body has ended.
///
/// They are named after the running actor: `root.worker_0`, `root.worker_1`, and so on. `set_up` says what each of them
/// exposes. The body gets their portals, in that order. Outside of any actor this starts a root actor first, which ends
/// with the cluster.
///
/// Leaving the body ends the workers, whatever they do; so a body that has handed out work waits for it, with
/// [`join_all`] for instance.
///
/// ```no_run
/// # use tractor_core as tractor;
/// # async fn use_them(_: &[tractor::Portal]) -> tractor::Result<u64> { Ok(0) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let workers = std::thread::available_parallelism()?.get();
/// let sum = tractor::open_cluster(
///     workers,
///     |worker| worker.enable_module(module_path!()),
///     async |portals| use_them(portals).await,
/// )
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The body's own error; the failure of a worker to start, which ends the others; the unexpected death of a worker.
///
/// # Cancel safety
/// As [`open_nursery`].
pub async fn open_cluster<T, E, S, F>(workers: usize, set_up: S, body: F) -> Result<T, E>
where
    S: Fn(StartActor) -> StartActor,
    F: AsyncFnOnce(&[Portal]) -> Result<T, E>,
    E: From<Error> + 'static,
{
    open_nursery(async |an| {
        let own = current_actor();
        let births =
            (0..workers).map(|number| set_up(an.start_actor(format!("{}.worker_{number}", own.name()))));
        let portals = join_all(births).await?;
        let value = body(&portals).await?;
        an.cancel().await;
        Ok(value)
    })
    .await
}
