//! Runs a few futures concurrently in one task.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Futures whose outputs are taken in the order in which they are ready. All are polled whenever one is woken, because
/// they are few.
pub(super) struct Race<'a, T>(Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>);

impl<'a, T> Race<'a, T> {
    pub(super) fn of<F: Future<Output = T> + Send + 'a>(futures: impl IntoIterator<Item = F>) -> Self {
        Self(futures.into_iter().map(|future| Box::pin(future) as _).collect())
    }

    /// Adds one more, if there is one.
    pub(super) fn add<F: Future<Output = T> + Send + 'a>(&mut self, future: Option<F>) {
        self.0.extend(future.map(|future| Box::pin(future) as _));
    }

    /// The next output; `None` after the last one.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| {
            for at in 0..self.0.len() {
                if let Poll::Ready(output) = self.0[at].as_mut().poll(cx) {
                    drop(self.0.swap_remove(at));
                    return Poll::Ready(Some(output));
                }
            }
            if self.0.is_empty() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::task::Context;

    use super::*;

    #[tokio::test]
    async fn the_first_that_is_ready_comes_first_and_each_comes_once() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let slow = async { told.await.expect("a value comes") };
        let futures: Vec<Pin<Box<dyn Future<Output = u8> + Send>>> =
            vec![Box::pin(slow), Box::pin(ready(2)), Box::pin(ready(3))];
        let mut race = Race::of(futures);
        let mut first = vec![race.next().await, race.next().await];
        first.sort_unstable();
        assert_eq!(first, [Some(2), Some(3)]);
        tell.send(1).expect("it waits");
        assert_eq!((race.next().await, race.next().await), (Some(1), None));
        assert_eq!(Race::of(Vec::<Ready<u8>>::new()).next().await, None);
        let mut never = Race::of([std::future::pending::<u8>()]);
        let mut next = std::pin::pin!(never.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
    }
}
