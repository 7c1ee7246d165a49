//! The expansion of `#[context(pld_spec = Point | None)]`: that of a context, and the enum.

#[allow(non_camel_case_types, reason = "named like the function")]
#[allow(missing_docs, missing_debug_implementations, reason = "it is only a name")]
struct scale {}
#[allow(dead_code, reason = "may be called by name only")]
fn scale() -> ::tractor::Call<scale> {
    ::tractor::Call::new(())
}
impl ::tractor::Endpoint for scale {
    const MODULE: &'static str = ::core::module_path!();
    const NAME: &'static str = "scale";
    const ARGS: &'static [&'static str] = &[];
    type Args = ();
    type Returns = ScalePld;
    type Output = ScalePld;
}
impl ::tractor::ContextEndpoint for scale {
    type Started = ScalePld;
    type Send = ScalePld;
    type Recv = ScalePld;
}
impl ::tractor::__private::EndpointBody for scale {
    type Lead = Context<ScalePld>;
    fn run(
        ctx: Self::Lead,
        (): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        __tractor_scale(ctx)
    }
    fn outcome(output: Self::Output) -> ::tractor::__private::EndpointResult<Self> {
        ::tractor::__private::EndpointResult::<Self>::Ok(output)
    }
}
#[allow(clippy::unused_async, reason = "an endpoint is always async")]
async fn __tractor_scale(ctx: Context<ScalePld>) -> ScalePld {
    ctx
}
::tractor::__private::inventory::submit! {
    ::tractor::__private::EndpointEntry::context:: < scale > ()
}
///What [`scale`] allows: `Point | None`.
#[allow(missing_docs, clippy::all, reason = "made of the types in the attribute")]
enum ScalePld {
    Point(Point),
    None,
}
const _: () = {
    impl ::tractor::Allows<Point> for ScalePld {
        type Held = Self;
        fn hold(value: Point) -> Self {
            Self::from(value)
        }
    }
    impl ::core::convert::From<Point> for ScalePld {
        #[allow(unused_variables, reason = "`()` has no content")]
        fn from(value: Point) -> Self {
            Self::Point(value)
        }
    }
    impl ::tractor::Allows<()> for ScalePld {
        type Held = Self;
        fn hold(value: ()) -> Self {
            Self::from(value)
        }
    }
    impl ::core::convert::From<()> for ScalePld {
        #[allow(unused_variables, reason = "`()` has no content")]
        fn from(value: ()) -> Self {
            Self::None
        }
    }
    #[diagnostic::do_not_recommend]
    impl ::tractor::Allows<::core::option::Option<Point>> for ScalePld {
        type Held = Self;
        fn hold(value: ::core::option::Option<Point>) -> Self {
            Self::from(value)
        }
    }
    impl ::core::convert::From<::core::option::Option<Point>> for ScalePld {
        #[allow(unused_variables, reason = "`()` has no content")]
        fn from(value: ::core::option::Option<Point>) -> Self {
            match value {
                ::core::option::Option::Some(some) => Self::Point(some),
                ::core::option::Option::None => Self::None,
            }
        }
    }
    #[diagnostic::do_not_recommend]
    impl ::tractor::Payload for ScalePld {
        fn encode_payload(
            &self,
            format: ::tractor::__private::PayloadFormat,
            depth_max: usize,
            out: &mut ::std::vec::Vec<u8>,
        ) -> ::core::result::Result<(), ::tractor::__private::PayloadError> {
            match self {
                Self::Point(value) => {
                    ::tractor::__private::union::encode::<
                        Point,
                    >("Point", value, format, depth_max, out)
                }
                Self::None => {
                    ::tractor::__private::union::encode::<
                        (),
                    >("None", &(), format, depth_max, out)
                }
            }
        }
        fn decode_payload(
            bytes: &[u8],
            format: ::tractor::__private::PayloadFormat,
            depth_max: usize,
        ) -> ::core::result::Result<Self, ::tractor::__private::PayloadError> {
            ::tractor::__private::union::decode(
                &[
                    (
                        "Point",
                        |bytes, format, depth_max| {
                            <Point as ::tractor::Payload>::decode_payload(
                                    bytes,
                                    format,
                                    depth_max,
                                )
                                .map(Self::from)
                        },
                    ),
                    (
                        "None",
                        |bytes, format, depth_max| {
                            <() as ::tractor::Payload>::decode_payload(
                                    bytes,
                                    format,
                                    depth_max,
                                )
                                .map(Self::from)
                        },
                    ),
                ],
                bytes,
                format,
                depth_max,
            )
        }
        fn shown() -> &'static str {
            "Point | None"
        }
        fn is_positional() -> bool {
            <Point as ::tractor::Payload>::is_positional()
                && <() as ::tractor::Payload>::is_positional()
        }
    }
    impl ::core::clone::Clone for ScalePld
    where
        for<'all> Point: ::tractor::__private::union::CloneIf<'all>,
        for<'all> (): ::tractor::__private::union::CloneIf<'all>,
    {
        fn clone(&self) -> Self {
            match self {
                Self::Point(value) => Self::Point(::core::clone::Clone::clone(value)),
                Self::None => Self::None,
            }
        }
    }
    impl ::core::fmt::Debug for ScalePld
    where
        for<'all> Point: ::tractor::__private::union::DebugIf<'all>,
        for<'all> (): ::tractor::__private::union::DebugIf<'all>,
    {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match self {
                Self::Point(value) => f.debug_tuple("Point").field(value).finish(),
                Self::None => f.write_str("None"),
            }
        }
    }
    impl ::core::cmp::PartialEq for ScalePld
    where
        for<'all> Point: ::tractor::__private::union::PartialEqIf<'all>,
        for<'all> (): ::tractor::__private::union::PartialEqIf<'all>,
    {
        fn eq(&self, other: &Self) -> bool {
            match (self, other) {
                (Self::Point(one), Self::Point(two)) => one == two,
                (Self::None, Self::None) => true,
                _ => false,
            }
        }
    }
};
