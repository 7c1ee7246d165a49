//! The stream of a context at its parent side.
//!
//! These handles are a [`MsgStream`] and its parts, to which the endpoint is known by type: so rustc can say whose contract a
//! wrong value breaks, and a field or an argument can be written as `ParentStream<scale>`. All else is that of the handle inside.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::broadcast::StreamSubscriber;
use super::named::AllowsIn;
use super::parent::ContextTypes;
use super::sending::SendItem;
use super::stream::{MsgStream, StreamRx, StreamTx};
use crate::error::Result;

/// The two-way stream of a context of the endpoint `E`, at its parent side: sends `E::Recv` and receives `E::Send`.
///
/// It is a [`MsgStream`] that knows its endpoint. A function for the streams of one endpoint takes a `ParentStream<scale>`. One for
/// those of any with these types takes a `&mut MsgStream`, as which this can be passed, or a `MsgStream`, which
/// [`into_inner`](Self::into_inner) or [`into`](Into::into) make of it. Where Rust does not look through a reference, as for a
/// trait that a `MsgStream` implements, `&mut *stream` does:
///
/// ```
/// # use tractor_core::{self as tractor, ContextTypes};
/// # #[allow(non_camel_case_types)]
/// # enum scale {}
/// # impl ContextTypes for scale {
/// #     type Started = ();
/// #     type Send = u64;
/// #     type Recv = String;
/// #     type Returns = ();
/// # }
/// use tractor::{MsgStream, ParentContext, ParentStream};
///
/// async fn greets(stream: &mut ParentStream<scale>) -> tractor::Result<()> {
///     stream.send("hello".to_owned()).await
/// }
///
/// async fn counts(stream: &mut MsgStream<String, u64>) -> tractor::Result<Option<u64>> {
///     stream.receive().await
/// }
///
/// async fn drains(mut stream: MsgStream<String, u64>) -> tractor::Result<()> {
///     while stream.receive().await?.is_some() {}
///     Ok(())
/// }
///
/// async fn body(ctx: &mut ParentContext<scale>) -> tractor::Result<()> {
///     let mut stream = ctx.open_stream().await?;
///     greets(&mut stream).await?;
///     counts(&mut stream).await?;
///     drains(stream.into_inner()).await
/// }
/// ```
pub struct ParentStream<E: ContextTypes> {
    stream: MsgStream<E::Recv, E::Send>,
}

impl<E: ContextTypes> ParentStream<E> {
    pub(super) fn new(stream: MsgStream<E::Recv, E::Send>) -> Self {
        Self { stream }
    }

    /// The stream, without the name of its endpoint.
    pub fn into_inner(self) -> MsgStream<E::Recv, E::Send> {
        self.stream
    }

    /// As [`MsgStream::send`].
    ///
    /// # Errors
    /// As [`MsgStream::send`].
    ///
    /// # Cancel safety
    /// As [`MsgStream::send`].
    #[inline]
    pub fn send<V>(&self, value: V) -> SendItem<'_, E::Recv, <E::Recv as AllowsIn<V, E>>::Held>
    where
        E::Recv: AllowsIn<V, E>,
    {
        self.stream.send_held(E::Recv::hold(value))
    }

    /// As [`MsgStream::strict`].
    #[must_use]
    pub fn strict(self) -> Self {
        Self::new(self.stream.strict())
    }

    /// As [`MsgStream::subscribe`].
    pub fn subscribe(&mut self) -> ParentSubscriber<E> {
        ParentSubscriber { reader: self.stream.subscribe() }
    }

    /// As [`MsgStream::close`].
    ///
    /// # Errors
    /// As [`MsgStream::close`].
    ///
    /// # Cancel safety
    /// As [`MsgStream::close`].
    pub async fn close(self) -> Result<()> {
        self.stream.close().await
    }

    /// As [`MsgStream::split`]. What only receives needs to know no endpoint.
    pub fn split(&mut self) -> (ParentTx<'_, E>, StreamRx<'_, E::Recv, E::Send>) {
        let (half, other) = self.stream.split();
        (ParentTx { half }, other)
    }
}

impl<E: ContextTypes> From<ParentStream<E>> for MsgStream<E::Recv, E::Send> {
    fn from(stream: ParentStream<E>) -> Self {
        stream.into_inner()
    }
}

impl<E: ContextTypes> Deref for ParentStream<E> {
    type Target = MsgStream<E::Recv, E::Send>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<E: ContextTypes> DerefMut for ParentStream<E> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.stream
    }
}

impl<E: ContextTypes> fmt::Debug for ParentStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParentStream").field(&self.stream).finish()
    }
}

/// The sending half of a split [`ParentStream`]: a [`StreamTx`] that knows its endpoint.
pub struct ParentTx<'a, E: ContextTypes> {
    half: StreamTx<'a, E::Recv, E::Send>,
}

impl<E: ContextTypes> ParentTx<'_, E> {
    /// As [`MsgStream::send`].
    ///
    /// # Errors
    /// As [`MsgStream::send`].
    ///
    /// # Cancel safety
    /// As [`MsgStream::send`].
    pub fn send<V>(&self, value: V) -> SendItem<'_, E::Recv, <E::Recv as AllowsIn<V, E>>::Held>
    where
        E::Recv: AllowsIn<V, E>,
    {
        self.half.send_held(E::Recv::hold(value))
    }
}

impl<'a, E: ContextTypes> From<ParentTx<'a, E>> for StreamTx<'a, E::Recv, E::Send> {
    fn from(ParentTx { half }: ParentTx<'a, E>) -> Self {
        half
    }
}

impl<'a, E: ContextTypes> Deref for ParentTx<'a, E> {
    type Target = StreamTx<'a, E::Recv, E::Send>;

    fn deref(&self) -> &Self::Target {
        &self.half
    }
}

impl<E: ContextTypes> fmt::Debug for ParentTx<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParentTx").field(&self.half).finish()
    }
}

/// One of several readers of a [`ParentStream`]: a [`StreamSubscriber`] that knows its endpoint.
pub struct ParentSubscriber<E: ContextTypes> {
    reader: StreamSubscriber<E::Recv, E::Send>,
}

impl<E: ContextTypes> ParentSubscriber<E> {
    /// As [`StreamSubscriber::send`].
    ///
    /// # Errors
    /// As [`MsgStream::send`].
    ///
    /// # Cancel safety
    /// As [`MsgStream::send`].
    pub fn send<V>(&self, value: V) -> SendItem<'_, E::Recv, <E::Recv as AllowsIn<V, E>>::Held>
    where
        E::Recv: AllowsIn<V, E>,
    {
        self.reader.send_held(E::Recv::hold(value))
    }

    /// As [`StreamSubscriber::subscribe`].
    pub fn subscribe(&self) -> Self {
        Self { reader: self.reader.subscribe() }
    }

    /// As [`StreamSubscriber::lag_logged`].
    #[must_use]
    pub fn lag_logged(self) -> Self {
        Self { reader: self.reader.lag_logged() }
    }
}

impl<E: ContextTypes> From<ParentSubscriber<E>> for StreamSubscriber<E::Recv, E::Send> {
    fn from(ParentSubscriber { reader }: ParentSubscriber<E>) -> Self {
        reader
    }
}

impl<E: ContextTypes> Deref for ParentSubscriber<E> {
    type Target = StreamSubscriber<E::Recv, E::Send>;

    fn deref(&self) -> &Self::Target {
        &self.reader
    }
}

impl<E: ContextTypes> DerefMut for ParentSubscriber<E> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.reader
    }
}

impl<E: ContextTypes> fmt::Debug for ParentSubscriber<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParentSubscriber").field(&self.reader).finish()
    }
}
