//! The actions of an actor, in order. Its endpoints write them; tests read them, and wait for them.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The module to enable for [`entries()`] and [`seen()`].
pub const MODULE: &str = module_path!();

tractor::actor_local! {
    static JOURNAL: Journal = Journal::default();
}

struct Journal {
    entries: Mutex<Vec<String>>,
    changed: watch::Sender<()>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Journal {
    fn snapshot(&self) -> Vec<String> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes a line into the running actor's journal.
pub fn note(line: impl Into<String>) {
    let journal = JOURNAL.get();
    journal.entries.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    journal.changed.send_replace(());
}

/// Writes its line into the journal when it is dropped.
#[derive(Debug)]
pub struct NoteOnDrop(pub &'static str);

impl Drop for NoteOnDrop {
    fn drop(&mut self) {
        note(self.0);
    }
}

/// All lines of the journal.
#[tractor::actor_fn]
pub async fn entries() -> Vec<String> {
    JOURNAL.get().snapshot()
}

/// Waits until a line is in the journal.
#[tractor::actor_fn]
pub async fn seen(line: String) {
    let journal = JOURNAL.get();
    let mut changed = journal.changed.subscribe();
    while !journal.snapshot().contains(&line) {
        changed.changed().await.expect("the journal holds its sender");
    }
}
