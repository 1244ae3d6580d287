//! The text of every rejection, as a person reads it.

use std::collections::BTreeSet;

use expect_test::expect;
use phasegate_core::{
    Attempt, CampaignId, CampaignStatus, PhaseName, PhasePreflight, PhaseStatus, PipelineId, PreflightReport,
    Problem, Problems, Rejection, Run, Ticket,
};

fn phase(name: &str) -> PhaseName {
    PhaseName::new(name).expect("a valid name")
}

fn ticket(attempt: u32) -> Ticket {
    Ticket {
        campaign: CampaignId::from_u128(1),
        phase: phase("dns"),
        run: Run(2),
        attempt: Attempt(attempt),
    }
}

fn all() -> Vec<Rejection> {
    let pipeline = PipelineId::new("leads").expect("a valid id");
    let problems: Problems = [
        Problem::new(
            phase("dns"),
            "/personaIds",
            "required",
            "\"personaIds\" is a required property",
        ),
        Problem::new(
            phase("dns"),
            "/timeoutMs",
            "minimum",
            "0 is less than the minimum of 1",
        ),
    ]
    .into_iter()
    .collect();
    let report = PreflightReport::new(vec![
        PhasePreflight {
            phase: phase("dns"),
            configured: true,
            problems: problems.clone(),
        },
        PhasePreflight {
            phase: phase("http"),
            configured: false,
            problems: Problems::none(),
        },
    ]);
    vec![
        Rejection::InvalidName {
            chars: 0,
            character: None,
        },
        Rejection::InvalidName {
            chars: 6,
            character: Some("U+202E".to_owned()),
        },
        Rejection::InvalidAttribute {
            key: "Team".to_owned(),
            problem: "a key has 1 to 64 of the characters a to z, 0 to 9, '_', '.' and '-'".to_owned(),
        },
        Rejection::InvalidRetry {
            phase: phase("dns"),
            problem: "maxTries is 1 to 1000, not 0".to_owned(),
        },
        Rejection::UnknownPipeline {
            pipeline: pipeline.clone(),
        },
        Rejection::PipelineChanged { pipeline },
        Rejection::UnknownPhase {
            phase: phase("dsn"),
            phases: vec![phase("dns"), phase("http")],
        },
        Rejection::ConfigInvalid {
            problems: problems.clone(),
        },
        Rejection::AnswerInvalid { problems },
        Rejection::PhaseLocked {
            phase: phase("dns"),
            status: PhaseStatus::Running,
        },
        Rejection::PhaseLocked {
            phase: phase("dns"),
            status: PhaseStatus::Paused,
        },
        Rejection::PhaseLocked {
            phase: phase("dns"),
            status: PhaseStatus::Completed,
        },
        Rejection::PhaseLocked {
            phase: phase("dns"),
            status: PhaseStatus::Skipped,
        },
        Rejection::PhaseStarted {
            phase: phase("dns"),
            status: PhaseStatus::Failed,
        },
        Rejection::OutOfOrder {
            phase: phase("http"),
            status: PhaseStatus::NotStarted,
            expected: Some(phase("dns")),
        },
        Rejection::OutOfOrder {
            phase: phase("dns"),
            status: PhaseStatus::Completed,
            expected: Some(phase("http")),
        },
        Rejection::OutOfOrder {
            phase: phase("dns"),
            status: PhaseStatus::Skipped,
            expected: None,
        },
        Rejection::PreflightFailed { report },
        Rejection::AlreadyRunning { phase: phase("dns") },
        Rejection::Paused { phase: phase("dns") },
        Rejection::InputChanged { phase: phase("dns") },
        Rejection::SkipForbidden { phase: phase("dns") },
        Rejection::NothingLeft { phase: phase("dns") },
        Rejection::NotStarted { phase: phase("http") },
        Rejection::Pausing { phase: phase("dns") },
        Rejection::Stopping { phase: phase("dns") },
        Rejection::NotRunning {
            status: CampaignStatus::Idle,
        },
        Rejection::NotPaused {
            status: CampaignStatus::Failed,
        },
        Rejection::StaleTicket {
            ticket: ticket(1),
            current: Some(ticket(2)),
        },
        Rejection::StaleTicket {
            ticket: ticket(1),
            current: None,
        },
        Rejection::TooLarge {
            what: "config of dns".to_owned(),
            size: 300_000,
            limit: 262_144,
        },
        Rejection::TooDeep {
            what: "config of dns".to_owned(),
            depth: 120,
            limit: 100,
        },
    ]
}

#[test]
fn every_rejection_says_what_is_wrong_and_what_to_do() {
    let text: Vec<_> = all()
        .iter()
        .map(|rejection| format!("{}: {rejection}", rejection.code()))
        .collect();
    expect![[r#"
        invalid_name: a campaign's name has 1 to 200 characters, not all of them blank, and this one has 0: choose another
        invalid_name: a campaign's name can't have the character U+202E, which could disguise other text: leave it out
        invalid_attribute: the attribute "Team" can't be set: a key has 1 to 64 of the characters a to z, 0 to 9, '_', '.' and '-'
        invalid_retry: the retry policy of dns can't be used: maxTries is 1 to 1000, not 0
        unknown_pipeline: there is no pipeline leads: register it with the engine, or name another
        pipeline_changed: pipeline leads has other phases now than this campaign, so it can't go on: register the pipeline as it was, or create a new campaign
        unknown_phase: there is no phase dsn: the phases are dns, http
        config_invalid: the config is wrong in 2 places, so nothing was changed: dns/personaIds: "personaIds" is a required property; dns/timeoutMs: 0 is less than the minimum of 1
        answer_invalid: the answer is wrong in 2 places, so nothing was recorded: dns/personaIds: "personaIds" is a required property; dns/timeoutMs: 0 is less than the minimum of 1
        phase_locked: dns is running, so it can't be changed: stop it first
        phase_locked: dns is paused, so it can't be changed: stop it first, or restart it with the new config
        phase_locked: dns is completed, so it can't be changed: restart it with the new config
        phase_locked: dns is skipped, so it can't be changed: restart it to run it
        phase_started: dns is failed, so its config can't be removed: configure it anew, or restart it with another config
        out_of_order: http can't start now: dns comes first
        out_of_order: dns can't start now: it is completed; restart dns to run it afresh
        out_of_order: dns can't start now: it is skipped; restart dns to run it afresh
        preflight_failed: nothing was started, since a valid config is missing for dns, http: dns/personaIds: "personaIds" is a required property; dns/timeoutMs: 0 is less than the minimum of 1; http: there is no config: store one
        already_running: dns is running already: wait for it, or pause or stop it first
        paused: dns is paused: resume it, or restart it to begin afresh
        input_changed: a config or resource that dns works with has changed, and it can't continue with the change: restart it to begin afresh
        skip_forbidden: dns can't be skipped: its pipeline forbids it
        nothing_left: dns can't be skipped: it is the last phase that is left to run
        not_started: http has not started yet, so there is nothing to restart: start it
        pausing: dns is pausing: wait until it is paused, then resume it
        stopping: dns is stopping: wait until it is stopped, then start it
        not_running: nothing to pause or stop: the campaign is idle
        not_paused: nothing to resume: the campaign is failed
        stale_ticket: dns run 2 attempt 1 of campaign 00000000-0000-0000-0000-000000000001 is stale: dns run 2 attempt 2 of campaign 00000000-0000-0000-0000-000000000001 is running
        stale_ticket: dns run 2 attempt 1 of campaign 00000000-0000-0000-0000-000000000001 is stale: nothing runs
        too_large: the config of dns has 300000 bytes; at most 262144 may be: make it smaller
        too_deep: the config of dns is nested 120 levels deep; at most 100 may be: make it flatter"#]].assert_eq(&text.join("\n"));
}

#[test]
fn no_rejection_is_left_out_and_its_code_is_in_its_json() {
    let all = all();
    let shown: BTreeSet<_> = all.iter().map(Rejection::code).collect();
    let codes = Rejection::codes();
    assert_eq!(shown, codes.iter().map(|known| known.code).collect());
    for rejection in &all {
        let mut json = serde_json::to_value(rejection).expect("it is JSON");
        let code = json.as_object_mut().and_then(|members| members.remove("code"));
        assert_eq!(code, Some(rejection.code().into()));
        assert_eq!(json, serde_json::Value::Object(rejection.data()));
        let known = codes.iter().find(|known| known.code == rejection.code());
        let members: BTreeSet<_> = known.expect("its code").members.iter().copied().collect();
        assert_eq!(
            rejection
                .data()
                .keys()
                .map(String::as_str)
                .collect::<BTreeSet<_>>(),
            members
        );
    }
}
