//! The handles of streams as `futures::Stream` and `futures::Sink`: what one keeps between two polls.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use super::broadcast::Reader;
use super::sending::SendItem;
use super::stream::decode;
use crate::error::{Error, MessagingError, Result};
use crate::proto::codec::{PldKind, YieldHead};
use crate::proto::payload::Payload;
use crate::session::{Expiry, InOrder, SessionEnd};

/// How far a handle is as a `Stream`.
pub(super) enum Receiving {
    /// It waits for its next value.
    Next {
        order: InOrder,
        /// The end of the wait for other readers.
        full: Option<Expiry>,
    },
    /// It has said that the dialog has failed; more would be the same again, for ever.
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
        reader: Option<&Reader>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Rx>>> {
        let Self::Next { order, full } = self else { return Poll::Ready(None) };
        let received = match reader {
            None => ready!(session.poll_recv(cx)),
            Some(reader) => ready!(reader.poll(cx, full)),
        };
        let received = ready!(order.poll(cx, received));
        *self = Self::default();
        Poll::Ready(match received {
            Ok(value) => value.map(|value| decode(session, PldKind::Yield, &value)),
            Err(lagged @ Error::Lagged(_)) => Some(Err(lagged)),
            Err(error) => {
                *self = Self::Failed;
                Some(Err(error))
            }
        })
    }
}

/// The value that a handle has taken as a `Sink`, until it is sent.
#[derive(Default)]
pub(super) struct Unsent(Mutex<Option<Sending>>);

// In a mutex, which nobody locks, so that handles are `Sync`.
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
