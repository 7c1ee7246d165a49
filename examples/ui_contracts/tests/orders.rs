//! The right uses of the endpoints: an ordinary test, which must compile.

use tractor::ActorOptions;
use tractor::prelude::*;
use ui_contracts::{Order, Progress, fulfil, price};

async fn order(portal: &Portal) -> tractor::Result<()> {
    let order = Order { article: "tea".to_owned(), count: 2 };
    let price: u64 = portal.run(price(order.clone())).await?;
    let sent = portal.open_context(fulfil(order), async |ctx, total: u64| {
        assert_eq!(total, price);
        let mut stream = ctx.open_stream();
        stream.send(1).await?;
        stream.finish();
        let mut last: Option<Progress> = None;
        while let Some(progress) = stream.receive().await? {
            last = Some(progress);
        }
        assert_eq!(last, Some(Progress::Sent));
        stream.wait_for_result().await
    });
    assert_eq!(sent.await?, 3);
    Ok(())
}

#[tractor::test]
async fn an_order_is_fulfilled_at_its_price() -> tractor::Result<()> {
    tractor::open_nursery(async |_| {
        tractor::with_local_actor(ActorOptions::new().enable_module("ui_contracts"), order).await
    })
    .await
}
