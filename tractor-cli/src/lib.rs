//! The command `tractor`: looks at running trees of actors, calls their endpoints, and ends them.
//!
//! ```text
//! tractor ps                                     who is registered: uid, pid, addresses, uptime, memory
//! tractor tree                                   who supervises whom, and the dialogs that are open
//! tractor call NAME module:function [JSON]       runs an endpoint; arguments by name
//! tractor cancel NAME [--kill]                   asks an actor to end, or kills its process
//! ```
//!
//! Each command has `--registry ADDR`, by default [`tractor_core::default_registry`], and `--json`. `NAME` is an
//! actor's name, its uuid, or both as `name.uuid`; a name of several actors is refused.
//!
//! # How it works
//! The command is a root actor of its own that does not listen and is not registered, so it never becomes a registrar.
//! It asks the registrar for its table, and each actor in the table for its report
//! ([`Portal::describe`](tractor_core::Portal::describe)). For an actor without a report, such as those of the Python
//! library, it shows the facts from the table, from the first frame of the connection, and from `/proc`.
//!
//! A process id is shown if the kernel names the process that listens at the actor's Unix socket, or if the actor
//! itself claims a process of our own user on this host. `--kill` trusts only the kernel.
//!
//! # Exit codes
#![doc = concat!("```text\n", include_str!("exit_codes.txt"), "```")]
//!
//! # JSON
//! `ps` and `tree` print one object, `cancel` one line. `call` prints one line each: `{"started": V}`, `{"value": V}`,
//! `{"result": V}`, and at the end of a failure `{"error": {..}}`. Every failure is such an object, with `kind` and
//! `exit` beside its `message`. For values without a form in JSON: bytes are `{"$bytes": "hex"}`, in arguments and
//! results; numbers that are not finite are texts.

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
