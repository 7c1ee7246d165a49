//! The dialog state machine: one linked pair of tasks, seen from either end.
//!
//! ```text
//! parent side                                         child side
//!
//! AwaitAck --?StartAck(asyncfunc)--> AwaitReturn      Running(asyncfunc) --Return/Error--> Settled
//!    |     --?StartAck(asyncgen)---> Receiving        Running(asyncgen)  --Stop/Error----> Settled
//!    |     --?StartAck(context)----> AwaitStarted     Running(context)   --!Started------> Open
//!    |                                   |                  |                               |
//!    |                                ?Started              +--Error--> Settled             |
//!    |                                   v                                                  |
//!    |                                 Open  <------- Yield, Stop, Credit, both ways -----> Open
//!    |                                   |                                                  |
//!    +--?Error, loss--> Settled <--?Return, ?Error, loss--                  Return/Error/loss --> Settled
//! ```
//!
//! The machine decides; it moves no bytes. Messages from the peer go into [`Dialog::receive`], which answers with the
//! message's one [`Effect`]. Commands of the local side go into [`Dialog::command`], which answers whether the dialog
//! allows them; the parent side may open its stream even after the result, to read the values that came before it. The
//! end of a child-side task goes into [`Dialog::conclude`], which answers with the message that tells the parent side.
//!
//! # Invariants
//! 1. Every dialog settles exactly once; after that every message is ignored.
//! 2. `Started`, `Yield` and `Return` are never confused.
//! 3. Nothing the peer sends makes the machine panic: an illegal message is a [`Violation`].
//! 4. A cancelled child side never concludes with a `Return`, and an application error is never replaced by a
//!    cancellation.
//!
//! # Not here
//! Payloads (the machine passes them through unread), queues, timers and the connection.

mod credit;
mod event;
mod machine;
mod outcome;

pub use credit::{RecvCredit, SendCredit, cost};
pub use event::{Command, Conclusion, Effect, Misuse, Received, TaskEnd, Violation};
pub use machine::{Dialog, Progress, Side};
pub use outcome::{Absorbs, Verdict, blame, is_own_overrun, judge};
