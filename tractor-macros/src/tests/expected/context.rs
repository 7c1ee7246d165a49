//! The expansion of `#[context(pld_spec = Point)]`.

///Scales.
#[allow(non_camel_case_types, reason = "named like the function")]
#[allow(missing_docs, missing_debug_implementations, reason = "it is only a name")]
pub struct scale {}
///Scales.
#[allow(dead_code, reason = "may be called by name only")]
pub fn scale(by: i64) -> ::tractor::Call<scale> {
    ::tractor::Call::new((by,))
}
impl ::tractor::Endpoint for scale {
    const MODULE: &'static str = ::core::module_path!();
    const NAME: &'static str = "scale";
    const ARGS: &'static [&'static str] = &["by"];
    type Args = (i64,);
    type Returns = Point;
    type Output = Result<Point>;
}
impl ::tractor::ContextEndpoint for scale {
    type Started = Point;
    type Send = Point;
    type Recv = Point;
}
impl ::tractor::__private::EndpointBody for scale {
    type Lead = Context<Point>;
    fn run(
        ctx: Self::Lead,
        (by,): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        __tractor_scale(ctx, by)
    }
    fn outcome(output: Self::Output) -> ::tractor::__private::EndpointResult<Self> {
        let output = ::tractor::__private::fallible(
            output,
            ::tractor::__private::error_value!(),
        )?;
        ::tractor::__private::EndpointResult::<Self>::Ok(output)
    }
}
#[allow(clippy::unused_async, reason = "an endpoint is always async")]
async fn __tractor_scale(ctx: Context<Point>, mut by: i64) -> Result<Point> {
    by
}
::tractor::__private::inventory::submit! {
    ::tractor::__private::EndpointEntry::context:: < scale > ()
}
