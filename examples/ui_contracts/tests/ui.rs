//! Compiles and runs the cases in `ui/pass`, and compares the errors of those in `ui/fail` with what is expected.

#[test]
fn contracts() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
