//! One task: a call, how often it may be tried, and the caller that waits for its outcome.

use std::panic::AssertUnwindSafe;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tractor_core::proto::payload::Payload;
use tractor_core::{Call, Error, FnEndpoint, Portal, Result, Run, open_nursery};

use super::machine::Outcome;

/// The argument of [`Pool::run`](super::Pool::run): a call of a function whose arguments are `Clone`, because a task
/// may be tried again. Every such call implements this trait.
#[diagnostic::on_unimplemented(
    message = "a pool cannot run `{Self}`",
    label = "not a call of a `#[tractor::actor_fn]` with arguments that are `Clone`",
    note = "if the function has no attribute, add `#[tractor::actor_fn]` to it",
    note = "a pool runs functions only: a context or a one-way stream is opened through the portal of an actor, which \
            `start_actor` gives, or `open_actor_cluster` for several"
)]
pub trait PoolTarget: Clone + Send + 'static {
    /// The value that the function returns.
    type Returns: Payload;

    #[doc(hidden)]
    fn run_in(self, worker: &Portal) -> Run<Self::Returns>;
}

#[diagnostic::do_not_recommend]
impl<E: FnEndpoint<Args: Clone>> PoolTarget for Call<E> {
    type Returns = E::Returns;

    fn run_in(self, worker: &Portal) -> Run<Self::Returns> {
        worker.run(self)
    }
}

/// The outcome of a call. A panic comes from the caller's own code: from a serializer or a `Clone`.
pub(super) type Caught<T> = thread::Result<Result<T>>;

/// A task of any endpoint.
pub(super) trait Job: Send {
    /// Runs the call in a worker and returns the outcome. Once `withdrawn` is ready, it cancels the call and waits for
    /// its end.
    fn attempt(
        self: Box<Self>,
        worker: Portal,
        withdrawn: oneshot::Receiver<()>,
    ) -> BoxFuture<'static, Box<dyn Job>>;

    /// The outcome of the last attempt.
    fn outcome(&self) -> Outcome;

    fn has_succeeded(&self) -> bool;

    /// Hands the outcome to the waiting caller.
    fn settle(self: Box<Self>);

    /// Hands out a failure instead.
    fn fail(self: Box<Self>, error: Error);
}

pub(super) struct Task<C: PoolTarget> {
    call: C,
    /// The deadline of each attempt.
    deadline: Option<Duration>,
    /// The deadline of the waiting caller.
    until: Option<Instant>,
    reply: oneshot::Sender<Caught<C::Returns>>,
    /// `None` before the first attempt has ended.
    last: Option<Caught<C::Returns>>,
}

impl<C: PoolTarget> Task<C> {
    pub(super) fn new(
        call: C,
        deadline: Option<Duration>,
        until: Option<Instant>,
        reply: oneshot::Sender<Caught<C::Returns>>,
    ) -> Self {
        Self { call, deadline, until, reply, last: None }
    }
}

impl<C: PoolTarget> Task<C> {
    /// When the worker is killed, for an attempt that begins now; `None` without a deadline, or if the caller's own
    /// deadline comes earlier.
    fn fatal(&self) -> Option<Instant> {
        let at = Instant::now().checked_add(self.deadline?)?;
        self.until.is_none_or(|until| at <= until).then_some(at)
    }

    async fn run(&mut self, worker: &Portal, is_fatal: bool) -> Result<C::Returns> {
        let mut run = self.call.clone().run_in(worker);
        if let Some(budget) = self.deadline {
            run = run.deadline(budget);
        }
        if let Some(at) = self.until {
            run = run.deadline_at(at);
        }
        if is_fatal { run.or_kill().await } else { run.await }
    }
}

impl<C: PoolTarget> Job for Task<C> {
    fn attempt(
        mut self: Box<Self>,
        worker: Portal,
        withdrawn: oneshot::Receiver<()>,
    ) -> BoxFuture<'static, Box<dyn Job>> {
        Box::pin(async move {
            let fatal = self.fatal();
            let mut run = AssertUnwindSafe(self.run(&worker, fatal.is_some())).catch_unwind().boxed();
            // This scope waits for the end of a call that is dropped in it.
            let scope = open_nursery(async move |_| {
                let ended = tokio::select! {
                    biased;
                    ended = &mut run => Some(ended),
                    // If the worker is being killed, this waits until it is gone.
                    _ = withdrawn => match fatal {
                        Some(at) if at <= Instant::now() => Some(run.await),
                        _ => None,
                    },
                };
                Ok(ended)
            });
            self.last = match scope.await {
                Ok(ended) => ended,
                Err(error) => Some(Ok(Err(error))),
            };
            self as Box<dyn Job>
        })
    }

    fn outcome(&self) -> Outcome {
        match &self.last {
            Some(Ok(Err(error))) => outcome_of(error),
            // `None` means that the task was withdrawn.
            Some(Ok(Ok(_)) | Err(_)) | None => Outcome::Answered,
        }
    }

    fn has_succeeded(&self) -> bool {
        matches!(self.last, Some(Ok(Ok(_))))
    }

    fn settle(self: Box<Self>) {
        if let Some(outcome) = self.last {
            // The caller may have stopped waiting meanwhile.
            _ = self.reply.send(outcome);
        }
    }

    fn fail(self: Box<Self>, error: Error) {
        // The caller may have stopped waiting meanwhile.
        _ = self.reply.send(Ok(Err(error)));
    }
}

/// The meaning of a failure for its task, and for the worker.
fn outcome_of(error: &Error) -> Outcome {
    match error {
        error if error.is_retryable() => Outcome::NotRun,
        Error::DeadlineExceeded(_) if error.may_have_run() => Outcome::Overdue,
        Error::Died(_) | Error::Closed(_) | Error::Cancelled(_) => Outcome::Interrupted,
        _ => Outcome::Answered,
    }
}
