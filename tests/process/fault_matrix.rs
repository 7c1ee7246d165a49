//! Every kind of dialog, at every step of its life, with every fault: the error of each side, and no leftovers.
//!
//! A cell that fails prints its coordinates, and the others go on. With `TRACTOR_MATRIX_CELL="Context MidStream"` only
//! the cells run whose coordinates contain this text.

use std::cell::{Cell as Slot, RefCell};
use std::fmt;
use std::time::{Duration, Instant};

use support::{Tree, tree};
use tractor::{Error, Result};

use crate::matrix_support::{Cell, Fault, Kind, Lane};

/// Cells that run at the same time. They mostly wait.
const LANES: usize = 8;
const CELLS_MIN: usize = 150;

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?} {:?}", self.link, self.kind, self.step, self.fault)
    }
}

#[test]
fn the_matrix_has_its_cells_and_each_fault_every_kind() {
    let cells = Cell::all();
    assert!(cells.len() >= CELLS_MIN, "{}", cells.len());
    for kind in [Kind::Call, Kind::Stream, Kind::Context] {
        for fault in [Fault::Drop, Fault::EndpointPanic, Fault::ThirdActor, Fault::Kill, Fault::HalfOpen] {
            assert!(cells.iter().any(|cell| cell.kind == kind && cell.fault == fault), "{kind:?} {fault:?}");
        }
    }
}

#[tractor::test]
async fn faults_that_spare_the_child() -> Result<()> {
    run(Cell::all().into_iter().filter(|cell| !cell.ends_process()).collect()).await
}

#[tractor::test]
async fn faults_that_end_the_child() -> Result<()> {
    run(Cell::all().into_iter().filter(|cell| cell.ends_process()).collect()).await
}

/// Runs cells in lanes, and fails with the coordinates of all failed cells.
async fn run(mut cells: Vec<Cell>) -> Result<()> {
    if let Ok(chosen) = std::env::var("TRACTOR_MATRIX_CELL") {
        cells.retain(|cell| cell.to_string().contains(&chosen));
    }
    tree(async |tree| {
        let start = Instant::now();
        let sheet = Sheet { cells, next: Slot::new(0), failed: RefCell::default(), slowest: Slot::default() };
        let lane = |name| sheet.run_lane(tree, name);
        let lanes: [_; LANES] = tokio::join!(
            lane("a"),
            lane("b"),
            lane("c"),
            lane("d"),
            lane("e"),
            lane("f"),
            lane("g"),
            lane("h")
        )
        .into();
        for lane in lanes {
            lane?;
        }
        let failed = sheet.failed.into_inner();
        let (cells, slowest) = (sheet.cells.len(), sheet.slowest.get());
        tracing::info!("{cells} cells in {:?}, the slowest in {slowest:?}", start.elapsed());
        assert!(failed.is_empty(), "{} of {cells} cells failed:\n{}", failed.len(), failed.join("\n"));
        Ok(())
    })
    .await
}

/// The cells of one test, and their outcomes.
struct Sheet {
    cells: Vec<Cell>,
    next: Slot<usize>,
    failed: RefCell<Vec<String>>,
    slowest: Slot<Duration>,
}

impl Sheet {
    /// Runs cells, one after the other, until none is left.
    async fn run_lane(&self, tree: &Tree, name: &str) -> Result<()> {
        tractor::open_nursery(async |an| -> Result<(), Error> {
            let mut lane = Lane::start(an, &tree.name(name)).await?;
            while let Some(&cell) = self.cells.get(self.next.get()) {
                let id = self.next.get() as u64 + 1;
                self.next.set(self.next.get() + 1);
                match lane.run(cell, id, tree.name(&format!("{id}"))).await {
                    Ok(took) => self.slowest.set(self.slowest.get().max(took)),
                    Err(why) => {
                        self.failed.borrow_mut().push(format!("  {cell}: {why}"));
                        // Leftovers of a failed cell must not fail another cell.
                        lane.abandon().await?;
                        lane = Lane::start(an, &tree.name(name)).await?;
                    }
                }
            }
            lane.end().await
        })
        .await
    }
}
