//! Compiles the cases in `fail/` and compares the errors with the `.stderr` files.
//!
//! One file per rule. `TRYBUILD=overwrite` rewrites the expected errors: read them before they are committed. They are
//! those of the toolchain that CONTRIBUTING names.

#[test]
fn fail() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}
