//! The command `tractor`; its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tractor_cli::run()
}
