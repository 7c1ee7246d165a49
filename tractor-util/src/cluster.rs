//! A nursery of equal workers.

use futures_util::future::try_join_all;
use tractor_core::error::RuntimeFailure;
use tractor_core::{
    ActorOptions, Error, Portal, Result, StartActor, current_actor, open_nursery, open_root_actor,
    try_current_actor,
};

/// The number of workers in a cluster, their names, and how they end.
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until they are handed to `open_actor_cluster`"]
pub struct ClusterOptions {
    count: Option<usize>,
    names: Option<Vec<String>>,
    hard_kill: bool,
    root: ActorOptions,
}

impl ClusterOptions {
    /// One worker per core, named `worker_0`, `worker_1` and so on. At the end they are asked to end, not killed.
    pub fn new() -> Self {
        Self::default()
    }

    /// This many workers.
    pub fn count(mut self, count: usize) -> Self {
        self.count = Some(count);
        self
    }

    /// The workers' names, which also set their number. If a [`count`](Self::count) is given as well, the two must
    /// agree.
    pub fn names<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Whether the workers are killed at the end instead of being asked to end: see
    /// [`ActorNursery::kill`](tractor_core::ActorNursery::kill).
    pub fn hard_kill(mut self, hard_kill: bool) -> Self {
        self.hard_kill = hard_kill;
        self
    }

    /// Options of the root actor, if the cluster has to start one.
    pub fn root(mut self, root: ActorOptions) -> Self {
        self.root = root;
        self
    }

    /// The names of the workers.
    fn workers(&self) -> Result<Vec<String>> {
        let count = match (self.count, &self.names) {
            (Some(count), Some(names)) if count != names.len() => {
                let text = format!(
                    "a cluster of {count} workers was given {} names: leave one of the two out, or give as many names",
                    names.len()
                );
                return Err(RuntimeFailure::new(text).into());
            }
            (_, Some(names)) => return Ok(names.clone()),
            (Some(count), None) => count,
            (None, None) => cores(),
        };
        Ok((0..count).map(|number| format!("worker_{number}")).collect())
    }
}

/// Opens a scope with equal child actors, all started at once, and ends them when the body has ended.
///
/// They are named after the running actor: `root.worker_0`, `root.worker_1`, and so on. `set_up` sets the options of
/// each worker, such as the endpoints that it exposes. The body gets their portals, in the order of their names.
/// Outside of any actor this starts a root actor first, which ends with the cluster.
///
/// Leaving the body ends the workers, even busy ones. So a body that has given out work must wait for it, for instance
/// with `futures::future::try_join_all`.
///
/// ```no_run
/// # use tractor_core as tractor;
/// # use tractor_util::{ClusterOptions, open_actor_cluster};
/// # async fn use_them(_: &[tractor::Portal]) -> tractor::Result<u64> { Ok(0) }
/// # async fn example() -> Result<(), tractor::Error> {
/// let sum = open_actor_cluster(
///     ClusterOptions::new(),
///     |worker| worker.enable_module(module_path!()),
///     async |portals| use_them(portals).await,
/// )
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Runtime`] when the number of names differs from the count; the body's own error; the failure of a worker to
/// start, which ends the others; the unexpected death of a worker.
///
/// # Cancel safety
/// As [`open_nursery`].
pub async fn open_actor_cluster<T, E, S, F>(options: ClusterOptions, set_up: S, body: F) -> Result<T, E>
where
    S: Fn(StartActor) -> StartActor,
    F: AsyncFnOnce(&[Portal]) -> Result<T, E>,
    E: From<Error> + 'static,
{
    let names = options.workers()?;
    let hard_kill = options.hard_kill;
    in_an_actor(options.root, async || {
        open_nursery(async |an| {
            let own = current_actor();
            let births = names
                .iter()
                .map(|name| set_up(an.start_actor(format!("{}.{name}", own.name()))).into_future());
            let portals = try_join_all(births).await?;
            let value = body(&portals).await?;
            // The workers were asked to end, so the way they ended does not matter.
            _ = if hard_kill { an.kill().await } else { an.cancel().await };
            Ok(value)
        })
        .await
    })
    .await
}

/// The default number of workers: one per core.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Runs a body in the running actor; if there is none, in a root actor that ends with the body.
pub(crate) async fn in_an_actor<T, E, F>(root: ActorOptions, body: F) -> Result<T, E>
where
    F: AsyncFnOnce() -> Result<T, E>,
    E: From<Error>,
{
    match try_current_actor() {
        Ok(_) => body().await,
        Err(_) => open_root_actor(root, async |_| body().await).await,
    }
}
