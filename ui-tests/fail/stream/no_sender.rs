//! A stream endpoint takes its sender first.

#[tractor::stream]
async fn ticks(count: u64) {
    let _ = count;
}

fn main() {}
