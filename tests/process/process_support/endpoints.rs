//! Endpoints of the process tests.

use tractor::prelude::*;

#[tractor::actor_fn]
pub async fn process() -> u32 {
    std::process::id()
}

/// Blocks the thread of the actor for ever: only a signal ends it.
#[tractor::context(started = u32)]
pub async fn hogs(ctx: Context<u32, (), ()>) -> tractor::Result<()> {
    ctx.started(std::process::id()).await?;
    tokio::task::yield_now().await;
    loop {
        std::thread::park();
    }
}

/// Starts a chain of actors below this one, and sends their pids, this one first. They may listen on sockets of their
/// own.
#[tractor::context(started = Vec<u32>)]
pub async fn descends(ctx: Context<Vec<u32>, (), ()>, depth: u32, listens: bool) -> tractor::Result<()> {
    let mut line = vec![std::process::id()];
    if depth == 0 {
        let _ctx = ctx.started(line).await?;
        return std::future::pending().await;
    }
    tractor::open_nursery(async |an| {
        // The kernel keeps 15 bytes of a process name, and so cuts this one within its fifth letter.
        let below = an.start_actor(format!("dept\u{e9}-{depth}")).expose(descends);
        let below = if listens { below.listen().await? } else { below.await? };
        below
            .open_context(descends(depth - 1, listens), async |_below, lower| {
                line.extend(lower);
                let _ctx = ctx.started(line).await?;
                std::future::pending().await
            })
            .await
    })
    .await
}

/// Starts a program and leaves it alone; returns its pid.
#[tractor::actor_fn]
pub async fn starts(program: String, args: Vec<String>) -> u32 {
    std::process::Command::new(program).args(args).spawn().expect("it is installed").id()
}

/// Ends the process of the actor in this way.
#[tractor::actor_fn]
#[expect(clippy::exit, reason = "what an actor may do")]
pub async fn ends(how: String) {
    let raise = |signal| super::signal(std::process::id(), signal);
    match how.as_str() {
        "exits" => std::process::exit(3),
        "aborts" => std::process::abort(),
        "is killed" => raise(rustix::process::Signal::KILL),
        "is terminated" => raise(rustix::process::Signal::TERM),
        other => panic!("unknown end `{other}`"),
    }
    std::future::pending().await
}
