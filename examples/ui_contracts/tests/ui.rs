//! Compares the errors of the cases in `ui/fail` with what is expected.

#[test]
fn contracts() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
