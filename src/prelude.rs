//! The types that most programs name: `use tractor::prelude::*;`.

pub use crate::{ActorNursery, Context, Portal, StreamSender};
