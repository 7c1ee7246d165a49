//! How many restarts a supervisor makes, over all children that it has ever supervised.

use std::time::Duration;

use support::tree;
use tractor::{Backoff, Error, Result, Supervised, Supervision};

#[tractor::actor_fn]
async fn exits() {
    std::process::exit(7);
}

async fn end(child: &Supervised) -> Result<()> {
    child.portal().await?.run(exits()).await.expect_err("it exits");
    Ok(())
}

#[tractor::test]
async fn restarts_count_though_all_children_have_gone_meanwhile() -> Result<()> {
    tree(async |tree| {
        let once = Supervision::one_for_one().intensity(1, Duration::from_secs(600)).backoff(Backoff::NONE);
        let left: Result<()> = tractor::open_nursery(async |an| {
            let supervisor = an.supervise(once);
            let first =
                supervisor.child(tree.name("first"), |child| child.enable_module(module_path!())).await?;
            end(&first).await?;
            first.portal_after(1).await?;
            first.cancel().await;
            let second =
                supervisor.child(tree.name("second"), |child| child.enable_module(module_path!())).await?;
            end(&second).await?;
            second.portal_after(1).await?;
            an.cancel().await;
            Ok(())
        })
        .await;
        let Err(Error::GaveUp(gave_up)) = left else { panic!("that was the second restart: {left:?}") };
        assert_eq!((gave_up.child(), gave_up.restarts()), (&*tree.name("second"), 1));
        Ok(())
    })
    .await
}
