//! Addresses as values, and the addresses that an actor reports.

use support::{in_nursery, with_local};
use tractor::error::RemoteKind;
use tractor::{ActorOptions, Addr, DynCall, Result};

#[tractor::actor_fn]
async fn sorted(mut addrs: Vec<Addr>) -> Vec<Addr> {
    addrs.sort_by_key(ToString::to_string);
    addrs
}

#[tractor::actor_fn]
async fn asks(addr: Addr) -> Result<Vec<Addr>> {
    tractor::connect(&addr, async |portal| portal.addrs().await).await
}

#[tractor::test]
async fn an_address_is_a_value_and_travels_as_its_text() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let addrs = ["/ip6/::1/tcp/7", "/ip4/127.0.0.1/tcp/7", "/unix/run/a.sock"];
        let call = sorted(addrs.map(|text| text.parse().expect("an address")).to_vec());
        let sorted: Vec<String> = portal.run(call).await?.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, [addrs[1], addrs[0], addrs[2]]);
        let call = DynCall::new(module_path!(), "sorted").arg("addrs", addrs.map(str::to_owned).to_vec());
        assert_eq!(portal.run_dyn::<Vec<String>>(call).await?, sorted);
        let wrong = DynCall::new(module_path!(), "sorted").arg("addrs", vec!["localhost:7"]);
        let error = portal.run_dyn::<Vec<Addr>>(wrong).await.expect_err("no address");
        assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::Arguments));
        assert!(error.to_string().contains("at `[0]`: address \"localhost:7\" is not /ip4/"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_portal_tells_where_its_actor_listens() -> Result<()> {
    in_nursery(async |tree, an| {
        let silent = an.start_actor(tree.name("silent")).expose(asks).await?;
        assert_eq!(silent.addrs().await?, []);
        let any_port = "/ip4/127.0.0.1/tcp/0".parse().expect("an address");
        let socket = tractor::socket_addr(&tree.name("two"))?;
        let two = an.start_actor(tree.name("two")).bind(any_port).bind(socket.clone()).await?;
        let addrs = two.addrs().await?;
        let [Addr::Tcp(tcp), uds] = &addrs[..] else { panic!("{addrs:?}") };
        assert_ne!(tcp.port(), 0);
        assert_eq!(*uds, socket);

        let hidden = an.start_actor(tree.name("own")).listen().await?;
        let own = hidden.addrs().await?;
        assert_eq!(own.len(), 1);
        assert_eq!(
            silent.run(asks(own[0].clone())).await?,
            own,
            "a connected actor reports the same addresses"
        );
        for portal in [silent, two, hidden] {
            portal.cancel_actor().await?;
        }
        Ok(())
    })
    .await
}

#[tractor::actor_fn]
async fn open_to_all() -> u8 {
    1
}

#[tractor::test]
async fn options_expose_one_endpoint() -> Result<()> {
    with_local("it::calls_bytes", async |_| {
        let options = ActorOptions::new().expose(open_to_all);
        tractor::with_local_actor(options, async |portal| {
            assert_eq!(portal.run(open_to_all()).await?, 1);
            let error = portal.run(sorted(Vec::new())).await.expect_err("it is not exposed");
            assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::NotExposed));
            Ok(())
        })
        .await
    })
    .await
}
