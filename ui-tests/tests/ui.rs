//! Compiles the cases in `fail/` and compares the errors with the `.stderr` files.
//!
//! One file per rule. `TRYBUILD=overwrite` rewrites the expected errors: read them before they are committed. They are
//! those of the toolchain that CONTRIBUTING names.

#[test]
fn fail() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}

/// Errors that a build finds and a check does not: a case that compiles has trybuild build them all, with all that they
/// need.
#[test]
#[ignore = "builds everything again; `.ci/run` asks for it"]
fn built() {
    let cases = trybuild::TestCases::new();
    cases.pass("built/chosen_wire_name.rs");
    cases.compile_fail("built/reserved_wire_name.rs");
}
