//! Every kind of expansion, written so that it compiles anywhere. `build.rs` puts it into every environment.

/// A function.
#[::tractor::actor_fn]
pub async fn plain(mut n: i64) -> i64 {
    n += 1;
    n
}

/// A function that borrows, under a name and in a module of its own, with defaults.
#[::tractor::actor_fn(name = "lent", module = "kinds")]
pub async fn lending(
    text: &::core::primitive::str,
    #[tractor(default)] numbers: &[i64],
    #[tractor(rename = "message", default = &::ui_tests::Told::new("x"))] told: &::ui_tests::Told,
    #[tractor(default = ::core::panic!("it has to be given"))] more: ::core::primitive::usize,
) -> ::core::primitive::usize {
    text.len() + numbers.len() + told.what.len() + more
}

/// A function that fails with a text.
#[::tractor::actor_fn]
pub async fn refusing(text: ::std::string::String) -> ::core::result::Result<i64, ::std::string::String> {
    ::core::result::Result::Err(text)
}

/// A function that fails with a value.
#[::tractor::actor_fn(error = ::ui_tests::Told)]
pub async fn failing(text: ::std::string::String) -> ::core::result::Result<i64, ::ui_tests::Told> {
    ::core::result::Result::Err(::ui_tests::Told::new(&text))
}

/// A function of another program.
#[::tractor::actor_fn(extern, module = "kinds", name = "lent")]
pub async fn borrowing(text: &::core::primitive::str, more: ::core::primitive::usize) -> ::core::primitive::usize;

/// A dialog with a type for each direction.
#[::tractor::context(started = u16, send = ::ui_tests::Told, recv = i64, returns = u64)]
pub async fn dialog(talk: ::tractor::Context<u16, ::ui_tests::Told, i64>) -> ::tractor::Result<u64> {
    let _stream = talk.started(1).await?.open_stream();
    ::core::result::Result::Ok(1)
}

/// A dialog with several types in one direction.
#[::tractor::context(
    pld_spec = i64 | ::ui_tests::Told | (u16, ::std::string::String) | None,
    recv = u64 | None,
    strict,
)]
pub async fn union(talk: ::tractor::Context<UnionPld, UnionPld, UnionRecv>) -> ::tractor::Result<UnionPld> {
    let talk = talk.started(1_i64).await?;
    let mut stream = talk.open_stream();
    match stream.receive().await? {
        ::core::option::Option::Some(UnionRecv::U64(n)) => {
            stream.send((5, ::std::string::ToString::to_string(&n))).await?;
        }
        ::core::option::Option::Some(UnionRecv::None) | ::core::option::Option::None => {
            stream.send(::core::option::Option::None).await?;
        }
    }
    ::core::result::Result::Ok(UnionPld::Told(::ui_tests::Told::new("end")))
}

/// A dialog with another program.
#[::tractor::context(extern, module = "kinds", pld_spec = i64 | None)]
pub async fn far(talk: ::tractor::Context<FarPld>, n: i64) -> ::tractor::Result<FarPld>;

/// A stream.
#[::tractor::stream]
pub async fn ticks(beat: ::tractor::StreamSender<i64>, n: i64) -> ::tractor::Result<()> {
    beat.send(n).await
}

/// A stream of another program.
#[::tractor::stream(extern, module = "kinds")]
pub async fn beats(beat: ::tractor::StreamSender<i64>);

::tractor::actor_local! {
    /// State.
    pub static NUMBERS: ::std::sync::Mutex<::std::vec::Vec<i64>> = ::std::sync::Mutex::new(::std::vec::Vec::new());
}

/// An entry point.
#[::tractor::main(flavor = "multi_thread", worker_threads = 1)]
pub async fn entry() -> ::tractor::Result<()> {
    ::core::result::Result::Ok(())
}

#[::tractor::test(flavor = "current_thread")]
async fn all_of_them_run() -> ::tractor::Result<()> {
    let enabled = ::tractor::ActorOptions::new().enable_module("kinds").enable_module(::core::module_path!());
    ::tractor::open_nursery(async |_| -> ::tractor::Result<()> {
        ::tractor::with_local_actor(enabled, async |portal| -> ::tractor::Result<()> {
            ::core::assert_eq!(portal.run(plain(1)).await?, 2);
            ::core::assert_eq!(portal.run(lending("a", &[1], &::ui_tests::Told::new("bc"), 2)).await?, 6);
            ::core::assert_eq!(portal.run(borrowing("a", 2)).await?, 4);
            let text = || ::std::string::ToString::to_string("text");
            ::core::assert!(portal.run(refusing(text())).await.is_err());
            let failed = portal.run(failing(text())).await.expect_err("it fails");
            ::core::assert_eq!(failed.downcast::<::ui_tests::Told>().expect("the error carries a value").what, "text");
            let told = portal.open_context(union(), async |talk, first| -> ::tractor::Result<UnionPld> {
                ::core::assert_eq!(first, UnionPld::I64(1));
                let mut stream = talk.open_stream();
                stream.send(7_u64).await?;
                let seven = UnionPld::U16String((5, ::std::string::ToString::to_string("7")));
                ::core::assert_eq!(stream.receive().await?, ::core::option::Option::Some(seven));
                stream.wait_for_result().await
            });
            let told = ::std::format!("{:?}", told.await?);
            ::core::assert_eq!(told, "Told(Told { what: \"end\" })");
            let tick = portal.open_stream_from(ticks(3), async |mut stream| stream.receive().await);
            ::core::assert_eq!(tick.await?, ::core::option::Option::Some(3));
            ::core::result::Result::Ok(())
        })
        .await
    })
    .await
}
