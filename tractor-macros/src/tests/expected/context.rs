//! The expansion of `#[context(pld_spec = Point)]`.

#[doc = "Scales."]
#[allow(
    non_camel_case_types, missing_docs, missing_debug_implementations,
    reason = "named like the function"
)]
pub struct scale {}
#[doc = "Scales."]
#[allow(dead_code, reason = "may be called by name only")]
pub fn scale(by: i64) -> ::tractor::ContextCall<scale> {
    ::tractor::ContextCall::new((by,))
}
impl ::tractor::__private::Endpoint for scale {
    const MODULE: &'static str = ::core::module_path!();
    const NAME: &'static str = "scale";
    const ARGS: &'static [&'static str] = &["by"];
    type Args = (i64,);
    type Returns = Point;
}
impl ::tractor::__private::ContextEndpoint for scale {
    type Started = Point;
    type Send = Point;
    type Recv = Point;
}
impl ::tractor::__private::ContextBody for scale {
    type Output = Result<Point>;
    fn run(
        ctx: ::tractor::Context<Self::Started, Self::Send, Self::Recv>,
        (by,): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        __tractor_scale(
            <Context<Point> as ::tractor::__private::SameAs<
                ::tractor::Context<Self::Started, Self::Send, Self::Recv>,
                Self,
            >>::from_declared(ctx),
            by,
        )
    }
    fn outcome(
        output: Self::Output,
    ) -> ::core::result::Result<Self::Returns, ::tractor::__private::EndpointError> {
        ::core::result::Result::Ok(
            <<Result<Point> as ::tractor::__private::Fallible<scale>>::Ok as ::tractor::__private::SameAs<
                Self::Returns,
                Self,
            >>::into_declared(::tractor::__private::fallible::<Self, _>(
                output,
                ::tractor::__private::carry!(),
            )?),
        )
    }
}
#[allow(clippy::unused_async, reason = "an endpoint is always async")]
async fn __tractor_scale(ctx: Context<Point>, mut by: i64) -> Result<Point> {
    by
}
::tractor::__private::inventory::submit! { ::tractor::__private::EndpointEntry::context::<scale>() }
