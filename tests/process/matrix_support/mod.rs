//! The fault matrix: a dialog is brought to a step, and a fault happens. The result is checked, and so are leftovers.

mod cell;
mod dialogs;
pub(crate) mod endpoints;
mod hidden;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::oneshot;
use tractor::{ActorNursery, Addr, Error, Portal};

use self::cell::{Cast, Link, Step, Told};
pub(crate) use self::cell::{Cell, Fault, Kind};
use self::dialogs::{BodyOrder, Wires, dialog};
use self::endpoints::{
    Order, address, begun, cancels, dialogs_open, doubles, end_yourself, gone, order, witnesses,
};
use support::journal::{self, seen};
use support::processes::{pid_of, process, signal};
use support::{poll_once, until};

/// Time limit of a cell, for a busy machine. A cell takes less than a second, unless it climbs the ladder.
const CELL_LIMIT: Duration = Duration::from_secs(10);

/// The actors that the cells of one lane share.
pub(crate) struct Lane {
    worker: Portal,
    third: Portal,
}

/// One run of a cell.
struct Scene<'a> {
    cell: Cell,
    id: u64,
    worker: &'a Portal,
    third: &'a Portal,
    /// Address of the worker.
    addr: String,
}

/// A call that is open in a child which the fault ends.
type Witness = Pin<Box<dyn Future<Output = tractor::Result<()>>>>;

impl Lane {
    pub(crate) async fn start(an: &ActorNursery, name: &str) -> tractor::Result<Self> {
        let worker = start(an, format!("{name}w")).await?;
        let third = start(an, format!("{name}t")).await?;
        Ok(Self { worker, third })
    }

    pub(crate) async fn end(self) -> tractor::Result<()> {
        assert!(self.worker.cancel_actor().await?.is_in_order());
        assert!(self.third.cancel_actor().await?.is_in_order());
        Ok(())
    }

    /// Ends the actors in whatever state a failed cell has left them.
    pub(crate) async fn abandon(self) -> tractor::Result<()> {
        for portal in [self.worker, self.third] {
            // The kill comes after a request, so it is no unexpected death.
            portal.cancel_actor().await?;
            let pid = pid_of(&portal);
            if process(pid).is_some() {
                signal(pid, Signal::KILL);
            }
        }
        Ok(())
    }

    /// Runs one cell. A failure names the reason.
    pub(crate) async fn run(&self, cell: Cell, id: u64, name: String) -> Result<Duration, String> {
        let start = Instant::now();
        let run = async {
            if cell.ends_process() {
                self.run_ending(cell, id, name).await;
            } else {
                self.run_spared(cell, id).await;
            }
            assert_eq!(self.third.run(doubles(id)).await.expect("the third actor is not affected"), 2 * id);
        };
        match tokio::time::timeout(CELL_LIMIT, caught(pin!(run))).await {
            Ok(result) => result.map(|()| start.elapsed()),
            Err(_elapsed) => Err(format!("not over within {CELL_LIMIT:?}")),
        }
    }

    /// A cell whose child goes on, and is used for the next one.
    async fn run_spared(&self, cell: Cell, id: u64) {
        let worker = &self.worker;
        let scene = Scene { cell, id, worker, third: &self.third, addr: String::new() };
        let told = scene.play(None).await;
        cell.judge(id, &told, &scene.cast());
        if !cell.is_refused() {
            worker.run(seen(gone(id))).await.expect("the child goes on");
        }
        scene.assert_nothing_open().await;
        assert_eq!(worker.run(doubles(id)).await.expect("the child goes on"), 2 * id);
    }

    /// A cell with a child of its own, which it ends.
    async fn run_ending(&self, cell: Cell, id: u64, name: String) {
        let (born, birth) = oneshot::channel();
        let (leave, left) = oneshot::channel::<()>();
        let mut nursery = Box::pin(tractor::open_nursery(async |an| {
            assert!(born.send(start(an, name).await?).is_ok(), "the cell waits for it");
            // If the child ends in good order, nothing else ends this scope.
            left.await.expect("the cell holds the sender");
            Ok::<(), Error>(())
        }));
        let kid = tokio::select! {
            end = &mut nursery => panic!("the nursery has ended before its child began: {end:?}"),
            kid = birth => kid.expect("the nursery goes on"),
        };
        let pid = pid_of(&kid);
        let addr = kid.run(address()).await.expect("it runs");
        match cell.link {
            Link::Parent => self.strike(cell, id, &kid, &addr, nursery, leave).await,
            Link::Guest => {
                let to: Addr = addr.parse().expect("`address` made it");
                let scope = tractor::connect(&to, async |guest| {
                    self.strike(cell, id, guest, &addr, nursery, leave).await;
                    Ok::<(), Error>(())
                });
                scope.await.expect("the connection was made");
            }
        }
        assert!(process(pid).is_none(), "process {pid} is left");
        assert_eq!(kid.dialogs_open(), 0, "dialogs are left at its parent");
        let addr: Addr = addr.parse().expect("`address` made it");
        // The watching task removes the file after it has reported the connection's end.
        until(|| !std::path::Path::new(&addr.uds_path().expect("a Unix socket")).exists()).await;
    }

    /// Causes the fault in the child of a nursery, which is then left or dropped as the fault requires.
    async fn strike(
        &self,
        cell: Cell,
        id: u64,
        worker: &Portal,
        addr: &str,
        nursery: impl Future<Output = tractor::Result<()>> + Unpin,
        leave: oneshot::Sender<()>,
    ) {
        let pid = pid_of(worker);
        let mut witness: Witness = Box::pin(worker.run(witnesses()));
        assert!(poll_once(&mut witness).await.is_pending());
        worker.run(seen("witnesses".to_owned())).await.expect("it runs");

        let scene = Scene { cell, id, worker, third: &self.third, addr: addr.to_owned() };
        let told = scene.play(Some(&mut witness)).await;
        cell.judge(id, &told, &scene.cast());
        match cell.fault {
            Fault::HalfOpen => {
                drop(nursery);
                let end = witness.await;
                assert!(matches!(end, Err(Error::Died(_))), "at the witness: {end:?}");
                until(|| process(pid).is_none()).await;
            }
            Fault::Kill => {
                let end = nursery.await;
                let died = end.as_ref().err().and_then(Error::as_died);
                let died = died.map(|died| (died.signal(), died.pid()));
                assert_eq!(died, Some((Some(9), pid.cast_unsigned())), "{end:?}");
            }
            _ => {
                leave.send(()).expect("the nursery waits for it");
                nursery.await.expect("its child has ended in good order");
            }
        }
        assert_eq!(worker.dialogs_open(), 0, "dialogs are left at the parent side");
    }
}

async fn start(an: &ActorNursery, name: String) -> tractor::Result<Portal> {
    an.start_actor(name).enable_module(endpoints::MODULE).enable_module(journal::MODULE).listen().await
}

impl Scene<'_> {
    fn cast(&self) -> Cast {
        Cast { kid: self.worker.uid().clone(), third: self.third.uid().clone() }
    }

    /// Opens the dialog, causes the fault at its step, and returns the result of the parent side.
    async fn play(&self, witness: Option<&mut Witness>) -> Told {
        let wires = Wires::default();
        if self.cell.step == Step::BeforeAck {
            self.stop().await;
        }
        let mut dialog = Box::pin(dialog(self.cell, self.worker, self.id, &wires));
        let mut inflict = pin!(self.inflict(&wires, witness));
        tokio::select! {
            // The request is made before the fault.
            biased;
            told = &mut dialog => {
                inflict.await;
                return told;
            }
            () = &mut inflict => {}
        }
        if !self.cell.is_dropped() {
            return dialog.await;
        }
        drop(dialog);
        if self.cell.step == Step::BeforeAck && self.cell.fault == Fault::Drop {
            self.signal(Signal::CONT);
        }
        Told::Dropped
    }

    async fn inflict(&self, wires: &Wires, witness: Option<&mut Witness>) {
        let Cell { step, fault, .. } = self.cell;
        self.reach(wires).await;
        match fault {
            Fault::Drop => {}
            Fault::BodyError => wires.order(BodyOrder::Fail),
            Fault::SelfCancel => wires.order(BodyOrder::Cancel),
            Fault::EndpointError | Fault::EndpointPanic if self.cell.is_refused() => {}
            Fault::EndpointError | Fault::EndpointPanic if self.cell.is_settled() => {}
            Fault::EndpointError => self.order(Order::Fail).await,
            Fault::EndpointPanic => self.order(Order::Panic).await,
            Fault::ChildCancel => self.order(Order::Cancel).await,
            Fault::ActorEnd => self.worker.run(end_yourself()).await.expect("it answers before it ends"),
            Fault::ThirdActor => {
                let mut asks = self.third.run(cancels(self.addr.clone()));
                assert!(poll_once(&mut asks).await.is_pending());
                if step == Step::BeforeAck {
                    self.go_on().await;
                }
                asks.await.expect("the third actor goes on, and was answered");
            }
            Fault::Kill => self.signal(Signal::KILL),
            Fault::HalfOpen if step == Step::BeforeAck => {}
            Fault::HalfOpen => self.stop().await,
        }
        if step == Step::BeforeAck && !self.cell.ends_process() && fault != Fault::Drop {
            self.go_on().await;
        }
        if let Some(witness) = witness.filter(|_| fault != Fault::HalfOpen) {
            self.judge_witness(witness.await);
        }
        if self.cell.is_settled() && fault != Fault::BodyError {
            wires.order(BodyOrder::GoOn);
        }
    }

    /// Waits until both sides have reached the step of the cell.
    async fn reach(&self, wires: &Wires) {
        let (kind, step) = (self.cell.kind, self.cell.step);
        if step == Step::BeforeAck {
            return;
        }
        if step == Step::BeforeFirst || (kind, step) == (Kind::Call, Step::Waiting) {
            return self.worker.run(seen(begun(self.id))).await.expect("the child runs");
        }
        wires.at_step().await;
        if self.cell.is_settled() {
            if step == Step::Closing {
                self.order(match self.cell.fault {
                    Fault::EndpointError => Order::Fail,
                    Fault::EndpointPanic => Order::Panic,
                    _ => Order::Return,
                })
                .await;
            }
            // The answer follows the endpoint's messages on the same connection.
            self.worker.run(seen(gone(self.id))).await.expect("the child runs");
        }
    }

    async fn order(&self, what: Order) {
        self.worker.run(order(self.id, what)).await.expect("the child runs");
    }

    /// Another request of the same connection gets the same error, even if the dialog is settled.
    fn judge_witness(&self, end: tractor::Result<()>) {
        let (kid, third) = (self.worker.uid(), self.third.uid());
        let fits = match (self.cell.fault, &end) {
            (Fault::Kill, Err(Error::Died(died))) => {
                // Only the parent knows the signal.
                died.signal() == (self.cell.link == Link::Parent).then_some(9)
            }
            (Fault::ActorEnd, Err(Error::Cancelled(told))) => told.canceller() == Some(kid),
            (Fault::ThirdActor, Err(Error::Cancelled(told))) => told.canceller() == Some(third),
            _ => false,
        };
        assert!(fits, "at the witness: {end:?}");
    }

    async fn assert_nothing_open(&self) {
        // A dropped dialog is over when its acknowledgement has come.
        loop {
            let theirs = self.worker.open_context(dialogs_open(), async |_, open| Ok::<_, Error>(open)).await;
            if theirs.expect("the child goes on") == 0 && self.worker.dialogs_open() == 0 {
                return;
            }
        }
    }

    fn signal(&self, what: Signal) {
        signal(pid_of(self.worker), what);
    }

    /// Stops the child, and waits until it is stopped.
    async fn stop(&self) {
        self.signal(Signal::STOP);
        let pid = pid_of(self.worker);
        until(|| process(pid).is_some_and(|process| process.is_stopped())).await;
    }

    /// Lets a stopped child go on, after all tasks here have had their turn.
    async fn go_on(&self) {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.signal(Signal::CONT);
    }
}

/// Runs a future; a panic is its text.
async fn caught<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Result<T, String> {
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without a text".to_owned()))),
    })
    .await
}
