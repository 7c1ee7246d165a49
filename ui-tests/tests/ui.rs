//! Compiles the cases in `pass/` (which also run) and `fail/` (whose errors are compared with the `.stderr` files).
//!
//! One file per rule. `TRYBUILD=overwrite` rewrites the expected errors: read them before they are committed. They are
//! written by one pinned toolchain.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*/*.rs");
    cases.compile_fail("fail/*/*.rs");
}
