//! The expansion of `#[context(pld_spec = Point | None)]`: that of a context, and the enum.

///The endpoint `scale`, as a type.
struct scale {}
fn scale() -> ::tractor::Call<scale> {
    ::tractor::Call::new(())
}
impl ::tractor::Endpoint for scale {
    const MODULE: &'static ::core::primitive::str = ::core::module_path!();
    const NAME: &'static ::core::primitive::str = "scale";
    const ARGS: &'static [&'static ::core::primitive::str] = &[];
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
        __ctx: Self::Lead,
        (): Self::Args,
    ) -> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send {
        let __body = __tractor_scale;
        __body(__ctx)
    }
    fn outcome(__output: Self::Output) -> ::tractor::__private::EndpointResult<Self> {
        ::tractor::__private::EndpointResult::<Self>::Ok(__output)
    }
}
async fn __tractor_scale(ctx: Context<ScalePld>) -> ScalePld {
    ctx
}
::tractor::__private::inventory::submit! {
    ::tractor::__private::EndpointEntry::context:: < scale > ()
}
///The types that [`scale`] allows: `Point | None`.
enum ScalePld {
    ///`Point`.
    Point(Point),
    ///`None`.
    None,
}
const _: () = {
    impl ::tractor::Allows<Point> for ScalePld {
        type Held = Self;
        fn hold(__value: Point) -> Self {
            <Self as ::core::convert::From<Point>>::from(__value)
        }
    }
    impl ::core::convert::From<Point> for ScalePld {
        fn from(__value: Point) -> Self {
            Self::Point(__value)
        }
    }
    impl ::tractor::Allows<()> for ScalePld {
        type Held = Self;
        fn hold(__value: ()) -> Self {
            <Self as ::core::convert::From<()>>::from(__value)
        }
    }
    impl ::core::convert::From<()> for ScalePld {
        fn from((): ()) -> Self {
            Self::None
        }
    }
    impl ::tractor::__private::OrNone for ScalePld {
        type Some = Point;
    }
    impl ::core::convert::From<::core::option::Option<Point>> for ScalePld {
        fn from(__value: ::core::option::Option<Point>) -> Self {
            match __value {
                ::core::option::Option::Some(__value) => Self::Point(__value),
                ::core::option::Option::None => Self::None,
            }
        }
    }
    impl ::tractor::Payload for ScalePld {
        fn encode_payload(
            &self,
            __format: ::tractor::__private::PayloadFormat,
            __depth_max: ::core::primitive::usize,
            __out: &mut ::std::vec::Vec<::core::primitive::u8>,
        ) -> ::core::result::Result<(), ::tractor::__private::PayloadError> {
            match self {
                Self::Point(__value) => {
                    let __depth_max = ::tractor::__private::union::begin(
                        "Point",
                        __format,
                        __depth_max,
                        __out,
                    )?;
                    <Point as ::tractor::Payload>::encode_payload(
                        __value,
                        __format,
                        __depth_max,
                        __out,
                    )
                }
                Self::None => {
                    let __depth_max = ::tractor::__private::union::begin(
                        "None",
                        __format,
                        __depth_max,
                        __out,
                    )?;
                    <() as ::tractor::Payload>::encode_payload(
                        &(),
                        __format,
                        __depth_max,
                        __out,
                    )
                }
            }
        }
        fn decode_payload(
            __bytes: &[::core::primitive::u8],
            __format: ::tractor::__private::PayloadFormat,
            __depth_max: ::core::primitive::usize,
        ) -> ::core::result::Result<Self, ::tractor::__private::PayloadError> {
            ::tractor::__private::union::decode(
                &[
                    (
                        "Point",
                        |__bytes, __format, __depth_max| {
                            let __value = <Point as ::tractor::Payload>::decode_payload(
                                __bytes,
                                __format,
                                __depth_max,
                            )?;
                            ::core::result::Result::Ok(
                                <Self as ::core::convert::From<Point>>::from(__value),
                            )
                        },
                    ),
                    (
                        "None",
                        |__bytes, __format, __depth_max| {
                            let __value = <() as ::tractor::Payload>::decode_payload(
                                __bytes,
                                __format,
                                __depth_max,
                            )?;
                            ::core::result::Result::Ok(
                                <Self as ::core::convert::From<()>>::from(__value),
                            )
                        },
                    ),
                ],
                __bytes,
                __format,
                __depth_max,
            )
        }
        fn shown() -> &'static ::core::primitive::str {
            "Point | None"
        }
        fn is_positional() -> ::core::primitive::bool {
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
                Self::Point(__value) => Self::Point(::core::clone::Clone::clone(__value)),
                Self::None => Self::None,
            }
        }
    }
    impl ::core::fmt::Debug for ScalePld
    where
        for<'all> Point: ::tractor::__private::union::DebugIf<'all>,
        for<'all> (): ::tractor::__private::union::DebugIf<'all>,
    {
        fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match self {
                Self::Point(__value) => {
                    ::tractor::__private::union::debug("Point", __value, __f)
                }
                Self::None => ::core::fmt::Formatter::write_str(__f, "None"),
            }
        }
    }
    impl ::core::cmp::PartialEq for ScalePld
    where
        for<'all> Point: ::tractor::__private::union::PartialEqIf<'all>,
        for<'all> (): ::tractor::__private::union::PartialEqIf<'all>,
    {
        fn eq(&self, __other: &Self) -> ::core::primitive::bool {
            match (self, __other) {
                (Self::Point(__one), Self::Point(__two)) => __one == __two,
                (Self::None, Self::None) => true,
                _ => false,
            }
        }
    }
};
