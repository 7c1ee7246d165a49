//! Parts of endpoints, of entry points and of declared state may be fragments of another macro, of any kind.

#![deny(warnings)]

use std::borrow::Cow;
use std::sync::Mutex;

use tractor::prelude::*;
use ui_tests::Told;

macro_rules! function {
    (
        $meta:meta, $krate:path, $module:literal, $name_there:literal; $vis:vis $name:ident(
            $plain:ident: $ty:ty,
            $pat:pat_param,
            $renamed:ident as $label:literal = $default:expr,
            $lifetime:lifetime
        ) -> $ret:ty $body:block
    ) => {
        #[$meta]
        #[tractor::actor_fn(crate = $krate, module = $module, name = $name_there)]
        #[$meta]
        $vis async fn $name(
            $plain: $ty,
            $pat: $ty,
            #[tractor(rename = $label, default = $default)] $renamed: $ty,
            #[tractor(default = &$default)] lent: &$ty,
            cow: Cow<$lifetime, str>,
        ) -> $ret {
            let _ = lent;
            let _: (Cow<'_, str>, $ret) = (cow, $default);
            $body
        }
    };
}

function! {
    allow(unused_variables, reason = "the body uses the first"), ::tractor, "fragments", "there";
    pub(crate) function(a: i64, mut _b, c as "see" = -7 + 1, 'static) -> i64 { 4 }
}

/// An operation is one operand in every place.
macro_rules! lengths {
    ($length:expr, $number:literal) => {
        #[tractor::actor_fn]
        async fn doubled(list: [u8; $length * 2], #[tractor(default = $number.pow(2))] _n: i64) -> [u8; $length * 2] {
            list
        }

        #[tractor::context(pld_spec = [u8; $length * 2])]
        async fn dialog_of_lists(_ctx: Context<[u8; 6]>) -> tractor::Result<[u8; 6]> { Ok([1; 6]) }
    };
}

lengths!(1 + 2, -5_i64);

macro_rules! fallible {
    ($name:ident, $ok:ty, $error:path, $body:block) => {
        #[tractor::actor_fn]
        async fn $name(n: $ok) -> Result<$ok, $error> {
            let _ = n;
            $body
        }
    };
    ($name:ident, $ret:ty, $body:block) => {
        #[tractor::actor_fn]
        async fn $name() -> $ret $body
    };
    (declared $name:ident, $ret:ty, $error:ty, $body:block) => {
        #[tractor::actor_fn(error = $error)]
        async fn $name() -> $ret $body
    };
}

fallible!(refused, i64, std::string::String, { Err("no".to_owned()) });
fallible!(refused_at_once, std::result::Result<i64, String>, { Err("no".to_owned()) });
fallible!(declared refused_with_a_value, Result<i64, Told>, Told, { Err(Told::new("no")) });

macro_rules! dialog {
    ($vis:vis $name:ident, $ctx:ident, $started:ty, $send:path, $recv:tt, $body:block) => {
        #[tractor::context(started = $started, send = $send, recv = $recv, returns = $started)]
        $vis async fn $name($ctx: Context<$started, $send, $recv>) -> $started $body
    };
    (whole $name:ident, $ctx:ty, $ty:ty, $body:block) => {
        #[tractor::context(pld_spec = $ty)]
        async fn $name(_ctx: $ctx) -> tractor::Result<$ty> $body
    };
    (union $name:ident, $pld:ident, $a:ty, $b:path, $c:ty, $none:tt, $body:block) => {
        #[tractor::context(pld_spec = $a | $b | $c | $none)]
        async fn $name(_ctx: Context<$pld>) -> tractor::Result<$pld> $body
    };
}

dialog!(dialog, _ctx, Vec<u8>, std::string::String, u64, { vec![1] });
dialog!(whole whole, Context<(u8, u8)>, (u8, u8), { Ok((1, 2)) });
dialog!(union united, UnitedPld, u8, std::string::String, Option<Vec<u8>>, None, { Ok(UnitedPld::U8(1)) });

macro_rules! sequence {
    ($vis:vis $name:ident, $out:ident: $item:ty, $body:block) => {
        #[tractor::stream]
        $vis async fn $name($out: StreamSender<$item>) $body
    };
    (whole $name:ident, $sender:ty) => {
        #[tractor::stream]
        async fn $name(_: $sender) -> tractor::Result<()> { Ok(()) }
    };
}

sequence!(sequence, _out: (u8, u8), {});
sequence!(whole sequence_of_a_type, tractor::StreamSender<Vec<u8>>);

macro_rules! elsewhere {
    ($module:literal, $name:ident, $ty:ty, $item:ty) => {
        #[tractor::actor_fn(extern, module = $module)]
        async fn $name(_a: &$ty) -> $ty;

        mod far {
            #[tractor::stream(extern, module = $module)]
            pub(super) async fn $name(out: tractor::StreamSender<$item>);
        }
    };
}

elsewhere!("images.service", resized, u8, (u8, u8));

macro_rules! whole_item {
    ($function:item $sequence:item $dialog:item $test:item) => {
        #[tractor::actor_fn]
        $function
        #[tractor::stream]
        $sequence
        #[tractor::context(pld_spec = u8 | None)]
        $dialog
        #[tractor::test]
        $test
    };
}

whole_item! {
    async fn item(n: u8) -> u8 { n }
    pub(crate) async fn item_of_a_stream(_out: StreamSender<u8>) {}
    async fn item_of_a_context(_ctx: Context<ItemOfAContextPld>) -> tractor::Result<ItemOfAContextPld> { Ok(1.into()) }
    async fn an_item() {
        assert_eq!(item(1).await, 1);
    }
}

macro_rules! attribute {
    ($attribute:meta, $item:item) => {
        #[$attribute]
        $item
    };
}

attribute!(tractor::actor_fn(name = "a"), async fn by_attribute(n: u8) -> u8 { n });
attribute!(tractor::context(pld_spec = u8 | String), async fn by(_ctx: Context<ByPld>) -> ByPld { 1.into() });
attribute!(tractor::stream, async fn sent(_out: StreamSender<u8>) {});

/// Every token as a fragment of its own.
macro_rules! tokens {
    ($($token:tt)*) => { $($token)* };
}

tokens! {
    #[tractor::actor_fn(name = "tokens")]
    async fn of_tokens(#[tractor(default = 1)] n: u8) -> u8 { n }

    #[tractor::context(pld_spec = u8 | String)]
    async fn context_of_tokens(_ctx: Context<ContextOfTokensPld>) -> ContextOfTokensPld { 1.into() }
}

macro_rules! statement {
    ($statement:stmt) => {
        #[tractor::test]
        async fn statement() {
            $statement
            assert_eq!(inner(1).await, 1);
        }
    };
}

statement! {
    #[tractor::actor_fn]
    async fn inner(n: u8) -> u8 { n }
}

macro_rules! entry {
    ($kind:ident, $flavor:literal, $threads:literal, $vis:vis $name:ident, $ret:ty, $body:block) => {
        #[tractor::$kind(flavor = $flavor, worker_threads = $threads)]
        $vis async fn $name() -> $ret $body
    };
    (plain $name:ident $body:block) => {
        #[tractor::test]
        async fn $name() $body
    };
}

entry!(main, "multi_thread", 2, pub(crate) entry, tractor::Result<()>, { Ok(()) });
entry!(test, "multi_thread", 2, tested, tractor::Result<()>, { Ok(()) });
entry!(plain tested_plainly { assert_eq!(function(1, 2, 3, &4, "x".into()).await, 4) });

macro_rules! local {
    ($meta:meta, $vis:vis $name:ident: $ty:ty = $value:expr) => {
        tractor::actor_local! {
            #[$meta]
            $vis static $name: $ty = $value;
        }
    };
    (block $name:ident: $ty:path = $value:block) => {
        tractor::actor_local! { static $name: $ty = $value; }
    };
}

local!(doc = "State.", pub(crate) STATE: Mutex<Vec<u8>> = Mutex::new(Vec::new()));
local!(block BLOCK: Mutex<u8> = { Mutex::new(1) });

#[tractor::test]
async fn all_of_them_run() -> tractor::Result<()> {
    let actor = tractor::ActorOptions::new().enable_module("fragments").enable_module(module_path!());
    tractor::open_nursery(async |_| {
        tractor::with_local_actor(actor, async |portal| -> tractor::Result<()> {
            assert_eq!(portal.run(function(1, 2, 3, &4, "x".into())).await?, 4);
            assert!(portal.run(refused(1)).await.is_err() && portal.run(refused_at_once()).await.is_err());
            let told = portal.run(refused_with_a_value()).await.expect_err("it fails");
            assert!(told.downcast::<Told>().is_some());
            assert_eq!(portal.run(item(1)).await? + portal.run(by_attribute(1)).await?, 2);
            assert_eq!(portal.run(doubled([1; 6], 1)).await?, [1; 6]);
            assert!(STATE.get().lock().unwrap().is_empty() && *BLOCK.get().lock().unwrap() == 1);
            Ok(())
        })
        .await
    })
    .await
}
