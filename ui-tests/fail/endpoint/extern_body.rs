//! An `extern` endpoint is a declaration, and says where the function is.

#[tractor::actor_fn(extern, module = "images.service")]
async fn ping(n: i64) -> i64 {
    n
}

#[tractor::actor_fn(extern = true)]
async fn pong() -> i64;

#[tractor::actor_fn(extern)]
async fn pang(n: i64) -> i64;

fn main() {}
