//! The handles of streams as `futures::Stream` and `futures::Sink`: their state between two polls.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use super::broadcast::Reader;
use super::sending::SendItem;
use super::stream::{decode, decode_next};
use crate::error::{Error, MessagingError, Result};
use crate::proto::codec::{PldKind, YieldHead};
use crate::proto::payload::Payload;
use crate::session::{Batch, Expiry, InOrder, SessionEnd};

/// The source of a handle's values.
pub(super) enum Source<'a> {
    /// The inbox, of which the handle is the only reader.
    Alone(&'a mut Batch),
    /// The fan-out, in which the handle is one of several readers.
    Among(&'a Reader),
}

impl<'a> Source<'a> {
    #[inline]
    pub(super) fn of(batch: &'a mut Batch, reader: Option<&'a Reader>) -> Self {
        reader.map_or(Self::Alone(batch), Self::Among)
    }
}

/// The state of a handle as a `Stream`.
pub(super) enum Receiving {
    /// The handle waits for its next value.
    Next {
        order: InOrder,
        /// The timer of the wait for other readers.
        full: Option<Expiry>,
    },
    /// The handle has returned the failure of the dialog. Now it is at its end: it must not return the failure forever.
    Failed,
}

impl Default for Receiving {
    fn default() -> Self {
        Self::Next { order: InOrder::default(), full: None }
    }
}

impl Receiving {
    pub(super) fn poll_next<Rx: Payload>(
        &mut self,
        session: &SessionEnd,
        source: Source<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Rx>>> {
        let Self::Next { order, full } = self else { return Poll::Ready(None) };
        match source {
            Source::Alone(batch) => {
                if let Some(item) = ready!(session.poll_next_of(cx, batch)) {
                    return self.end_with(Ok(Some(decode(session, PldKind::Yield, &item))));
                }
                let next = ready!(session.poll_recv(cx, batch));
                let next = ready!(order.poll(cx, next));
                self.end_with(next.map(|next| decode_next(session, batch, &next).transpose()))
            }
            Source::Among(reader) => {
                let value = ready!(reader.poll(cx, full));
                let value = ready!(order.poll(cx, value));
                self.end_with(value.map(|value| value.map(|value| decode(session, PldKind::Yield, &value))))
            }
        }
    }

    fn end_with<Rx>(&mut self, next: Result<Option<Result<Rx>>>) -> Poll<Option<Result<Rx>>> {
        *self = Self::default();
        Poll::Ready(match next {
            Ok(next) => next,
            Err(lagged @ Error::Lagged(_)) => Some(Err(lagged)),
            Err(error) => {
                *self = Self::Failed;
                Some(Err(error))
            }
        })
    }
}

/// The value that a handle holds as a `Sink` until it is sent.
#[derive(Default)]
pub(super) struct Unsent(Mutex<Option<Sending>>);

// The mutex is never locked; it makes handles `Sync`.
type Sending = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Unsent {
    fn slot(&mut self) -> &mut Option<Sending> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let slot = self.slot();
        let Some(sending) = slot else { return Poll::Ready(Ok(())) };
        let sent = ready!(sending.as_mut().poll(cx));
        *slot = None;
        Poll::Ready(sent)
    }

    pub(super) fn start<T: Payload>(
        &mut self,
        session: &Arc<SessionEnd>,
        head: &YieldHead,
        value: T,
    ) -> Result<()> {
        let slot = self.slot();
        if slot.is_some() {
            let text = "a sink takes a value when `poll_ready` has said so";
            return Err(MessagingError::new(text, Some(session.cid)).into());
        }
        let (session, head) = (session.clone(), head.clone());
        *slot = Some(Box::pin(async move { SendItem::<T, T>::new(&session, &head, value).await }));
        Ok(())
    }
}
