//! Compares the errors of the cases in `ui/fail` with the expected ones.

#[test]
fn contracts() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
