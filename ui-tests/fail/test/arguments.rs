//! A test takes nothing.

#[tractor::test]
async fn works(round: u8) {
    let _ = round;
}

fn main() {}
