//! What was checked is what is in force when it is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use phasegate::core::{
    CommitId, Digest, Envelope, PhaseDefinition, PhaseName, ResourceId, ResourceKind, ResourceRef,
};
use phasegate::storage::{Expected, ResourceWrite, Storage};
use phasegate::{
    CampaignStatus, Deferred, Engine, FieldProblem, NewCampaign, PhaseRunner, Pipeline, Resources,
    RunContext, RunError, RunOutcome,
};
use phasegate_testkit::MemoryStorage;
use serde_json::{Value, json};

/// A runner during whose check, once it is armed, somebody else disables the resource.
struct Overtaken {
    storage: MemoryStorage,
    armed: Arc<AtomicBool>,
}

#[async_trait]
impl PhaseRunner for Overtaken {
    async fn check(&self, _: &Value, _: &Resources) -> Vec<FieldProblem> {
        if self.armed.swap(false, Ordering::SeqCst) {
            let write = ResourceWrite {
                id: CommitId::from_u128(1),
                digest: Digest::of(&json!({})),
                envelope: Envelope::none(),
                resource: ResourceRef {
                    kind: ResourceKind::new("thing").expect("a valid kind"),
                    id: ResourceId::new("shared").expect("a valid id"),
                },
                expected: Expected::Any,
                document: Some(json!({"enabled": false})),
            };
            self.storage.write_resource(write).await.expect("it is written");
        }
        Vec::new()
    }

    async fn run(&self, _: RunContext) -> Result<RunOutcome, RunError> {
        Ok(RunOutcome::Deferred(Deferred::default()))
    }
}

#[tokio::test]
async fn a_resource_that_is_disabled_between_the_check_and_the_commit_closes_the_gate() {
    let (storage, armed) = (MemoryStorage::new(), Arc::new(AtomicBool::new(false)));
    let definition = PhaseDefinition::new(
        PhaseName::new("collect").expect("a valid name"),
        json!({
            "type": "object",
            "properties": {"id": {"type": "string", "x-phasegate-resource": "thing"}}
        }),
    );
    let runner = Overtaken {
        storage: storage.clone(),
        armed: armed.clone(),
    };
    let pipeline = Pipeline::builder("pipeline")
        .resource_kind("thing", "Thing", json!({"type": "object"}))
        .runner(definition, runner)
        .build()
        .expect("a valid pipeline");
    let engine = Engine::builder()
        .shared_storage(Arc::new(storage))
        .pipeline(pipeline)
        .build()
        .expect("an engine");
    let put = engine.put_resource("thing", "shared", json!({}), Expected::Any);
    put.await.expect("it is stored");
    let campaign = engine
        .create(NewCampaign::new("campaign"))
        .await
        .expect("it is created");
    let configured = campaign.configure("collect", json!({"id": "shared"})).await;
    configured.expect("the resource is enabled");

    armed.store(true, Ordering::SeqCst);
    let refused = campaign
        .start("collect")
        .await
        .expect_err("the resource is disabled by then");

    assert_eq!(refused.code(), "preflight_failed");
    let status = campaign.view().await.expect("a view").status;
    assert_eq!(status, CampaignStatus::Idle);
}
