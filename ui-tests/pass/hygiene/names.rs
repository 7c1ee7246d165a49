//! An endpoint may have any name, and an argument the same one.

#![deny(warnings)]
#![allow(dead_code, nonstandard_style, reason = "the names are what is tested")]

macro_rules! named {
    ($($module:ident: $name:ident, $pld:ident;)*) => {$(
        mod $module {
            mod function {
                #[::tractor::actor_fn]
                async fn $name($name: u8, #[tractor(default = 1 + 1)] more: u8) -> u8 { $name + more }

                #[::tractor::test]
                async fn it_runs() {
                    let call: ::tractor::Call<$name> = $name(1, 1);
                    assert_eq!(call.await, 2);
                }
            }

            mod fallible {
                #[::tractor::actor_fn]
                async fn $name($name: &u8) -> ::core::result::Result<u8, &'static ::core::primitive::str> { Ok(*$name) }
            }

            mod dialog {
                #[::tractor::context(pld_spec = u8 | None)]
                async fn $name($name: ::tractor::Context<$pld>, n: u8) -> ::tractor::Result<$pld> {
                    let _stream = $name.started(None).await?.open_stream();
                    Ok(n.into())
                }
            }

            mod sequence {
                #[::tractor::stream]
                async fn $name($name: ::tractor::StreamSender<u8>) -> ::tractor::Result<()> { $name.send(1).await }
            }

            mod declared {
                #[::tractor::actor_fn(extern, module = "names")]
                async fn $name($name: u8) -> u8;
            }

            mod entry {
                #[::tractor::main]
                async fn $name() {}
            }

            mod test {
                #[::tractor::test]
                async fn $name() {}
            }

            mod local {
                ::tractor::actor_local! { static $name: u8 = 1; }
            }
        }
    )*};
}

named! {
    a: core, CorePld;
    b: tractor, TractorPld;
    c: E, EPld;
    d: T, TPld;
    e: r#match, MatchPld;
    f: main, MainPld;
    g: run, RunPld;
    h: clone, ClonePld;
    i: test, TestPld;
    j: str, StrPld;
    k: Option, OptionPld;
    l: Endpoint, EndpointPld;
}

/// A function with type parameters of these names.
fn outer<E: Default, T: Default, F: Default>() -> (E, T, F) {
    #[::tractor::actor_fn]
    async fn inner(e: u8) -> u8 { e }

    #[::tractor::context(pld_spec = u8 | None)]
    async fn dialog(_ctx: ::tractor::Context<DialogPld>) -> DialogPld { 1.into() }

    let _calls = (inner(1), dialog());
    (E::default(), T::default(), F::default())
}

#[test]
fn inside_of_a_generic_function() {
    assert_eq!(outer::<u8, u16, u32>(), (0, 0, 0));
}
