//! The creation of a campaign, with all that may come with it.

use std::collections::BTreeMap;

use phasegate_core::limits::{MAX_ATTRIBUTE_KEY_CHARS, MAX_ATTRIBUTE_VALUE_CHARS, MAX_ATTRIBUTES};
use phasegate_core::{
    Attributes, Campaign, CampaignId, ConfigFacts, CreateCampaign, Deferred, Envelope, Event, EventKind,
    Facts, Mode, OnSkip, PhaseName, PhaseOptions, PipelineId, Problem, RegisteredPhase, Rejection,
    RetryPolicy, Revision, Timestamp, create,
};
use serde_json::json;

use crate::driver::{configs, name, policy};

fn plan() -> CreateCampaign {
    CreateCampaign::new(CampaignId::from_u128(7), "letters")
}

fn named(text: impl Into<String>) -> CreateCampaign {
    CreateCampaign::new(CampaignId::from_u128(7), text)
}

fn with_attributes(attributes: impl IntoIterator<Item = (String, String)>) -> CreateCampaign {
    CreateCampaign {
        attributes: attributes.into_iter().collect(),
        ..plan()
    }
}

/// Creates it in a pipeline of `a`, `b` and `c`, of which `c` can't be skipped. The configs of `invalid` have a problem.
fn created_of(command: &CreateCampaign, invalid: &[&str]) -> Result<Vec<Event>, Rejection> {
    let registered = [
        ("a", OnSkip::Empty),
        ("b", OnSkip::PassThrough),
        ("c", OnSkip::Forbidden),
    ]
    .map(|(phase, on_skip)| RegisteredPhase {
        name: name(phase),
        options: PhaseOptions {
            on_skip,
            ..PhaseOptions::default()
        },
    });
    let problems = |phase: &PhaseName| {
        let is_invalid = invalid.contains(&phase.as_str());
        is_invalid
            .then(|| Problem::new(phase.clone(), "/field", "minimum", "it is too small"))
            .into_iter()
            .collect()
    };
    let checked = |phase: &PhaseName| ConfigFacts {
        problems: problems(phase),
        ..ConfigFacts::default()
    };
    let facts = Facts {
        proposed: command
            .configs
            .keys()
            .map(|phase| (phase.clone(), checked(phase)))
            .collect(),
        ..Facts::of_pipeline(registered.into())
    };
    let envelope = Envelope::none().because("a test").expect("it is short");
    let pipeline = PipelineId::new("post").expect("a valid id");
    create(command, &pipeline, &facts, &envelope, Timestamp::from_unix_ms(5))
}

fn created(command: &CreateCampaign) -> String {
    match created_of(command, &[]) {
        Ok(events) => events
            .iter()
            .map(|event| event.kind.name())
            .collect::<Vec<_>>()
            .join(", "),
        Err(rejection) => rejection.code().to_owned(),
    }
}

#[test]
fn a_name_has_1_to_200_characters_without_any_that_could_disguise_others() {
    for good in ["x", "Frühling 2026", "\u{200F}שלום", &"ü".repeat(200)] {
        assert_eq!(created(&named(good)), "campaign_created", "{good:?}");
    }
    for bad in ["", "  ", "a\nb", "a\u{202E}b", "a\u{2066}b", &"ü".repeat(201)] {
        assert_eq!(created(&named(bad)), "invalid_name", "{bad:?}");
    }
}

#[test]
fn attributes_are_within_their_limits() {
    let one = |key: &str, value: &str| with_attributes([(key.to_owned(), value.to_owned())]);
    let many = |count: usize| with_attributes((0..count).map(|key| (key.to_string(), String::new())));
    let longest_key = "a_.-9".repeat(20)[..MAX_ATTRIBUTE_KEY_CHARS].to_owned();
    for good in [
        one(&longest_key, "v"),
        one("k", &"ü".repeat(MAX_ATTRIBUTE_VALUE_CHARS)),
        many(MAX_ATTRIBUTES),
    ] {
        assert_eq!(created(&good), "campaign_created");
    }
    for bad in [
        one("", "v"),
        one("K", "v"),
        one("a b", "v"),
        one("ü", "v"),
        one(&format!("{longest_key}a"), "v"),
        one("k", &"ü".repeat(MAX_ATTRIBUTE_VALUE_CHARS + 1)),
        one("k", "a\u{202E}b"),
        many(MAX_ATTRIBUTES + 1),
    ] {
        assert_eq!(created(&bad), "invalid_attribute", "{bad:?}");
    }
}

#[test]
fn a_pipeline_that_is_not_registered_has_no_campaigns() {
    let pipeline = PipelineId::new("post").expect("a valid id");
    let decided = create(
        &plan(),
        &pipeline,
        &Facts::default(),
        &Envelope::none(),
        Timestamp::default(),
    );
    assert_eq!(decided, Err(Rejection::UnknownPipeline { pipeline }));
}

#[test]
fn all_configs_are_stored_or_none_and_every_problem_is_reported() {
    let command = CreateCampaign {
        configs: configs(&["a", "b", "c"], json!({})),
        ..plan()
    };
    let refused = created_of(&command, &["a", "c"]).expect_err("two are invalid");
    let Rejection::ConfigInvalid { problems } = refused else {
        panic!("{refused}")
    };
    let phases: Vec<_> = problems
        .items()
        .iter()
        .map(|problem| problem.phase.as_str())
        .collect();
    assert_eq!(phases, ["a", "c"]);
}

#[test]
fn what_comes_with_a_creation_obeys_the_rules_that_it_obeys_later() {
    let phases = |phases: &[&str]| phases.iter().map(|phase| name(phase)).collect();
    let retry = |phase, tries| CreateCampaign {
        retry: [(name(phase), policy(tries))].into(),
        ..plan()
    };
    let skips = |skipped: &[&str]| CreateCampaign {
        skips: phases(skipped),
        ..plan()
    };
    let configs = CreateCampaign {
        configs: configs(&["a", "nonsense"], json!({})),
        ..plan()
    };
    assert_eq!(created(&configs), "unknown_phase");
    assert_eq!(created(&retry("nonsense", 2)), "unknown_phase");
    assert_eq!(created(&retry("a", 0)), "invalid_retry");
    assert_eq!(created(&retry("a", 1_000)), "campaign_created, phase_retry_set");
    assert_eq!(created(&skips(&["nonsense"])), "unknown_phase");
    assert_eq!(created(&skips(&["c"])), "skip_forbidden");
    assert_eq!(
        created(&skips(&["a", "b"])),
        "campaign_created, phase_skip_planned, phase_skip_planned"
    );
}

#[test]
fn something_is_left_to_run_of_every_new_campaign() {
    let registered = ["a", "b"].map(|phase| RegisteredPhase {
        name: name(phase),
        options: PhaseOptions {
            on_skip: OnSkip::Empty,
            ..PhaseOptions::default()
        },
    });
    let command = CreateCampaign {
        skips: [name("a"), name("b")].into(),
        ..plan()
    };
    let decided = create(
        &command,
        &PipelineId::new("post").expect("a valid id"),
        &Facts::of_pipeline(registered.into()),
        &Envelope::none(),
        Timestamp::default(),
    );
    assert_eq!(decided.map_err(|refused| refused.code()), Err("nothing_left"));
}

#[test]
fn a_creation_is_a_log_of_its_own_that_folds_to_what_was_asked_for() {
    assert_eq!(plan().mode, Mode::StepByStep, "unless another is given");
    let command = CreateCampaign {
        mode: Mode::FullSequence,
        attributes: Attributes::from([("team".to_owned(), "north".to_owned())]),
        configs: configs(&["b", "a"], json!({})),
        retry: [(name("c"), policy(4))].into(),
        skips: [name("a")].into(),
        ..plan()
    };
    let events = created_of(&command, &[]).expect("it is valid");
    for event in &events {
        assert_eq!(event.envelope.reason(), Some("a test"));
        assert_eq!(event.timestamp, Timestamp::from_unix_ms(5));
    }
    let campaign = Campaign::fold(command.id, &events)
        .expect("the log fits")
        .expect("a campaign");
    assert_eq!(campaign.mode, Mode::FullSequence);
    assert_eq!(campaign.attributes, command.attributes);
    assert_eq!(campaign.phases[2].retry, Some(policy(4)));
    assert_eq!(
        campaign.phases[0]
            .mark
            .as_ref()
            .and_then(|mark| mark.reason.as_deref()),
        Some("a test")
    );
    let revisions: BTreeMap<_, _> = campaign
        .phases
        .iter()
        .filter_map(|slot| Some((slot.phase.to_string(), slot.config.as_ref()?.revision)))
        .collect();
    assert_eq!(
        revisions,
        [("a".to_owned(), Revision(2)), ("b".to_owned(), Revision(3))].into(),
        "in the order of the pipeline, each the number of its event"
    );
    let EventKind::CampaignCreated { phases, .. } = &events[0].kind else {
        panic!("{:?}", events[0])
    };
    assert_eq!(*phases, [name("a"), name("b"), name("c")]);
}

#[test]
fn members_that_nobody_knows_are_refused() {
    let policy = json!({"maxTries": 2});
    assert!(serde_json::from_value::<RetryPolicy>(policy).is_ok());
    let policy = json!({"maxTries": 2, "max_tries": 3});
    assert!(serde_json::from_value::<RetryPolicy>(policy).is_err());
    let options = json!({"onSkip": "empty", "skippable": true});
    assert!(serde_json::from_value::<PhaseOptions>(options).is_err());
    let deferred = json!({"note": "sign it", "deadline": 7});
    assert!(serde_json::from_value::<Deferred>(deferred).is_err());
}
