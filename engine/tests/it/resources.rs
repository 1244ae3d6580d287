//! Resources: what is refused, and when.

use phasegate::storage::Expected;
use serde_json::json;

use crate::support::{World, running};

#[tokio::test]
async fn an_invalid_or_unknown_resource_is_refused_with_every_problem() {
    let world = World::new();
    let unknown = world
        .engine
        .put_resource("nonsense", "x", json!({}), Expected::Any)
        .await;
    assert_eq!(unknown.expect_err("no such kind").code(), "unknown_resource_kind");
    let invalid = world
        .engine
        .put_resource("token", "x", json!(1), Expected::Any)
        .await;
    assert_eq!(invalid.expect_err("not an object").code(), "resource_invalid");
    let id = world
        .engine
        .put_resource("token", "../x", json!({}), Expected::Any)
        .await;
    assert_eq!(id.expect_err("not an id").code(), "invalid_name");
}

#[tokio::test]
async fn during_a_shutdown_and_after_it_resources_are_neither_written_nor_deleted() {
    let world = World::new();
    let put = |document| world.engine.put_resource("token", "t", document, Expected::Any);
    put(json!({})).await.expect("it is stored");
    let (_campaign, ticket) = running(&world).await;
    let (left, ()) = tokio::join!(biased; world.engine.shutdown(), async {
        let refused = put(json!({})).await.expect_err("it is going down");
        assert_eq!(refused.code(), "shut_down");
        // Until here the shutdown waits for the runner.
        world.stage.rest(&ticket).await;
    });
    left.expect("it shuts down in order");
    assert_eq!(put(json!({})).await.expect_err("it is down").code(), "shut_down");
    let deleted = world.engine.delete_resource("token", "t", Expected::Any).await;
    assert_eq!(deleted.expect_err("it is down").code(), "shut_down");
}
