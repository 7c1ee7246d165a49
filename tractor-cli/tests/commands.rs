//! The command against live trees, each a program of its own, and against listeners that are not a registry.

mod script;
mod world;

use std::os::unix::net::UnixListener;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value as Json, json};
use tractor::prelude::*;
use tractor::{Addr, Supervision};
use world::{Place, Ran, shop};

// ---- The endpoints of the actors ---------------------------------------------------------------------------------

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::actor_fn]
async fn size(bytes: tractor::ByteBuf) -> tractor::ByteBuf {
    assert_eq!(bytes.len(), 2);
    bytes
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct SoldOut;

impl std::fmt::Display for SoldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("none left")
    }
}

impl std::error::Error for SoldOut {}

#[tractor::actor_fn]
async fn fails() -> Result<(), SoldOut> {
    Err(SoldOut)
}

#[tractor::actor_fn]
async fn dies() {
    std::process::exit(9);
}

#[tractor::actor_fn]
async fn waits() {
    std::future::pending().await
}

#[tractor::stream]
async fn counts(stream: StreamSender<i64>, to: i64) -> tractor::Result<()> {
    for n in 0..to {
        stream.send(n).await?;
    }
    Ok(())
}

/// Sends back twice each value, and returns the number of values.
#[tractor::context(pld_spec = i64)]
async fn doubler(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut seen = 0;
    while let Some(n) = stream.receive().await? {
        seen += 1;
        stream.send(n * 2).await?;
    }
    Ok(seen)
}

#[tractor::context(started = ())]
async fn watches(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let _ctx = ctx.started(()).await?;
    std::future::pending().await
}

/// The tree of the tests: `shop` has a child `front`, with a dialog open on it, and a supervised one, `kept`.
#[tractor::test]
#[ignore = "a program of the tests below"]
async fn shop_program() {
    let options = tractor::ActorOptions::new().name("shop").registry(Place::registry_of_this_program());
    let scope = tractor::open_root_actor(options, async |_| {
        tractor::open_nursery(async |an| -> tractor::Result<()> {
            let front = an.start_actor("front").enable_module(module_path!()).await?;
            let supervisor = an.supervise(Supervision::one_for_one());
            let kept = supervisor.child("kept", |child| child.enable_module(module_path!())).await?;
            kept.portal().await?;
            front
                .open_context(watches(), async |_, ()| {
                    world::say("up");
                    std::future::pending().await
                })
                .await
        })
        .await
    });
    scope.await.expect("it is killed");
}

// ---- A live tree -------------------------------------------------------------------------------------------------

fn named<'a>(actors: &'a Json, name: &str) -> &'a Json {
    let found = actors.as_array().expect("a list").iter().find(|actor| actor["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {actors}"))
}

#[test]
fn ps_tells_who_is_there() {
    let shop = shop("ps");
    let told = shop.run(&["ps", "--json"]).ok_json();
    assert_eq!(told["registry"], json!({ "addr": shop.place.registry().to_string(), "library": "rust" }));
    assert_eq!(told["actors"].as_array().map(Vec::len), Some(3), "the command is not registered: {told}");
    for name in ["shop", "front", "kept"] {
        let actor = named(&told["actors"], name);
        assert_eq!(
            (&actor["state"], &actor["library"], &actor["why"]),
            (&json!("up"), &json!("rust"), &Json::Null)
        );
        assert!(actor["pid"].as_i64().is_some_and(|pid| pid > 1), "{actor}");
        assert!(actor["uuid"].as_str().is_some_and(|uuid| uuid.len() == 36), "{actor}");
        assert!(actor["addrs"][0].as_str().is_some_and(|addr| addr.starts_with("/unix/")), "{actor}");
        assert!(actor["uptime_secs"].as_f64().is_some_and(|secs| (0.0..600.0).contains(&secs)), "{actor}");
        assert!(actor["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 16), "{actor}");
    }
    assert_eq!(named(&told["actors"], "shop")["pid"], shop.pid());
    let text = shop.run(&["ps"]).ok();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], format!("rust registry {}", shop.place.registry()));
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>()[..3], ["NAME", "UUID", "PID"]);
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[2..].iter().all(|line| line.contains(" up ") && line.contains(" MiB ")), "{text}");
}

#[test]
fn tree_tells_who_supervises_whom_and_what_is_open() {
    let shop = shop("tree");
    let told = shop.run(&["tree", "--json"]).ok_json();
    let roots = told["roots"].as_array().expect("a list");
    assert_eq!((roots.len(), &roots[0]["name"], &roots[0]["supervised"]), (1, &json!("shop"), &Json::Null));
    let children = &roots[0]["children"];
    let (front, kept) = (named(children, "front"), named(children, "kept"));
    assert_eq!((&front["supervised"], &kept["supervised"]), (&json!(false), &json!(true)));
    let dialog = &front["dialogs"][0];
    assert_eq!(
        (&dialog["endpoint"], &dialog["peer"], &dialog["served"], &dialog["state"]),
        (&json!("commands:watches"), &json!("shop"), &json!(true), &json!("started")),
    );
    assert_eq!((&front["dialogs_total"], &kept["dialogs_total"]), (&json!(1), &json!(0)));
    let text = shop.run(&["tree"]).ok();
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert!(lines[0].starts_with("shop[") && lines[0].ends_with(&format!("pid {}", shop.pid())), "{text}");
    assert!(lines[1].starts_with("├─ front["), "{text}");
    assert!(
        lines[2].starts_with("│     · runs commands:watches for shop[") && lines[2].ends_with("(started)"),
        "{text}"
    );
    assert!(lines[3].starts_with("└─ kept[") && lines[3].ends_with(" supervised"), "{text}");
    assert_eq!(lines.len(), 4, "the dialog is shown once: {text}");
}

#[test]
fn call_prints_results_values_and_errors() {
    let shop = shop("call");
    assert_eq!(shop.run(&["call", "front", "commands:add", r#"{"a": 1, "b": 2}"#]).ok(), "3\n");
    let uuid =
        named(&shop.run(&["ps", "--json"]).ok_json()["actors"], "front")["uuid"].as_str().map(str::to_owned);
    let uuid = uuid.expect("a uuid");
    let by_uuid = shop.run(&["call", &uuid, "commands:size", r#"{"bytes": {"$bytes": "00ff"}}"#, "--json"]);
    assert_eq!(by_uuid.ok_json(), json!({ "result": { "$bytes": "00ff" } }));
    let both = format!("front.{uuid}");
    let streamed = shop.run(&["call", &both, "commands:counts", r#"{"to": 2}"#, "--stream", "--json"]);
    assert_eq!(streamed.ok(), "{\"value\":0}\n{\"value\":1}\n");
    let doubled = ["call", "front", "commands:doubler", "--context", "--send", "1", "--send", "2"];
    assert_eq!(shop.run(&doubled).ok(), "0\n2\n4\n2\n");
    let error = shop.run(&["call", "front", "commands:fails", "--json"]).failed(1);
    let error = &error["error"];
    assert_eq!((&error["kind"], &error["exit"]), (&json!("failed"), &json!(1)));
    assert_eq!(
        (&error["type"], &error["text"], &error["actor"]),
        (&json!("SoldOut"), &json!("none left"), &json!("front"))
    );
    let text = shop.run(&["call", "front", "commands:fails"]);
    assert_eq!((text.code, text.out.as_str()), (1, ""));
    assert!(
        text.err.starts_with("tractor: `SoldOut` in actor front[") && text.err.ends_with(": none left\n"),
        "{}",
        text.err
    );
    let absent = shop.run(&["call", "front", "commands:nothing", "--json"]).failed(1);
    assert_eq!(absent["error"]["type"], "AttributeError");
    let other_kind = shop.run(&["call", "front", "commands:doubler", "--json"]).failed(1);
    assert!(
        other_kind["error"]["message"].as_str().is_some_and(|text| text.contains("--context")),
        "{other_kind}"
    );
    let late = shop.run(&["call", "front", "commands:waits", "--deadline", "0.2", "--json"]).failed(7);
    assert_eq!(late["error"]["kind"], "actor-lost");
    // None of these calls still runs there.
    let tree = shop.run(&["tree", "--json"]).ok_json();
    assert_eq!(named(&tree["roots"][0]["children"], "front")["dialogs_total"], 1);
    let nobody = shop.run(&["call", "nobody", "commands:add", "--json"]).failed(6);
    assert_eq!(nobody["error"]["kind"], "no-such-actor");
    for wrong in [
        &["call", "front", "commands:add", "[1]"][..],
        &["call", "front", "no-endpoint"],
        &["call", "front", "commands:add", "{"],
        &["ps", "--registry", "nowhere"],
        &["sing"],
    ] {
        assert_eq!(shop.run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn an_actor_that_dies_while_it_is_asked_is_lost() {
    let shop = shop("dies");
    let pid = |name: &str| named(&shop.run(&["ps", "--json"]).ok_json()["actors"], name)["pid"].clone();
    let before = pid("kept");
    let lost = shop.run(&["call", "kept", "commands:dies", "--json"]).failed(7);
    assert_eq!(lost["error"]["kind"], "actor-lost");
    // Its supervisor starts it again.
    world::eventually(|| {
        let actors = shop.run(&["ps", "--json"]).ok_json();
        let all = actors["actors"].as_array().expect("a list");
        all.iter().any(|actor| actor["name"] == "kept" && actor["state"] == "up" && actor["pid"] != before)
    });
}

#[test]
fn an_interrupted_call_leaves_nothing_behind() {
    let shop = shop("signal");
    let open = || {
        let tree = shop.run(&["tree", "--json"]).ok_json();
        named(&tree["roots"][0]["children"], "front")["dialogs_total"].clone()
    };
    let mut call = shop.place.command(&["call", "front", "commands:waits"]).spawn().expect("it was built");
    world::eventually(|| open() == 2);
    world::signal(call.id(), Signal::INT);
    assert_eq!(call.wait().expect("it is our child").code(), Some(130));
    world::eventually(|| open() == 1);
}

#[test]
fn cancel_asks_and_kills_only_what_is_proved() {
    let shop = shop("cancel");
    let actors = |shop: &world::Shop| shop.run(&["ps", "--json"]).ok_json()["actors"].clone();
    let kept = named(&actors(&shop), "kept").clone();
    let killed = shop.run(&["cancel", "kept", "--kill", "--json"]).ok_json();
    assert_eq!(
        (&killed["end"], &killed["pid"], &killed["uuid"]),
        (&json!("killed"), &kept["pid"], &kept["uuid"])
    );
    world::eventually(|| {
        let now = actors(&shop);
        now.as_array()
            .expect("a list")
            .iter()
            .any(|actor| actor["name"] == "kept" && actor["uuid"] != kept["uuid"])
    });
    assert_eq!(shop.run(&["cancel", "nobody"]).code, 6);
    // An actor that does not answer is shown as silent, and can be killed.
    let front = named(&actors(&shop), "front")["pid"].as_u64().expect("a process");
    world::signal(u32::try_from(front).expect("a pid"), Signal::STOP);
    world::eventually(|| {
        let status = std::fs::read_to_string(format!("/proc/{front}/status")).expect("it is there");
        status.contains("State:\tT")
    });
    // Each of the two commands waits for the whole time that an actor has to answer.
    std::thread::scope(|both| {
        both.spawn(|| assert_eq!(named(&actors(&shop), "front")["state"], "silent"));
        both.spawn(|| {
            let silent = shop.run(&["cancel", "front"]);
            assert_eq!(silent.code, 7, "{}", silent.err);
        });
    });
    let killed = shop.run(&["cancel", "front", "--kill"]).ok();
    assert!(killed.ends_with(&format!(": process {front} was killed\n")), "{killed}");
}

#[test]
fn a_cancelled_actor_ends_by_itself() {
    let shop = shop("polite");
    let told = shop.run(&["cancel", "kept", "--json"]).ok_json();
    assert_eq!(
        (&told["name"], &told["end"], &told["pid"]),
        (&json!("kept"), &json!("acknowledged"), &Json::Null)
    );
}

// ---- Not a registry ----------------------------------------------------------------------------------------------

/// Checks the failure of each command.
fn each_says(place: &Place, code: i32, kind: &str, words: &str) {
    for command in
        [&["ps"][..], &["tree"], &["call", "a", "b:c"], &["cancel", "a"], &["cancel", "a", "--kill"]]
    {
        let said = place.run(command);
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{command:?}: {}", said.err);
        assert!(said.err.contains(words), "{command:?}: {}", said.err);
        let json = place.run(&[command, &["--json"]].concat()).failed(code);
        assert_eq!((&json["error"]["kind"], &json["error"]["exit"]), (&json!(kind), &json!(code)), "{json}");
    }
}

#[test]
fn absent_and_dead_registries_are_told_apart() {
    let place = Place::new("absent");
    each_says(&place, 3, "registry-absent", "nothing listens there");
    let path = place.path();
    drop(UnixListener::bind(&path).expect("a fresh path"));
    each_says(&place, 4, "registry-dead", "is dead");
    assert!(path.exists(), "the socket file is not removed");
    std::fs::remove_file(&path).expect("the test owns it");
    std::fs::write(&path, "no socket").expect("the test owns it");
    each_says(&place, 5, "registry-foreign", "is not a socket");
    let nowhere = ["ps", "--registry", "/ip4/127.0.0.1/tcp/1"];
    assert_eq!(place.run(&nowhere).code, 3);
}

#[test]
fn a_registry_that_speaks_another_protocol_is_foreign() {
    let place = Place::new("foreign");
    let web = script::serve(&place.path(), script::http);
    each_says(&place, 5, "registry-foreign", "no usable registry");
    drop(web);
    let place = Place::new("mute");
    let _mute = script::serve(&place.path(), script::says_nothing);
    let said = place.run(&["ps"]);
    assert!(said.code == 5 && said.err.contains("in time"), "{} {}", said.code, said.err);
    let shop = shop("plain");
    let actors = shop.run(&["ps", "--json"]).ok_json()["actors"].clone();
    let addr = named(&actors, "front")["addrs"][0].as_str().expect("an address").to_owned();
    let said = shop.run(&["ps", "--registry", &addr]);
    assert!(
        said.code == 5 && said.err.contains("front") && said.err.contains("not a registrar"),
        "{}",
        said.err
    );
}

#[test]
fn a_registry_of_the_base_protocol_is_named_and_used() {
    let place = Place::new("base");
    let _python = script::serve(&place.path(), script::base_registrar);
    let told = place.run(&["ps", "--json"]).ok_json();
    assert_eq!(told["registry"]["library"], "python");
    let root = named(&told["actors"], "pyroot");
    assert_eq!((&root["state"], &root["library"]), (&json!("quiet"), &json!("python")));
    assert_eq!(root["pid"], std::process::id());
    assert!(
        root["memory_bytes"].is_u64() && root["uptime_secs"].is_f64(),
        "the pid comes from the system: {root}"
    );
    assert!(place.run(&["ps"]).ok().starts_with("python registry "));
    let tree = place.run(&["tree", "--json"]).ok_json();
    let root = named(&tree["roots"], "pyroot");
    assert_eq!((&root["dialogs"], &root["state"]), (&Json::Null, &json!("quiet")));
    assert_eq!(place.run(&["call", "pyroot", "py:add", r#"{"a": 1}"#]).ok(), "3\n");
    assert_eq!(place.run(&["cancel", "pyroot", "--json"]).ok_json()["end"], "acknowledged");
    let nobody = place.run(&["cancel", "nobody"]);
    assert!(nobody.code == 6 && nobody.err.contains("python registry"), "{}", nobody.err);
    // This test's own process listens there.
    let moved = place.run(&["cancel", "moved", "--kill", "--json"]).failed(8);
    assert_eq!(moved["error"]["kind"], "not-allowed");
    assert_eq!(place.run(&["cancel", "moved"]).code, 7);
    let twins = place.run(&["cancel", "twin"]);
    assert!(twins.code == 6 && twins.err.contains("choose one by its uuid"), "{}", twins.err);
}

#[test]
fn a_registry_that_dies_while_it_is_asked_is_dead() {
    let place = Place::new("leaves");
    let _leaves = script::serve(&place.path(), script::leaves_when_asked);
    assert_eq!(place.run(&["ps", "--json"]).failed(4)["error"]["kind"], "registry-dead");
}

// ---- Over TCP ----------------------------------------------------------------------------------------------------

async fn over_tcp(
    options: tractor::ActorOptions,
    commands: impl FnOnce(&Place, &dyn Fn(&[&str]) -> Ran) + Send + 'static,
) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let registry = Addr::Tcp(listener.local_addr().expect("it is bound"));
    drop(listener);
    let options = options.name("tcp").registry(registry.clone()).enable_module(module_path!());
    let scope = tractor::open_root_actor(options, async |_| -> tractor::Result<()> {
        let asked = tokio::task::spawn_blocking(move || {
            let place = Place::new("tcp");
            let addr = registry.to_string();
            commands(&place, &|words| place.run(&[words, &["--registry", &addr]].concat()));
        });
        asked.await.expect("the assertions hold");
        Ok(())
    });
    tokio::time::timeout(Duration::from_secs(60), scope).await.expect("in time").expect("it ends well");
}

#[tractor::test]
async fn without_a_proof_it_calls_and_ends_nobody() {
    over_tcp(tractor::ActorOptions::new().allow_unauthenticated_peers(), |_, run| {
        let told = run(&["ps", "--json"]).ok_json();
        let actor = named(&told["actors"], "tcp");
        assert_eq!((&actor["state"], &actor["pid"]), (&json!("quiet"), &json!(std::process::id())));
        assert!(actor["why"].as_str().is_some_and(|why| why.contains("secret of its tree")), "{actor}");
        assert_eq!(run(&["call", "tcp", "commands:add", r#"{"a": 1, "b": 2}"#]).ok(), "3\n");
        assert_eq!(run(&["cancel", "tcp", "--json"]).failed(8)["error"]["kind"], "not-allowed");
        let killed = run(&["cancel", "tcp", "--kill"]);
        assert!(killed.code == 8 && killed.err.contains("no Unix socket"), "{}", killed.err);
    })
    .await;
}

#[tractor::test]
async fn a_registry_that_requires_a_proof_is_foreign() {
    over_tcp(tractor::ActorOptions::new(), |_, run| {
        let said = run(&["ps", "--json"]).failed(5);
        assert_eq!(said["error"]["kind"], "registry-foreign");
        assert!(said["error"]["message"].as_str().is_some_and(|text| text.contains("a proof")), "{said}");
    })
    .await;
}

#[test]
fn help_has_the_exit_codes() {
    let help = Place::new("help").run(&["--help"]).ok();
    for line in ["3  registry absent", "4  registry dead", "5  registry foreign", "8  not allowed"] {
        assert!(help.contains(line), "{help}");
    }
}
