//! The expansion of `#[context(pld_spec = Point)]`.

///The endpoint `scale`, as a type.
///
///Scales.
pub struct scale {}
///Scales.
pub fn scale(by: i64) -> ::tractor::Call<scale> {
    ::tractor::Call::new((by,))
}
impl ::tractor::Endpoint for scale {
    const MODULE: &'static ::core::primitive::str = ::core::module_path!();
    const NAME: &'static ::core::primitive::str = "scale";
    const ARGS: &'static [&'static ::core::primitive::str] = &["by"];
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
        __ctx: Self::Lead,
        (by,): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        let __body = __tractor_scale;
        __body(__ctx, by)
    }
    fn outcome(__output: Self::Output) -> ::tractor::__private::EndpointResult<Self> {
        let __output = ::tractor::__private::fallible(
            __output,
            ::tractor::__private::error_value!(),
        )?;
        ::tractor::__private::EndpointResult::<Self>::Ok(__output)
    }
}
async fn __tractor_scale(ctx: Context<Point>, mut by: i64) -> Result<Point> {
    by
}
::tractor::__private::inventory::submit! {
    ::tractor::__private::EndpointEntry::context:: < scale > ()
}
