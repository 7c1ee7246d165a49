//! Requests and the runtime's own methods, with peers of the base protocol.

use tractor::ActorOptions;
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{MODULE, lock_slow_drop, watch};
use crate::wire_support::script::{cid, kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, assert_alive, host, limited};

use crate::wire_support;

#[tokio::test]
async fn a_call_is_acknowledged_and_answered() {
    host("rq-call", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.start("c", "echo", kwargs("value", -7)).await;
        peer.expect_ack("c", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("c").await, -7);
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_one_way_stream_ends_with_stop() {
    host("rq-stream", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.start("s", "counts", kwargs("to", 3)).await;
        peer.expect_ack("s", FuncType::AsyncGen).await;
        for n in 0..3 {
            assert_eq!(peer.expect_yield::<i64>("s").await, n);
        }
        peer.expect_stop("s").await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_failure_arrives_with_its_type_text_and_path() {
    host("rq-fails", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.start("f", "fails", kwargs("text", "no luck")).await;
        peer.expect_ack("f", FuncType::AsyncFunc).await;
        let error = peer.expect_local_error("f", "Oops", &["no luck"]).await;
        assert_eq!((error.canceller, error.sender, error.bad_msg), (None, None, None));
        peer.start("p", "panics", no_kwargs()).await;
        peer.expect_ack("p", FuncType::AsyncFunc).await;
        let error = peer.expect_local_error("p", "Panic", &["on purpose"]).await;
        assert!(error.tb_str.contains("endpoints.rs"), "{:?}", error.tb_str);
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn a_request_that_cannot_run_gets_an_error_and_no_acknowledgement() {
    host("rq-refused", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let two = [&[0x82][..], &kwargs("value", 1)[1..], &kwargs("other", 2)[1..]].concat();
        let twice = [&[0x82][..], &kwargs("value", 1)[1..], &kwargs("value", 2)[1..]].concat();
        for (func, kwargs, type_name, words) in [
            ("absent", no_kwargs(), "AttributeError", ["absent", "echo"]),
            ("echo", no_kwargs(), "TypeError", ["echo()", "`value`"]),
            ("echo", kwargs("value", "text"), "TypeError", ["`value`", "i64"]),
            ("echo", kwargs("wrong", 1), "TypeError", ["`wrong`", "value"]),
            ("echo", two.into(), "TypeError", ["`other`", "value"]),
            ("echo", twice.into(), "TypeError", ["`value`", "given twice"]),
        ] {
            peer.start("c", func, kwargs).await;
            peer.expect_local_error("c", type_name, &words).await;
        }
        for (ns, func) in [("std::process", "exit"), ("", ""), (module_path!(), "a_test")] {
            let mut start = peer.start_msg("c", func, no_kwargs());
            ns.clone_into(&mut start.ns);
            peer.send(&Msg::Start(Box::new(start))).await;
            peer.expect_local_error("c", "ModuleNotExposed", &[ns]).await;
        }
        peer.assert_answered().await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_outside_the_allow_list_is_refused_and_the_text_says_how_to_expose_it() {
    let addr = tractor::socket_addr("rq-closed").unwrap();
    let options = ActorOptions::new().bind(addr.clone()); // nothing is enabled
    let scope = tractor::open_root_actor(options, async |_| -> tractor::Result<()> {
        let mut peer = Peer::base(&addr).await;
        peer.start("c", "echo", kwargs("value", 1)).await;
        peer.expect_local_error("c", "ModuleNotExposed", &["enable_module", MODULE]).await;
        Ok(())
    });
    wire_support::step("the scope", scope).await.unwrap();
}

#[tokio::test]
async fn a_request_under_another_name_is_refused_and_the_connection_closed() {
    host("rq-uid", ActorOptions::new(), async |_, addr| {
        let mut victim = Peer::base(addr).await;
        let mut held = watch("rq-uid");
        victim.start("h", "holds", kwargs("key", "rq-uid")).await;
        held.expect("started").await;
        for func in ["echo", "_cancel_task"] {
            let mut peer = Peer::base(addr).await;
            let mut start = peer.start_msg("c", func, kwargs("cid", "h"));
            start.uid = victim.uid.clone();
            if func == "_cancel_task" {
                "self".clone_into(&mut start.ns);
            }
            peer.send(&Msg::Start(Box::new(start))).await;
            peer.expect_error("c", "RuntimeFailure").await;
            peer.expect_closed().await;
        }
        assert!(held.is_quiet());
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn a_request_under_a_live_context_id_ends_that_dialog_with_one_outcome() {
    host("rq-duplicate", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut held = watch("rq-duplicate");
        for method in ["echo", "_cancel_task", "cancel", "addrs"] {
            peer.start("d", "holds", kwargs("key", "rq-duplicate")).await;
            peer.expect_ack("d", FuncType::AsyncFunc).await;
            held.expect("started").await;
            match method {
                "echo" => peer.start("d", method, kwargs("value", 1)).await,
                method => peer.start_self("d", method, kwargs("cid", "d")).await,
            }
            // The task ends first, and no message follows that could be its outcome.
            held.expect("dropped").await;
            peer.expect_local_error("d", "MessagingError", &["d", "in use"]).await;
            assert_eq!(peer.dialogs_open().await, 0, "{method}");
        }
        peer.open("d", "doubles", no_kwargs()).await;
        // Another connection has ids of its own.
        let mut other = peer.again(addr).await;
        other.open("d", "doubles", no_kwargs()).await;
        assert_eq!(other.dialogs_open().await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_id_is_free_again_once_its_dialog_is_over() {
    host("rq-reuse", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for round in 1..=3 {
            peer.open("r", "doubles", no_kwargs()).await;
            peer.stream("r", round).await;
            assert_eq!(peer.expect_yield::<i64>("r").await, 2 * round);
            peer.stop("r").await;
            assert_eq!(peer.expect_return::<i64>("r").await, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_takes_the_actors_own_ids_breaks_no_call_of_the_actor() {
    host("rq-collide", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let mut held = watch("rq-collide");
        // The ids that an accepting end would choose for its first calls.
        for id in ["a0", "a1"] {
            peer.start(id, "holds", kwargs("key", "rq-collide")).await;
            peer.expect_ack(id, FuncType::AsyncFunc).await;
            held.expect("started").await;
        }
        peer.open("c", "calls_back", no_kwargs()).await;
        let called = peer.expect_start().await;
        assert_eq!(called.func, "echo");
        peer.send(&Msg::StartAck { cid: called.cid, functype: FuncType::AsyncFunc }).await;
        peer.send(&Msg::Return { cid: called.cid, pld: pld(&5) }).await;
        assert_eq!(peer.expect_return::<i64>("c").await, 5);
        for id in ["a0", "a1"] {
            peer.cancel_task("k", id).await;
            peer.expect_ack("k", FuncType::AsyncFunc).await;
            peer.expect_error(id, "ContextCancelled").await;
            peer.expect_cancel_ack("k").await;
        }
    })
    .await;
}

#[tokio::test]
async fn too_many_contexts_are_refused_by_the_name_of_the_knob() {
    host("rq-many", limited(|limits| limits.contexts_per_connection_max = 3), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for id in ["1", "2", "3"] {
            peer.open(id, "holds_open", kwargs("key", "rq-many")).await;
        }
        peer.start("4", "holds_open", kwargs("key", "rq-many")).await;
        let words = ["contexts_per_connection_max", "3"];
        peer.expect_local_error("4", "RuntimeFailure", &words).await;
        assert_alive(addr).await; // the limit is per connection
        // The runtime's own methods still work, and make room.
        peer.cancel_task("k", "2").await;
        peer.expect_ack("k", FuncType::AsyncFunc).await;
        peer.expect_error("2", "ContextCancelled").await;
        peer.expect_cancel_ack("k").await;
        peer.assert_answered().await;
    })
    .await;
}

// ---- the runtime's own methods -----------------------------------------------------------------------------------

#[tokio::test]
async fn an_unknown_runtime_method_is_an_attribute_error() {
    host("rq-self", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for func in ["shut_down", "uid", "__init__", "", "Cancel"] {
            peer.start_self("u", func, no_kwargs()).await;
            peer.expect_local_error("u", "AttributeError", &[&format!("self:{func}")]).await;
        }
        for bad in [no_kwargs(), kwargs("cid", 1), kwargs("id", "x")] {
            peer.start_self("u", "_cancel_task", bad).await;
            peer.expect_local_error("u", "TypeError", &["_cancel_task()", "cid"]).await;
        }
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_task_reports_before_the_request_is_acknowledged() {
    host("rq-cancel", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for (func, kind) in [("holds", FuncType::AsyncFunc), ("holds_open", FuncType::Context)] {
            let key = format!("rq-cancel-{func}");
            let mut held = watch(&key);
            peer.start("h", func, kwargs("key", &key)).await;
            peer.expect_ack("h", kind).await;
            if kind == FuncType::Context {
                peer.expect_started::<i64>("h").await;
            }
            held.expect("started").await;
            peer.cancel_task("k", "h").await;
            peer.expect_ack("k", FuncType::AsyncFunc).await;
            let error = peer.expect_local_error("h", "ContextCancelled", &["'parent'-side peer"]).await;
            assert_eq!(error.canceller, Some(peer.uid.clone()));
            peer.expect_cancel_ack("k").await;
            held.expect("dropped").await;
        }
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_or_finished_task_is_acknowledged_at_once() {
    host("rq-unknown", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.assert_answered().await;
        for target in ["never", "fresh-1", "k", "an id that is longer than the longest one allowed here"] {
            peer.cancel_task("k", target).await;
            peer.expect_ack("k", FuncType::AsyncFunc).await;
            peer.expect_cancel_ack("k").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_task_is_cancelled_only_through_the_connection_that_started_it() {
    host("rq-other", ActorOptions::new(), async |_, addr| {
        let mut owner = Peer::base(addr).await;
        let mut held = watch("rq-other");
        owner.open("h", "holds_open", kwargs("key", "rq-other")).await;
        held.expect("started").await;
        for mut other in [Peer::base(addr).await, owner.again(addr).await] {
            other.cancel_task("k", "h").await;
            other.expect_ack("k", FuncType::AsyncFunc).await;
            other.expect_cancel_ack("k").await;
            other.stop("h").await;
            other.fail("h", "ValueError", "from a stranger").await;
            other.assert_answered().await;
        }
        assert!(held.is_quiet());
        owner.assert_answered().await;
        owner.cancel_task("k", "h").await;
        owner.expect_ack("k", FuncType::AsyncFunc).await;
        owner.expect_error("h", "ContextCancelled").await;
        owner.expect_cancel_ack("k").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_slow_teardown_does_not_stall_its_connection() {
    host("rq-slow", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut held = watch("rq-slow");
        let gate = lock_slow_drop("rq-slow");
        peer.start("h", "holds_on", kwargs("key", "rq-slow")).await;
        peer.expect_ack("h", FuncType::AsyncFunc).await;
        held.expect("started").await;
        peer.cancel_task("k", "h").await;
        peer.expect_ack("k", FuncType::AsyncFunc).await;
        held.expect("dropping").await;
        peer.assert_answered().await;
        peer.cancel_task("k2", "h").await; // a second request waits like the first
        peer.expect_ack("k2", FuncType::AsyncFunc).await;
        peer.assert_answered().await;
        gate.send(()).unwrap();
        held.expect("dropped").await;
        peer.expect_error("h", "ContextCancelled").await;
        let acks = [peer.recv().await, peer.recv().await];
        for id in ["k", "k2"] {
            assert!(acks.contains(&Msg::CancelAck { cid: cid(id), pld: pld(&true) }), "{acks:?}");
        }
    })
    .await;
}

/// Sixteen requests wait for the end of one task.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_request_beyond_those_that_wait_for_a_task_is_acknowledged_at_once() {
    host("rq-many", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut held = watch("rq-many");
        let gate = lock_slow_drop("rq-many");
        peer.start("h", "holds_on", kwargs("key", "rq-many")).await;
        peer.expect_ack("h", FuncType::AsyncFunc).await;
        held.expect("started").await;
        let waiting: Vec<_> = (0..16).map(|n| format!("w{n}")).collect();
        for id in &waiting {
            peer.cancel_task(id, "h").await;
            peer.expect_ack(id, FuncType::AsyncFunc).await;
        }
        held.expect("dropping").await;
        peer.cancel_task("k", "h").await;
        peer.expect_ack("k", FuncType::AsyncFunc).await;
        peer.expect_cancel_ack("k").await;
        gate.send(()).unwrap();
        held.expect("dropped").await;
        peer.expect_error("h", "ContextCancelled").await;
        for id in &waiting {
            peer.expect_cancel_ack(id).await;
        }
    })
    .await;
}

#[tokio::test]
async fn cancelling_the_actor_ends_its_tasks_then_acknowledges_then_closes() {
    host("rq-actor", ActorOptions::new(), async |_, addr| {
        let mut bystander = Peer::base(addr).await;
        let mut peer = Peer::base(addr).await;
        let mut held = watch("rq-actor");
        bystander.open("b", "holds_open", kwargs("key", "rq-actor")).await;
        peer.open("h", "holds_open", kwargs("key", "rq-actor")).await;
        for _ in 0..2 {
            held.expect("started").await;
        }
        peer.start_self("k", "cancel", no_kwargs()).await;
        peer.expect_ack("k", FuncType::AsyncFunc).await;
        let error = peer.expect_error("h", "ContextCancelled").await;
        assert_eq!(error.canceller, Some(peer.uid.clone()));
        peer.expect_cancel_ack("k").await;
        for _ in 0..2 {
            held.expect("dropped").await;
        }
        let error = bystander.expect_error("b", "ContextCancelled").await;
        assert_eq!(error.canceller, Some(peer.uid.clone()), "every peer learns the canceller");
        peer.expect_closed().await;
        // Other requests are refused in the same way, and no new peer is let in.
        bystander.start("n", "echo", kwargs("value", 1)).await;
        let error = bystander.expect_error("n", "ContextCancelled").await;
        assert_eq!(error.canceller, Some(peer.uid.clone()));
        let path = addr.uds_path().unwrap();
        assert!(tokio::net::UnixStream::connect(path).await.is_err(), "the actor no longer listens");
    })
    .await;
}

#[tokio::test]
async fn a_context_id_out_of_the_actors_own_ones_costs_only_the_peer_its_dialog() {
    host("rq-stolen", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        // The endpoint calls back under the same id before its first wait.
        peer.start("a0", "calls_back", no_kwargs()).await;
        peer.expect_ack("a0", FuncType::Context).await;
        peer.expect_started::<i64>("a0").await;
        let Msg::Start(echo) = peer.recv().await else { panic!("a request") };
        assert_eq!((echo.cid, &*echo.func), (cid("a0"), "echo"));
        let Msg::Start(cancel) = peer.recv().await else { panic!("a request") };
        assert_eq!((cancel.cid, &*cancel.func), (cid("a1"), "_cancel_task"));
        for id in ["a0", "a1"] {
            peer.send(&Msg::StartAck { cid: cid(id), functype: FuncType::AsyncFunc }).await;
        }
        peer.send(&Msg::Return { cid: cid("a0"), pld: pld(&5) }).await;
        peer.send(&Msg::CancelAck { cid: cid("a1"), pld: pld(&true) }).await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}
