//! Compiles the cases in `pass/` (which also run) and `fail/` (whose errors are compared with the `.stderr` files).
//!
//! One file per rule. `TRYBUILD=overwrite` rewrites the expected errors: read them before they are committed. They are
//! those of the toolchain that CONTRIBUTING names.

// Two, because one set with cases that pass is built one by one, those that only fail are checked side by side.

#[test]
fn fail() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}

#[test]
fn pass() {
    trybuild::TestCases::new().pass("pass/*/*.rs");
}
