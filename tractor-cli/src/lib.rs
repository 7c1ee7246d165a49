//! The command `tractor`: looks at running trees of actors, calls their endpoints, and ends them.
//!
//! ```text
//! tractor ps                                     who is registered: uid, pid, addresses, uptime, memory
//! tractor tree                                   who supervises whom, and the dialogs that are open
//! tractor call NAME module:function [JSON]       runs an endpoint; arguments by name
//! tractor cancel NAME [--kill]                   asks an actor to end, or kills its process
//! ```
//!
//! Each has `--registry ADDR`, by default [`tractor_core::default_registry`], and `--json`. `NAME` is an actor's name,
//! its uuid, or both as `name.uuid`; a name that several actors have is refused.
//!
//! # How it looks
//! It is a root actor of its own that listens nowhere and is registered nowhere: it never becomes a registrar. It asks
//! the registrar for its table, and each actor in it for what it says of itself
//! ([`Portal::describe`](tractor_core::Portal::describe)). Of an actor that says nothing, such as those of the Python
//! library, it shows what the table, the first frame of the connection, and `/proc` tell.
//!
//! A process id is shown where the kernel names the process that listens at the actor's Unix socket, or where the
//! actor itself claims one of our own user on this host. `--kill` believes the kernel only.
//!
//! # Exit codes
#![doc = concat!("```text\n", include_str!("exit_codes.txt"), "```")]
//!
//! # JSON
//! `ps` and `tree` print one object, `cancel` one line. `call` prints one line each: `{"started": V}`, `{"value": V}`,
//! `{"result": V}`, and at the end of a failure `{"error": {..}}`. Every failure is such an object, with `kind` and
//! `exit` beside its `message`. What JSON has no form for: bytes are `{"$bytes": "hex"}`, both ways; numbers that are
//! not finite are texts.

mod call;
mod cancel;
mod exit;
mod json;
mod options;
mod process;
mod ps;
mod reach;
mod survey;
mod tree;

pub use options::run;
