//! Only endpoints can be run by another actor; the error names the attribute to add.

use tractor::Portal;

async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn run(portal: &Portal) -> tractor::Result<i64> {
    portal.run(add(1, 2)).await
}

fn main() {}
