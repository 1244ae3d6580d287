//! The keyword from the config to the page.

use phasegate::{CampaignHandle, EngineError, NewCampaign};
use serde_json::json;

use crate::support::{PHASES, World};

async fn configured(world: &World, keyword: &str) -> Result<CampaignHandle, EngineError> {
    let new = NewCampaign::new("words").config(PHASES[3], json!({"keyword": keyword}));
    world.engine.create(new).await
}

#[tokio::test]
async fn a_keyword_that_does_not_show_is_refused_with_a_sentence() {
    let world = World::new().await;
    for keyword in [
        " ",
        "\u{200b}",
        "\u{ad}\u{ad}",
        "\u{3164}\n",
        "\u{e0041}\u{e007f}",
    ] {
        let refused = configured(&world, keyword).await.err().unwrap().to_string();
        assert!(refused.contains("that don't show"), "{keyword:?}: {refused}");
    }
    for keyword in ["phase\u{ad}gate", "\u{1f441}\u{fe0f}", "-", "'"] {
        configured(&world, keyword).await.unwrap();
    }
}
