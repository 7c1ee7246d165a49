//! Resources that several tasks of an actor share: the first user opens a resource, the last one closes it.
//!
//! [`Life`] decides; this file has the table of open resources, and runs each resource as a task of the actor.
//!
//! # Invariants
//! 1. Lock order: the table, then a hub, then its outcome. None is held across an await, or while user code runs,
//!    except for `Clone` of a value.
//! 2. A resource leaves the table before any user can see that it has ended.
//! 3. A user is counted until its guard is dropped, however its future ends.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::shared_life::{Arrival, Leave, Life};
use crate::actor::{Actor, shield, try_current_actor};
use crate::error::{Error, Panicked, RuntimeFailure};
use crate::session::{Region, Teardown, catching};

/// Uses a resource that several tasks of this actor share. The first user opens it, and the last one closes it when its
/// body has ended. The body gets a clone of the resource's value, and whether the resource was open before.
///
/// `open` gets a [`Sharing`] and the key. It sets the resource up, hands out the value with [`Sharing::until_unused`],
/// and tears the resource down once that returns. It runs in a task of the actor, not in the task of its first user,
/// and so may hold scopes open, such as a nursery or a context into another actor (a [`Portal`](crate::Portal) may be
/// the key).
///
/// A resource is identified by the function and the key:
///
/// ```
/// use tractor_core as tractor;
/// use tractor::{Result, Sharing};
/// # #[derive(Clone)]
/// # struct Pool;
/// # impl Pool {
/// #     async fn connect(_: &str) -> Result<Self> { Ok(Self) }
/// #     async fn flush(&self) -> Result<()> { Ok(()) }
/// #     async fn query(&self) -> Result<u64> { Ok(0) }
/// # }
///
/// async fn open_pool(sharing: Sharing<Pool>, host: String) -> Result<()> {
///     let pool = Pool::connect(&host).await?;
///     sharing.until_unused(pool.clone()).await;
///     pool.flush().await
/// }
///
/// async fn look_up(host: String) -> Result<u64> {
///     tractor::maybe_open_context(open_pool, host, async |_hit, pool| {
///         pool.query().await
///     }).await
/// }
/// ```
///
/// `open` may be a closure that captures nothing, which the compiler checks: put everything that it depends on into the
/// key. Each closure is a function of its own, and a closure in a generic function is another one for each set of
/// types.
///
/// * A user that comes while the resource is being opened waits and shares it; if opening fails, this user tries to
///   open it.
/// * A user that comes while the resource is being closed waits until it is closed, and opens it again.
/// * The last user returns when the resource is closed.
/// * Different keys, and different actors, have different resources.
/// * A resource that ends while it is used gets no further users. Its users keep their values; the last user gets its
///   error.
///
/// # Errors
/// The body's own error. The first user gets the error of `open`, or [`Error::Runtime`] if `open` panicked or ended
/// without a value. The last user gets the failure of the teardown, even if its body ended with a cancellation; if the
/// body failed with another error, the teardown's failure is logged. [`Error::NoRuntime`] outside of any actor.
///
/// # Cancel safety
/// Dropping the future ends this use. If the first user drops it before there is a value, `open` is dropped at its next
/// await. If the last user drops it, the resource is closed nevertheless: a failure is logged, and the scopes around
/// that user, and the outcome of an endpoint, wait for the close. A cancelled endpoint is not dropped while it waits
/// for the resource to be closed.
pub async fn maybe_open_context<K, V, T, E, Open, Opening, Body>(
    open: Open,
    key: K,
    body: Body,
) -> Result<T, E>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + 'static,
    E: From<Error> + fmt::Debug + Send + 'static,
    Open: Fn(Sharing<V>, K) -> Opening + Send + 'static,
    Opening: Future<Output = Result<(), E>> + Send + 'static,
    Body: AsyncFnOnce(bool, V) -> Result<T, E>,
{
    const {
        assert!(
            size_of::<Open>() == 0,
            "`open` is found by its type, so it captures nothing: put it into the key"
        );
    }
    let actor = try_current_actor()?;
    let table = TABLES.try_get()?.of::<Open, K, V, E>();
    let (user, hit, value) = table.enter(&actor, open, key).await?;
    let result = body(hit, value).await;
    match (result, user.leave().await) {
        (result, Ok(())) => result,
        (Ok(_), Err(exit)) => Err(exit),
        (Err(body), Err(exit)) => Err(besides(body, exit)),
    }
}

/// The error of the teardown if the body was merely cancelled; otherwise the body's error.
fn besides<E: fmt::Debug + 'static>(body: E, exit: E) -> E {
    let own: &dyn Any = &body;
    if own.downcast_ref::<Error>().is_some_and(Error::is_cancelled) {
        return exit;
    }
    tracing::error!("besides the body, closing the shared resource has failed: {exit:?}");
    body
}

/// Hands out the value of a shared resource; given to the `open` of [`maybe_open_context`].
pub struct Sharing<V> {
    hub: Arc<Hub<V>>,
}

impl<V: Send + 'static> Sharing<V> {
    /// Hands out the value, and waits until no task uses it.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the value back; the resource counts as ended when `open` does.
    pub async fn until_unused(self, value: V) {
        let mut changed = self.hub.changed.subscribe();
        let mut value = Some(value);
        {
            let mut state = self.hub.lock();
            if state.life.entered() {
                state.value = value.take();
            }
        }
        self.hub.changed.send_replace(());
        drop(value); // no user is left
        while !self.hub.lock().life.is_unused() {
            // The hub holds the sender.
            _ = changed.changed().await;
        }
    }
}

impl<V> fmt::Debug for Sharing<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing").field("life", &self.hub.lock().life).finish()
    }
}

/// The state that a resource and its users share.
struct Hub<V> {
    state: Mutex<State<V>>,
    /// Sent to when the state has changed.
    changed: watch::Sender<()>,
    /// Drops the resource at its next await, because it is abandoned or the actor ends.
    end: CancellationToken,
}

struct State<V> {
    life: Life,
    value: Option<V>,
    /// The teardowns of the last users, which were dropped: the scopes around them wait for the end. There are several
    /// if the actor ends the resource.
    left: Vec<Teardown>,
}

impl<V> Hub<V> {
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource and how it has ended.
struct Entry<V, E: fmt::Debug> {
    hub: Arc<Hub<V>>,
    /// `None` before the end, and after it was taken.
    outcome: Mutex<Option<Result<(), E>>>,
}

impl<V, E: fmt::Debug> Drop for Entry<V, E> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.outcome().take() {
            tracing::error!("a shared resource has failed, and no user was left to get the error: {error:?}");
        }
    }
}

impl<V, E: fmt::Debug> Entry<V, E> {
    fn outcome(&self) -> MutexGuard<'_, Option<Result<(), E>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the resource has ended. Only the first call returns its failure.
    async fn ended(&self) -> Result<(), E> {
        let mut changed = self.hub.changed.subscribe();
        while !self.hub.lock().life.has_ended() {
            // The hub holds the sender.
            _ = changed.changed().await;
        }
        self.outcome().take().unwrap_or(Ok(()))
    }
}

crate::actor_local! {
    static TABLES: Tables = Tables::default();
}

/// All tables of an actor, by the types of their resources.
#[derive(Default)]
struct Tables(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Tables {
    fn of<Open, K, V, E>(&self) -> Arc<Table<K, V, E>>
    where
        Open: 'static,
        K: Send + 'static,
        V: Send + 'static,
        E: fmt::Debug + Send + 'static,
    {
        let key = TypeId::of::<(Open, K, V, E)>();
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables.entry(key).or_insert_with(|| Arc::new(Table::<K, V, E>(Mutex::default())));
        table.clone().downcast().expect("the key names the types")
    }
}

/// The resources of one kind.
struct Table<K, V, E: fmt::Debug>(Mutex<HashMap<K, Arc<Entry<V, E>>>>);

/// A counted user.
struct User<V, E: fmt::Debug> {
    /// `None` once it has left.
    entry: Option<Arc<Entry<V, E>>>,
}

enum Found<V, E: fmt::Debug> {
    Hit(User<V, E>, V),
    Wait(watch::Receiver<()>),
    Miss(Arc<Entry<V, E>>),
}

impl<K, V, E: fmt::Debug> Table<K, V, E> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Entry<V, E>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V, E> Table<K, V, E>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + 'static,
    E: From<Error> + fmt::Debug + Send + 'static,
{
    async fn enter<Open, Opening>(
        self: &Arc<Self>,
        actor: &Actor,
        open: Open,
        key: K,
    ) -> Result<(User<V, E>, bool, V), E>
    where
        Open: Fn(Sharing<V>, K) -> Opening + Send + 'static,
        Opening: Future<Output = Result<(), E>> + Send + 'static,
    {
        loop {
            match self.find(actor, &key) {
                Found::Hit(user, value) => return Ok((user, true, value)),
                // An error means that the resource has ended and its hub is gone, which is a change, too.
                Found::Wait(mut changed) => _ = changed.changed().await,
                Found::Miss(entry) => {
                    let user = User { entry: Some(entry.clone()) };
                    self.run(actor, key, entry.clone(), open);
                    return match first_value(&entry).await {
                        Some(value) => Ok((user, false, value)),
                        None => Err(user.leave().await.err().unwrap_or_else(|| no_value().into())),
                    };
                }
            }
        }
    }

    fn find(&self, actor: &Actor, key: &K) -> Found<V, E> {
        let mut entries = self.lock();
        if let Some(entry) = entries.get(key) {
            let mut state = entry.hub.lock();
            // The clone comes first: if it panics, no user is counted.
            let value = state.value.clone();
            match (state.life.arrive(), value) {
                (Arrival::Hit, Some(value)) => {
                    drop(state);
                    return Found::Hit(User { entry: Some(entry.clone()) }, value);
                }
                (Arrival::Wait, _) => return Found::Wait(entry.hub.changed.subscribe()),
                (Arrival::Miss, _) | (Arrival::Hit, None) => {}
            }
        }
        let hub = Hub {
            state: Mutex::new(State { life: Life::default(), value: None, left: Vec::new() }),
            changed: watch::Sender::new(()),
            end: actor.children_end(),
        };
        let entry = Arc::new(Entry { hub: Arc::new(hub), outcome: Mutex::new(None) });
        entries.insert(key.clone(), entry.clone());
        Found::Miss(entry)
    }

    /// Runs the resource as a task of the actor.
    fn run<Open, Opening>(self: &Arc<Self>, actor: &Actor, key: K, entry: Arc<Entry<V, E>>, open: Open)
    where
        Open: Fn(Sharing<V>, K) -> Opening + Send + 'static,
        Opening: Future<Output = Result<(), E>> + Send + 'static,
    {
        let running = Running { table: self.clone(), key, entry };
        // Cloned outside of the task: if the clone of a key panics, its user fails.
        let argument = running.key.clone();
        actor.spawn_watcher(async move {
            let region = Region::new();
            let outcome = region.run(live(&running.entry.hub, move |sharing| open(sharing, argument))).await;
            region.down().await;
            *running.entry.outcome() = Some(outcome);
        });
    }
}

/// A running resource. When this is dropped, the resource leaves the table and its users are woken.
struct Running<K: Eq + Hash, V, E: fmt::Debug> {
    table: Arc<Table<K, V, E>>,
    key: K,
    entry: Arc<Entry<V, E>>,
}

impl<K: Eq + Hash, V, E: fmt::Debug> Drop for Running<K, V, E> {
    fn drop(&mut self) {
        let Self { table, key, entry } = self;
        // Dropped after the table's lock is released.
        let removed = catching(|| {
            let mut entries = table.lock();
            if !entries.get(key).is_some_and(|known| Arc::ptr_eq(known, entry)) {
                return None;
            }
            entries.remove_entry(key)
        });
        drop(Guarded(removed.ok()));
        let value = entry.hub.lock().value.take();
        drop(Guarded(value));
        let left = {
            let mut state = entry.hub.lock();
            state.life.ended();
            std::mem::take(&mut state.left)
        };
        entry.hub.changed.send_replace(());
        drop(left);
    }
}

/// Runs a resource to its end. If it is abandoned, or the actor ends, a resource without a value is dropped. A resource
/// with a value ends by itself, because `until_unused` returns.
async fn live<V, E, Open, Opening>(hub: &Arc<Hub<V>>, open: Open) -> Result<(), E>
where
    E: From<Error>,
    Open: FnOnce(Sharing<V>) -> Opening,
    Opening: Future<Output = Result<(), E>>,
{
    let mut run = pin!(guarded(open, Sharing { hub: hub.clone() }));
    tokio::select! {
        outcome = &mut run => return outcome,
        () = hub.end.cancelled() => {}
    }
    let (abandoned, has_value) = {
        let mut state = hub.lock();
        (state.life.close(), state.value.is_some())
    };
    if has_value {
        hub.changed.send_replace(());
        return run.await;
    }
    if abandoned { Ok(()) } else { Err(Error::from(RuntimeFailure::new("the actor ends")).into()) }
}

/// The value of a resource that is being opened, or `None` when it has ended without one.
async fn first_value<V: Clone, E: fmt::Debug>(entry: &Entry<V, E>) -> Option<V> {
    let mut changed = entry.hub.changed.subscribe();
    loop {
        {
            let state = entry.hub.lock();
            if state.value.is_some() || state.life.has_ended() {
                return state.value.clone();
            }
        }
        // The hub holds the sender.
        _ = changed.changed().await;
    }
}

fn no_value() -> Error {
    RuntimeFailure::new(
        "the shared resource ended without a value: `open` calls `sharing.until_unused(value)`, unless \
                         it fails",
    )
    .into()
}

/// Runs `open` to its end; a panic is a failure. Dropping this drops `open`, and catches its panics.
async fn guarded<V, E, Open, Opening>(open: Open, sharing: Sharing<V>) -> Result<(), E>
where
    E: From<Error>,
    Open: FnOnce(Sharing<V>) -> Opening,
    Opening: Future<Output = Result<(), E>>,
{
    let panicked = |panic: Panicked| -> E {
        let text = format!("the shared resource panicked: {} at {}", panic.message, panic.location);
        Error::from(RuntimeFailure::new(text)).into()
    };
    let mut opening = Guarded(Some(Box::pin(catching(|| open(sharing)).map_err(panicked)?)));
    poll_fn(|cx| {
        let Some(opening) = &mut opening.0 else { unreachable!("only the destructor takes it") };
        match catching(|| opening.as_mut().poll(cx)) {
            Ok(polled) => polled,
            Err(panic) => Poll::Ready(Err(panicked(panic))),
        }
    })
    .await
}

/// A user value. A panic of its destructor is caught.
struct Guarded<T>(Option<T>);

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let held = self.0.take();
        if let Err(Panicked { message, location }) = catching(|| drop(held)) {
            tracing::error!("a destructor of a shared resource panicked: {message} at {location}");
        }
    }
}

impl<V, E: fmt::Debug> User<V, E> {
    /// Ends the use. The last user waits until the resource has ended, and gets its failure.
    async fn leave(mut self) -> Result<(), E> {
        let Some(entry) = self.entry.take() else { return Ok(()) };
        match quit(&entry.hub) {
            Leave::Others => Ok(()),
            Leave::Last | Leave::Abandoned => shield(entry.ended()).await,
        }
    }
}

impl<V, E: fmt::Debug> Drop for User<V, E> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            quit(&entry.hub);
        }
    }
}

fn quit<V>(hub: &Hub<V>) -> Leave {
    // Dropped after the lock is released, if no scope has to wait.
    let mut left = Teardown::here();
    let leave = {
        let mut state = hub.lock();
        let leave = state.life.leave();
        if leave != Leave::Others && !state.life.has_ended() {
            state.left.extend(left.take());
        }
        leave
    };
    match leave {
        Leave::Others => {}
        Leave::Abandoned => hub.end.cancel(),
        Leave::Last => hub.changed.send_replace(()),
    }
    leave
}
