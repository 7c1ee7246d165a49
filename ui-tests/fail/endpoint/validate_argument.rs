//! A rule takes a reference to the value.

#[tractor::stream(validate = small)]
async fn counts(_out: tractor::StreamSender<u64>) {}

fn small(_n: &u8) -> Result<(), String> {
    Ok(())
}

fn main() {}
