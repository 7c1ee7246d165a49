//! The command `tractor`; all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tractor_cli::run()
}
