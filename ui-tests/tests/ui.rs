//! Compiles the cases in `fail/` and compares the errors with the `.stderr` files.
//!
//! One file per rule. `TRYBUILD=overwrite` rewrites the expected errors: read them before they are committed. They are
//! those of the toolchain that CONTRIBUTING names.

#[test]
fn fail() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}

/// Errors that only a build finds, not a check. If one case must compile, trybuild builds all cases and their
/// dependencies.
#[test]
#[ignore = "builds everything again; `.ci/run` asks for it"]
fn built() {
    let cases = trybuild::TestCases::new();
    cases.pass("built/chosen_wire_name.rs");
    cases.compile_fail("built/reserved_wire_name.rs");
}
