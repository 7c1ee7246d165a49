//! The expansion of `#[actor_fn]`.

#[allow(non_camel_case_types, reason = "named like the function")]
#[allow(missing_docs, missing_debug_implementations, reason = "it is only a name")]
pub struct add {}
#[allow(dead_code, reason = "may be called by name only")]
pub fn add(a: i64, b: i64) -> ::tractor::Call<add> {
    ::tractor::Call::new((a, b))
}
impl ::tractor::Endpoint for add {
    const MODULE: &'static str = ::core::module_path!();
    const NAME: &'static str = "add";
    const ARGS: &'static [&'static str] = &["a", "b"];
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
        __tractor_add(a, b)
    }
    fn outcome(output: Self::Output) -> ::tractor::__private::EndpointResult<Self> {
        ::tractor::__private::EndpointResult::<Self>::Ok(output)
    }
}
#[allow(clippy::unused_async, reason = "an endpoint is always async")]
async fn __tractor_add(a: i64, b: i64) -> i64 {
    a + b
}
::tractor::__private::inventory::submit! {
    ::tractor::__private::EndpointEntry::func:: < add > ()
}
