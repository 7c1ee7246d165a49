//! The main function takes nothing.

#[tractor::main]
async fn main(args: Vec<String>) {
    let _ = args;
}
