//! The tests of `docs/testing.md`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::Pipeline;
use phasegate_example_letters::{Carrier, Letter, pipeline};

/// A carrier without a network. It takes half a second, and numbers a letter by its length.
struct Pigeon;

#[async_trait]
impl Carrier for Pigeon {
    async fn post(&self, _: &str, letter: &Letter) -> Result<u64, String> {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(letter.text.len() as u64)
    }
}

fn letters() -> Pipeline {
    pipeline(Arc::new(Pigeon)).expect("a valid pipeline")
}

mod write {
    use phasegate_testkit::PhaseCase;
    use serde_json::json;

    fn writing() -> PhaseCase {
        PhaseCase::of(super::letters(), "write")
            .config(json!({ "names": ["Ada", "Grace", "Barbara"], "greeting": "Hello" }))
            .same_summary()
    }

    phasegate_testkit::runner_conformance!(writing);
}

mod post {
    use phasegate_testkit::PhaseCase;
    use serde_json::json;

    fn posting() -> PhaseCase {
        let letter = |name| json!({ "to": name, "text": format!("Hello, {name}!") });
        PhaseCase::of(super::letters(), "post").upstream(["Ada", "Grace", "Barbara"].map(letter))
    }

    phasegate_testkit::runner_conformance!(posting);
}

#[test]
fn letters_keep_every_promise_whatever_happens() {
    phasegate_testkit::Simulation::of(letters)
        .config(
            "write",
            serde_json::json!({ "names": ["Ada", "Grace", "Barbara"], "greeting": "Hello" }),
        )
        .config(
            "write",
            serde_json::json!({ "names": ["Linus"], "greeting": "Hi" }),
        )
        .wrong_config("write", serde_json::json!({ "names": [], "greeting": "Hello" }))
        .config("post", serde_json::json!({}))
        .same_records()
        .engines(3)
        .seeds(200)
        .run();
}

mod held {
    use phasegate::{CampaignStatus, Engine, NewCampaign, PhaseDefinition, PhaseName, Pipeline};
    use phasegate_testkit::{MemoryStorage, Stage};
    use serde_json::json;

    #[tokio::test]
    async fn a_paused_letter_is_shown_as_paused() {
        let stage = Stage::default();
        let write = PhaseDefinition::new(
            PhaseName::new("write").expect("a valid name"),
            json!({ "type": "object" }),
        );
        let engine = Engine::builder()
            .storage(MemoryStorage::new())
            .pipeline(
                Pipeline::builder("letters")
                    .runner(write, stage.runner())
                    .build()
                    .expect("a pipeline"),
            )
            .build()
            .expect("an engine");
        let spring = NewCampaign::new("spring").config("write", json!({}));
        let campaign = engine.create(spring).await.expect("it is created");
        campaign.start("write").await.expect("it starts");
        let ticket = campaign
            .snapshot()
            .await
            .expect("it is there")
            .ticket()
            .expect("it runs");
        stage.commit(&ticket, 2).await.expect("two records are committed");

        let (paused, ()) = tokio::join!(campaign.pause(), stage.rest(&ticket));
        paused.expect("it is paused");
        let view = campaign.view().await.expect("a view");
        assert_eq!(view.status, CampaignStatus::Paused);
    }
}
