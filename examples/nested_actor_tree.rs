//! Actors start actors: a tree of processes, three levels deep, in which every node reports the actors below it.
//!
//! Each actor opens a nursery of its own, so each owns its children and outlives them. `run_in_actor` starts an actor
//! for one call and ends it with the call's result.
//!
//! Run it with `cargo run --example nested_actor_tree`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use serde::{Deserialize, Serialize};
use tractor::ActorOptions;

const DEPTH: u32 = 3;
const BRANCHES: u32 = 2;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Node {
    name: String,
    pid: u32,
    children: Vec<Self>,
}

/// This actor, and a tree of the given depth below it.
#[tractor::actor_fn]
async fn grow(depth: u32) -> tractor::Result<Node> {
    let name = tractor::current_actor().name().to_owned();
    let mut node = Node { name, pid: std::process::id(), children: Vec::new() };
    if depth == 0 {
        return Ok(node);
    }
    tractor::open_nursery(async |an| {
        let mut branches = Vec::new();
        for number in 1..=BRANCHES {
            let name = format!("{}.{number}", node.name);
            branches.push(an.run_in_actor(grow(depth - 1)).name(name).await?);
        }
        // By now all children grow at the same time.
        for branch in branches {
            node.children.push(branch.wait_for_result().await?);
        }
        Ok(node)
    })
    .await
}

impl Node {
    fn print(&self, indent: usize) {
        println!("{:indent$}{} pid {}", "", self.name, self.pid);
        for child in &self.children {
            child.print(indent + 4);
        }
    }

    fn size(&self) -> usize {
        1 + self.children.iter().map(Self::size).sum::<usize>()
    }
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    // Awaited, `grow` runs right here: the root of the tree is the root actor.
    let options = ActorOptions::new().name("tree");
    let tree = tractor::open_root_actor(options, async |_root| grow(DEPTH).await).await?;
    tree.print(0);
    println!("{} processes", tree.size());
    assert_eq!(tree.size(), 15);
    Ok(())
}
