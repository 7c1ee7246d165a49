//! Endpoints in a program that denies every warning: the generated code causes none.

#![deny(warnings, clippy::pedantic)]
#![forbid(unsafe_code)]

use tractor::{Call, StreamSender};

/// The arguments have names that the expansion also uses.
#[tractor::actor_fn]
pub async fn r#type(
    mut args: i64,
    position: i64,
    r#fn: &str,
    value: i64,
    #[tractor(default = 3)] bytes: i64,
) -> i64 {
    args += position + value + bytes + i64::try_from(r#fn.len()).unwrap_or(0);
    args
}

/// The function has the name of a method of the prelude.
#[tractor::stream]
pub async fn clone(name: StreamSender<i64>, out: i64, ctx: i64) -> tractor::Result<()> {
    name.send(out + ctx).await
}

/// The function has the name of a parameter of the expansion.
#[tractor::actor_fn]
pub async fn output(output: i64) -> Result<i64, String> {
    Ok(output)
}

#[test]
fn names_of_the_expansion_are_free() {
    let _call: Call<r#type> = r#type(1, 2, "x", 3, 4);
    let _call = (clone(1, 2), output(1));
}
