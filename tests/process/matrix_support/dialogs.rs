//! The parent sides. Each brings its dialog to the step of its cell, reports that, and waits there.

use tokio::sync::watch;
use tractor::{ContextHandle, Error, ParentContext, Portal, ReceiveStream};

use super::cell::{Cell, Kind, Step, Told, Trouble};
use super::endpoints::{Bomb, feeds, feeds_with, links, links_with, works, works_with};
use super::{Fault, hidden};
use support::{forever, poll_once};

/// The order for the body of a dialog at its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyOrder {
    Fail,
    Cancel,
    /// Read the outcome that has arrived.
    GoOn,
}

/// Connects the body of a dialog with the code that causes the fault, both in one task.
#[derive(Default)]
pub(crate) struct Wires {
    at_step: watch::Sender<bool>,
    order: watch::Sender<Option<BodyOrder>>,
}

impl Wires {
    fn say_at_step(&self) {
        self.at_step.send_replace(true);
    }

    /// Waits until the body has reached its step.
    pub(crate) async fn at_step(&self) {
        self.at_step.subscribe().wait_for(|at| *at).await.expect("`self` holds the sender");
    }

    pub(crate) fn order(&self, order: BodyOrder) {
        self.order.send_replace(Some(order));
    }

    async fn ordered(&self) -> BodyOrder {
        let mut order = self.order.subscribe();
        let order = order.wait_for(Option::is_some).await.expect("`self` holds the sender");
        order.expect("the sender lives")
    }
}

/// The parent side of a cell's dialog, from its request to its result.
pub(crate) async fn dialog(cell: Cell, worker: &Portal, id: u64, wires: &Wires) -> Told {
    match cell.kind {
        Kind::Call => call(cell, worker, id, wires).await.into(),
        Kind::Stream => stream(cell, worker, id, wires).await.into(),
        Kind::Context => context(cell, worker, id, wires).await.into(),
    }
}

async fn call(cell: Cell, worker: &Portal, id: u64, wires: &Wires) -> Result<u64, Trouble> {
    let mut run = match (cell.step, cell.fault) {
        (Step::BeforeAck, Fault::EndpointError) => worker.run(hidden::works()),
        (Step::BeforeAck, Fault::EndpointPanic) => worker.run(works_with(Bomb)),
        _ => worker.run(works(id)),
    };
    assert!(poll_once(&mut run).await.is_pending());
    wires.say_at_step();
    if cell.step == Step::Closing {
        wires.ordered().await;
    }
    Ok(run.await?)
}

async fn stream(cell: Cell, worker: &Portal, id: u64, wires: &Wires) -> Result<u64, Trouble> {
    match (cell.step, cell.fault) {
        (Step::BeforeAck, Fault::EndpointError) => {
            let body = async |mut stream: ReceiveStream<u64>| read(&mut stream, wires, 0).await;
            worker.open_stream_from(hidden::feeds(), body).await
        }
        (Step::BeforeAck, Fault::EndpointPanic) => {
            let body = async |mut stream: ReceiveStream<u64>| read(&mut stream, wires, 0).await;
            worker.open_stream_from(feeds_with(Bomb), body).await
        }
        (step, _) => {
            let body = async |mut stream: ReceiveStream<u64>| {
                let first = if matches!(step, Step::MidStream | Step::AfterStop) { 3 } else { 0 };
                if step == Step::Closing {
                    wires.say_at_step();
                    if wires.ordered().await == BodyOrder::Fail {
                        return Err(Trouble::Own);
                    }
                }
                let mut sum = 0;
                for expected in 1..=first {
                    assert_eq!(stream.receive().await?, Some(expected));
                    sum += expected;
                }
                if step == Step::AfterStop {
                    assert_eq!(stream.receive().await?, None);
                    wires.say_at_step();
                    return match wires.ordered().await {
                        BodyOrder::Fail => Err(Trouble::Own),
                        BodyOrder::Cancel | BodyOrder::GoOn => Ok(sum),
                    };
                }
                read(&mut stream, wires, sum).await
            };
            worker.open_stream_from(feeds(id, step), body).await
        }
    }
}

/// Reads a one-way stream to its end, unless the order is to fail.
async fn read(stream: &mut ReceiveStream<u64>, wires: &Wires, mut sum: u64) -> Result<u64, Trouble> {
    wires.say_at_step();
    loop {
        let value = tokio::select! {
            biased;
            order = wires.ordered() => match order {
                BodyOrder::Fail => return Err(Trouble::Own),
                BodyOrder::Cancel | BodyOrder::GoOn => stream.receive().await?,
            },
            value = stream.receive() => value?,
        };
        match value {
            Some(value) => sum += value,
            None => return Ok(sum),
        }
    }
}

async fn context(cell: Cell, worker: &Portal, id: u64, wires: &Wires) -> Result<u64, Trouble> {
    match (cell.step, cell.fault) {
        (Step::BeforeAck, Fault::EndpointError) => {
            worker.open_context(hidden::links(), async |_, _| panic!("it was refused")).await
        }
        (Step::BeforeAck, Fault::EndpointPanic) => {
            worker.open_context(links_with(Bomb), async |_, _| panic!("it was refused")).await
        }
        (step, fault) => {
            let body = async |ctx: ParentContext<links>, first: u64| {
                assert_eq!(first, id);
                match step {
                    Step::MidStream | Step::AfterStop => streaming(step, ctx, id, wires).await,
                    Step::Waiting => waiting(ctx, id, wires).await,
                    Step::Closing => {
                        if fault == Fault::SelfCancel {
                            assert!(poll_once(&mut ctx.cancel().into_future()).await.is_pending());
                        }
                        wires.say_at_step();
                        Ok(id)
                    }
                    Step::BeforeAck | Step::BeforeFirst | Step::Open => {
                        wires.say_at_step();
                        obey(wires.ordered().await, ctx.handle(), id).await
                    }
                }
            };
            worker.open_context(links(id, step), body).await
        }
    }
}

async fn streaming(step: Step, ctx: ParentContext<links>, id: u64, wires: &Wires) -> Result<u64, Trouble> {
    let handle = ctx.handle();
    let mut stream = ctx.open_stream();
    for number in 0..2 {
        stream.send(number).await?;
        assert_eq!(stream.receive().await?, Some(number + 1));
    }
    if step == Step::AfterStop {
        assert_eq!(stream.receive().await?, None);
        stream.send(9).await?;
        wires.say_at_step();
        return obey(wires.ordered().await, handle, id).await;
    }
    wires.say_at_step();
    tokio::select! {
        biased;
        order = wires.ordered() => obey(order, handle, id).await,
        end = stream.receive() => {
            // An endpoint closes its stream when it is dropped.
            assert_eq!(end?, None, "nothing else was received");
            Ok(handle.wait_for_result().await?)
        }
    }
}

async fn waiting(ctx: ParentContext<links>, id: u64, wires: &Wires) -> Result<u64, Trouble> {
    wires.say_at_step();
    let handle = ctx.handle();
    let order = tokio::select! {
        biased;
        order = wires.ordered() => order,
        result = handle.wait_for_result() => return Ok(result?),
    };
    obey(order, handle, id).await
}

/// Obeys the order at the step. A resulting cancellation must be its own.
async fn obey(order: BodyOrder, ctx: ContextHandle<u64>, id: u64) -> Result<u64, Trouble> {
    match order {
        BodyOrder::Fail => Err(Trouble::Own),
        BodyOrder::GoOn => {
            forever().await;
            Ok(id)
        }
        BodyOrder::Cancel => {
            assert!(ctx.cancel().await?, "acknowledged in time");
            match ctx.wait_for_result().await {
                Err(Error::Cancelled(told)) => {
                    assert_eq!(told.canceller(), Some(tractor::current_actor().uid()));
                    assert_eq!(told.src_uid(), ctx.peer());
                    Ok(id)
                }
                other => panic!("not its own cancellation: {other:?}"),
            }
        }
    }
}
