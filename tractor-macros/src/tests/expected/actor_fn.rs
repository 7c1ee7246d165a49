//! The expansion of `#[actor_fn]`.

///The endpoint `add`, as a type.
pub struct add {}
pub fn add(a: i64, b: i64) -> ::tractor::Call<add> {
    ::tractor::Call::new((a, b))
}
impl ::tractor::Endpoint for add {
    const MODULE: &'static ::core::primitive::str = ::core::module_path!();
    const NAME: &'static ::core::primitive::str = "add";
    const ARGS: &'static [&'static ::core::primitive::str] = &["a", "b"];
    type Args = (i64, i64);
    type Returns = i64;
    type Output = i64;
}
impl ::tractor::FnEndpoint for add {}
impl ::tractor::__private::EndpointBody for add {
    type Lead = ();
    fn run(
        (): Self::Lead,
        (a, b): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        let __body = __tractor_add;
        __body(a, b)
    }
    fn outcome(__output: Self::Output) -> ::tractor::__private::EndpointResult<Self> {
        ::tractor::__private::EndpointResult::<Self>::Ok(__output)
    }
}
async fn __tractor_add(a: i64, b: i64) -> i64 {
    a + b
}
::tractor::__private::inventory::submit! {
    ::tractor::__private::EndpointEntry::func:: < add > ()
}
