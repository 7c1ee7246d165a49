//! An endless generator in another process; the consumer takes as many values as it wants.
//!
//! `#[tractor::stream]` makes an async function a one-way stream. The generator runs ahead only as far as the stream
//! has room. When the consumer leaves its scope, the generator's future is dropped at its await, like any cancelled
//! future in Rust, so `Drop` cleans up its values.
//!
//! Run it with `cargo run --example async_generator`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use tractor::prelude::*;

/// All prime numbers.
#[tractor::stream]
async fn primes(out: StreamSender<u64>) -> tractor::Result<()> {
    let _farewell = Farewell;
    for number in 2_u64.. {
        let mut divisors = (2..number).take_while(|divisor| divisor * divisor <= number);
        if divisors.all(|divisor| number % divisor > 0) {
            out.send(number).await?;
        }
    }
    Ok(())
}

struct Farewell;

impl Drop for Farewell {
    fn drop(&mut self) {
        println!("the generator in actor `{}` was dropped", tractor::current_actor().name());
    }
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let worker = an.start_actor("worker").expose(primes).await?;
        let sum = worker
            .open_stream_from(primes(), async |mut primes| -> tractor::Result<u64> {
                let mut sum = 0;
                while let Some(prime) = primes.receive().await?
                    && prime < 1000
                {
                    sum += prime;
                }
                Ok(sum) // leaving the scope ends the generator
            })
            .await?;
        println!("the primes below 1000 add up to {sum}");
        assert_eq!(sum, 76_127);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}
