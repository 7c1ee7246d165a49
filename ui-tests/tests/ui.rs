//! Compiles the cases in `fail/` and compares the errors with the `.stderr` files.
//!
//! One file per rule. `TRYBUILD=overwrite` rewrites the expected errors: read them before they are committed. They are
//! those of the toolchain that CONTRIBUTING names.

#[test]
fn fail() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}

/// What only a build finds, and no check: a case that compiles has trybuild build them all.
#[test]
fn built() {
    let cases = trybuild::TestCases::new();
    cases.pass("built/chosen_wire_name.rs");
    cases.compile_fail("built/reserved_wire_name.rs");
}
