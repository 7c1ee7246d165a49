//! The command `tractor`: looks at running trees of actors, calls their endpoints, and ends them.
//!
//! ```text
//! tractor ps                                     lists the actors: uid, pid, addresses, uptime, memory
//! tractor tree                                   shows the tree of actors, and the open dialogs
//! tractor call NAME module:function [JSON]       runs an endpoint; arguments by name
//! tractor cancel NAME [--kill]                   asks an actor to end, or kills its process
//! ```
//!
//! Each command has `--registry ADDR`, by default [`tractor_core::default_registry`], and `--json`. `NAME` is an
//! actor's name, its uuid, or both as `name.uuid`. A name that several actors have is refused.
//!
//! # How it works
//! The command is a root actor of its own that does not listen and is not registered, so it never becomes a registrar.
//! It asks the registrar for its table, and each actor in the table for its report
//! ([`Portal::describe`](tractor_core::Portal::describe)). Actors of the Python library give no report: for them it
//! shows the facts from the table, from the first frame of the connection, and from `/proc`.
//!
//! A process id comes from the kernel, which names the process that listens at the actor's Unix socket, or from the
//! actor itself, if it claims a process of our own user on this host. `--kill` trusts only the kernel.
//!
//! # Exit codes
#![doc = concat!("```text\n", include_str!("exit_codes.txt"), "```")]
//!
//! # JSON
//! `ps` and `tree` print one object, `cancel` one line. `call` prints a line for each event: `{"started": V}`,
//! `{"value": V}`, `{"result": V}`. A command that fails prints `{"error": {..}}` as its last line, with `kind`, `exit`
//! and `message`. Values without a form in JSON: bytes are `{"$bytes": "hex"}`, in arguments and results; numbers that
//! are not finite are texts.

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
