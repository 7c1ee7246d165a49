//! A key-value service: a supervised store with a journal, and three clients in processes of their own.
//!
//! The clients get a handle on the store, not an address. Each client writes, and follows the writes of all clients.
//! Meanwhile the store is killed again and again. Each new process reads the journal, and the handle leads to it. A
//! write that was interrupted by a death may be in the journal; repeating it does no harm. Run it with `cargo run
//! --example kv_service`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use std::fs::{File, OpenOptions, read_to_string, remove_file};
use std::io::Write;
use std::time::Duration;

use tokio::sync::watch;
use tractor::{ActorRef, Backoff, Error, Supervision, prelude::*};

const CLIENTS: usize = 3;
const WRITES: usize = 200;

tractor::actor_local! {
    static STORE: Store = Store::open().expect("the journal can be read");
}

struct Store {
    journal: File,
    /// `key=value`, in the order of the journal.
    changes: watch::Sender<Vec<String>>,
}

impl Store {
    fn open() -> std::io::Result<Self> {
        let path = std::env::var_os("KV_JOURNAL").unwrap_or_default();
        let journal = OpenOptions::new().create(true).append(true).open(&path)?;
        let changes = read_to_string(path)?.lines().map(str::to_owned).collect();
        Ok(Self { journal, changes: watch::Sender::new(changes) })
    }
}

/// Returns when the write is in the journal.
#[tractor::actor_fn]
async fn put(change: String) -> std::io::Result<()> {
    let store = STORE.get();
    if !store.changes.borrow().contains(&change) {
        (&store.journal).write_all(format!("{change}\n").as_bytes())?;
        store.changes.send_modify(|changes| changes.push(change));
    }
    Ok(())
}

/// The changes from a number on, then new ones as they come.
#[tractor::stream]
async fn changes(out: StreamSender<String>, from: usize) -> tractor::Result<()> {
    let mut changes = STORE.get().changes.subscribe();
    for next in from.. {
        let change = changes.wait_for(|all| all.len() > next).await.expect("the store lives")[next].clone();
        out.send(change).await?;
    }
    Ok(())
}

/// Passes an error on, unless the process of the store has died: then a new process is started.
fn unless_it_died(error: Error) -> tractor::Result<()> {
    let died = error.is_retryable() || matches!(error, Error::Died(_) | Error::Closed(_));
    if died { Ok(()) } else { Err(error) }
}

async fn follow(kv: &ActorRef) -> tractor::Result<Vec<String>> {
    let mut seen = Vec::new();
    while seen.len() < CLIENTS * WRITES {
        let (kv, rest) = (kv.portal().await?, changes(seen.len()));
        let reads = kv.open_stream_from(rest, async |mut stream| {
            while seen.len() < CLIENTS * WRITES {
                seen.push(stream.receive().await?.expect("it goes on"));
            }
            Ok(())
        });
        reads.await.or_else(unless_it_died)?;
    }
    Ok(seen)
}

#[tractor::actor_fn]
async fn client(kv: ActorRef, name: String) -> tractor::Result<Vec<String>> {
    let write = async {
        for n in 0..WRITES {
            while let Err(error) = kv.portal().await?.run(put(format!("{name}/{n}={n}"))).await {
                unless_it_died(error)?;
            }
        }
        Ok(())
    };
    Ok(tokio::try_join!(write, follow(&kv))?.1)
}

#[tractor::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let journal = &std::env::temp_dir().join(format!("kv-{}.journal", std::process::id()));
    let how = Supervision::one_for_one().intensity(10, Duration::from_secs(60)).backoff(Backoff::NONE);
    tractor::open_nursery(async |an| {
        let stores = an.supervise(how);
        let kv = stores.child("kv", |kv| kv.enable_module(module_path!()).env("KV_JOURNAL", journal)).await?;
        let (mut clients, handle) = (Vec::new(), kv.actor_ref().await?);
        for n in 0..CLIENTS {
            clients.push(an.run_in_actor(client(handle.clone(), format!("client{n}"))).await?);
        }
        for kills in 0..5 {
            kv.portal_after(kills).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
            kv.kill().await;
        }
        let seen = clients[0].wait_for_result().await?;
        for client in &clients {
            assert_eq!(client.wait_for_result().await?, seen, "all have seen the same, in the same order");
        }
        println!("{} changes by {CLIENTS} clients, {} store processes", seen.len(), kv.incarnation());
        stores.cancel().await;
        Ok(remove_file(journal)?)
    })
    .await
}
