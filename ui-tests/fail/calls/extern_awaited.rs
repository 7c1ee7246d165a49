//! A function of another program cannot run here.

#[tractor::actor_fn(extern, module = "images.service")]
async fn ping(n: i64) -> i64;

#[tractor::main]
async fn main() {
    let _ = ping(1).await;
}
