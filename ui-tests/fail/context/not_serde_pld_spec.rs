//! The messages of a context are serde.

use tractor::Context;

struct Handle;

#[tractor::context(pld_spec = Handle)]
async fn open(_ctx: Context<Handle>) -> Handle {
    Handle
}

fn main() {}
