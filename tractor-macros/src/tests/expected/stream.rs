//! The expansion of `#[stream(crate = crate::lib)]`.

///The endpoint `ticks`, as a type.
struct ticks {}
fn ticks() -> crate::lib::Call<ticks> {
    crate::lib::Call::new(())
}
impl crate::lib::Endpoint for ticks {
    const MODULE: &'static ::core::primitive::str = ::core::module_path!();
    const NAME: &'static ::core::primitive::str = "ticks";
    const ARGS: &'static [&'static ::core::primitive::str] = &[];
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
        __out: Self::Lead,
        (): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        let __body = __tractor_ticks;
        __body(__out)
    }
    fn outcome(__output: Self::Output) -> crate::lib::__private::EndpointResult<Self> {
        crate::lib::__private::EndpointResult::<Self>::Ok(__output)
    }
}
async fn __tractor_ticks(out: StreamSender<u64>) {}
crate::lib::__private::inventory::submit! {
    crate ::lib::__private::EndpointEntry::stream:: < ticks > ()
}
