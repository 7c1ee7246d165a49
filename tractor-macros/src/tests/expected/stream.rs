//! The expansion of `#[stream(crate = crate::lib)]`.

#[allow(non_camel_case_types, reason = "named like the function")]
#[allow(missing_docs, missing_debug_implementations, reason = "it is only a name")]
struct ticks {}
#[allow(dead_code, reason = "may be called by name only")]
fn ticks() -> crate::lib::Call<ticks> {
    crate::lib::Call::new(())
}
impl crate::lib::Endpoint for ticks {
    const MODULE: &'static str = ::core::module_path!();
    const NAME: &'static str = "ticks";
    const ARGS: &'static [&'static str] = &[];
    type Args = ();
    type Returns = ();
    type Output = ();
}
impl crate::lib::StreamEndpoint for ticks {
    type Item = u64;
}
impl crate::lib::__private::EndpointBody for ticks {
    type Lead = StreamSender<u64>;
    fn run(
        out: Self::Lead,
        (): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        __tractor_ticks(out)
    }
    fn outcome(output: Self::Output) -> crate::lib::__private::EndpointResult<Self> {
        crate::lib::__private::EndpointResult::<Self>::Ok(output)
    }
}
#[allow(clippy::unused_async, reason = "an endpoint is always async")]
async fn __tractor_ticks(out: StreamSender<u64>) {}
crate::lib::__private::inventory::submit! {
    crate ::lib::__private::EndpointEntry::stream:: < ticks > ()
}
