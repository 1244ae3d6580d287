//! Every code of a problem document, with its statuses. The OpenAPI document lists them, and the tests meet each.

/// One code.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The code.
    pub code: &'static str,
    /// Its statuses, the usual one first.
    pub statuses: &'static [u16],
    /// When an answer has it.
    pub when: &'static str,
    /// An example of `detail`.
    pub example: &'static str,
    /// An example of the members besides the common ones, as JSON.
    pub members: &'static str,
}

const fn entry(
    code: &'static str,
    statuses: &'static [u16],
    when: &'static str,
    example: &'static str,
) -> Entry {
    Entry {
        code,
        statuses,
        when,
        example,
        members: "{}",
    }
}

impl Entry {
    const fn with(self, members: &'static str) -> Self {
        Self { members, ..self }
    }
}

/// Finds a code.
pub fn find(code: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.code == code)
}

/// All of them.
pub const ALL: &[Entry] = &[
    // Codes of the request itself.
    entry("malformed_json", &[400], "The body is not JSON in UTF-8.", "the body is not JSON: EOF while parsing an object at line 1 column 9"),
    entry("invalid_body", &[400], "The body is JSON, but not of the shape that the call takes; a member that is unknown or given twice is refused.", "the body is not what this call takes: unknown field `is_full_sequence_mode`, expected one of `name`, `pipeline`, `mode`, `configs`")
        .with(r#"{"errors": [{"pointer": "/is_full_sequence_mode", "keyword": "body", "message": "unknown field `is_full_sequence_mode`"}]}"#),
    entry("invalid_parameter", &[400], "A path segment, query parameter or header breaks its rule.", "limit is not a whole number from 1 to 1000: \"many\""),
    entry("invalid_name", &[400], "A name or id breaks its rule.", "\"No Kind\" is not a resource id: 1 to 128 characters of A-Z, a-z, 0-9, -, _ and ., not beginning with a dot")
        .with(r#"{"chars": 0, "character": null}"#),
    entry("invalid_envelope", &[400], "Who asks, or why, can't be taken.", "the actor has more than 200 characters: shorten it"),
    entry("invalid_attribute", &[400], "An attribute breaks its rule, or there would be more than 32.", "the attribute \"Colour\" can't be set: a key has 1 to 64 of the characters a to z, 0 to 9, '_', '.' and '-'")
        .with(r#"{"key": "Colour", "problem": "a key has 1 to 64 of the characters a to z, 0 to 9, '_', '.' and '-'"}"#),
    entry("invalid_retry", &[400], "A retry policy is out of its ranges.", "the retry policy of analysis can't be used: maxTries is 0, not 1 to 1000")
        .with(r#"{"phase": "analysis", "problem": "maxTries is 0, not 1 to 1000"}"#),
    entry("invalid_cursor", &[400], "A cursor was not made by this store.", "\"7x\" is not a cursor of this store: begin without one"),
    entry("unauthorized", &[401], "The token is missing or wrong.", "the token is missing or wrong: send it as 'Authorization: Bearer TOKEN', or open the login link that the server printed"),
    entry("origin_not_allowed", &[403], "A page of another origin sent the request.", "a page of https://elsewhere.example may not change anything here"),
    entry("route_not_found", &[404], "There is no such path.", "there is nothing at /api/v1/nowhere: /api/v1/openapi.json lists every call"),
    entry("method_not_allowed", &[405], "The path has no such method; Allow names those it has.", "PUT is not a method of /api/v1/campaigns: see the header Allow"),
    entry("not_acceptable", &[406], "Accept names no form that the call can answer in.", "this call answers in application/json, application/x-ndjson or text/csv, and Accept names none of them"),
    entry("request_timeout", &[408], "The body came too slowly.", "the body did not arrive within 30 s"),
    entry("unsupported_media_type", &[415], "The body is not sent as application/json.", "send the body as application/json"),
    entry("host_not_allowed", &[421], "The header Host, or the absolute target, names a host that this server doesn't serve.", "this server does not serve elsewhere.example: name it with --allow-host if it should"),
    entry("precondition_failed", &[412], "If-Match or If-None-Match doesn't hold; nothing was done.", "campaign 0198a3c1-5b52-7c4e-9f5a-1d2e3f405162 has changed, so nothing was done: the command expected that it is at version 3. Read it again, then decide")
        .with(r#"{"campaign": "0198a3c1-5b52-7c4e-9f5a-1d2e3f405162"}"#),
    entry("idempotency_key_reused", &[422], "The Idempotency-Key was used for another request to the same route and campaign.", "the idempotency key \"start:4711\" was used for another command: use a new key for each command")
        .with(r#"{"key": "start:4711"}"#),
    // Codes of missing things.
    entry("not_found", &[404], "There is no such campaign, or it was deleted.", "there is no campaign 0198a3c1-5b52-7c4e-9f5a-1d2e3f405162: list the campaigns to see which there are")
        .with(r#"{"campaign": "0198a3c1-5b52-7c4e-9f5a-1d2e3f405162"}"#),
    entry("unknown_phase", &[404, 400], "The pipeline has no such phase.", "there is no phase mail: the phases are domain_generation, dns_validation, http_validation, analysis")
        .with(r#"{"phase": "mail", "phases": ["domain_generation", "dns_validation", "http_validation", "analysis"]}"#),
    entry("unknown_pipeline", &[404, 400, 409], "No such pipeline is registered.", "there is no pipeline mailing: register it with the engine, or name another")
        .with(r#"{"pipeline": "mailing"}"#),
    entry("pipeline_not_named", &[400], "Several pipelines are registered, and the body names none.", "name the pipeline: 2 are registered"),
    entry("config_not_found", &[404], "No config is stored for the phase.", "analysis has no config"),
    entry("unknown_resource_kind", &[404], "No registered pipeline has such a kind of resource.", "there is no kind of resource pencil: the kinds are dns_persona, http_persona, proxy")
        .with(r#"{"kind": "pencil", "known": ["dns_persona", "http_persona", "proxy"]}"#),
    entry("resource_not_found", &[404], "There is no such resource.", "there is no dns_persona careful")
        .with(r#"{"resource": {"kind": "dns_persona", "id": "careful"}}"#),
    entry("run_not_found", &[404], "The phase has no such run.", "analysis has no run 7"),
    entry("version_not_found", &[404], "The campaign has no event of that number yet.", "the campaign has no event 7 yet"),
    // Codes of documents.
    entry("config_invalid", &[400, 409], "Configs are wrong; none was stored. It is 409 for a stored config that is no longer valid.", "the config is wrong in one place, so nothing was changed: analysis/keyword: it must not be blank")
        .with(r#"{"errors": [{"phase": "analysis", "pointer": "/keyword", "keyword": "pattern", "message": "it must not be blank"}], "totalErrors": 1}"#),
    entry("resource_invalid", &[400], "A resource's document is wrong under the schema of its kind; it was not stored.", "proxy office was not stored, since its document is wrong: /port: 0 is less than the minimum of 1")
        .with(r#"{"resource": {"kind": "proxy", "id": "office"}, "errors": [{"pointer": "/port", "keyword": "minimum", "message": "0 is less than the minimum of 1"}]}"#),
    entry("too_large", &[413], "A document is beyond its limit, such as 256 KiB for a config, or the body is larger than 1 MiB.", "the config of analysis has 300000 bytes; at most 262144 may be: make it smaller")
        .with(r#"{"what": "config of analysis", "size": 300000, "limit": 262144}"#),
    entry("too_deep", &[400], "A document is nested beyond 100 levels, or the body beyond 127.", "the config of analysis is nested 101 levels deep; at most 100 may be: make it flatter")
        .with(r#"{"what": "config of analysis", "depth": 101, "limit": 100}"#),
    // Codes of the state of a campaign or a resource.
    entry("preflight_failed", &[409], "Phases that must be ready lack a valid config; nothing was started.", "nothing was started, since a valid config is missing for analysis: analysis: there is no config: store one")
        .with(r#"{"ready": false, "missingPhases": ["analysis"], "errors": [{"phase": "analysis", "pointer": "", "keyword": "config_missing", "message": "there is no config: store one"}], "totalErrors": 1}"#),
    entry("pipeline_changed", &[409], "The pipeline has other phases now than the campaign.", "pipeline lead_generation has other phases now than this campaign, so it can't go on: register the pipeline as it was, or create a new campaign")
        .with(r#"{"pipeline": "lead_generation"}"#),
    entry("phase_locked", &[409], "A phase that runs, is paused or is passed can't be changed.", "analysis is running, so it can't be changed: stop it first")
        .with(r#"{"phase": "analysis", "state": "running"}"#),
    entry("phase_started", &[409], "The config of a phase that has started can't be taken away.", "analysis is stopped, so its config can't be removed: configure it anew, or restart it with another config")
        .with(r#"{"phase": "analysis", "state": "stopped"}"#),
    entry("out_of_order", &[409], "Another phase is the one to start.", "analysis can't start now: domain_generation comes first")
        .with(r#"{"phase": "analysis", "state": "not_started", "expected": "domain_generation"}"#),
    entry("input_changed", &[409], "What the paused phase works with has changed, and it can't continue with the change.", "a config or resource that dns_validation works with has changed, and it can't continue with the change: restart it to begin afresh")
        .with(r#"{"phase": "dns_validation"}"#),
    entry("skip_forbidden", &[409], "The pipeline doesn't let the phase be skipped.", "dns_validation can't be skipped: its pipeline forbids it")
        .with(r#"{"phase": "dns_validation"}"#),
    entry("nothing_left", &[409], "The phase is the last that is left to run, so it can't be skipped.", "analysis can't be skipped: it is the last phase that is left to run")
        .with(r#"{"phase": "analysis"}"#),
    entry("already_running", &[409], "A phase runs already.", "domain_generation is running already: wait for it, or pause or stop it first")
        .with(r#"{"phase": "domain_generation"}"#),
    entry("paused", &[409], "The phase is paused.", "domain_generation is paused: resume it, or restart it to begin afresh")
        .with(r#"{"phase": "domain_generation"}"#),
    entry("not_started", &[409], "The phase has not run yet, so it can't begin afresh.", "analysis has not started yet, so there is nothing to restart: start it")
        .with(r#"{"phase": "analysis"}"#),
    entry("pausing", &[409], "A pause is under way.", "domain_generation is pausing: wait until it is paused, then resume it")
        .with(r#"{"phase": "domain_generation"}"#),
    entry("stopping", &[409], "A stop is under way.", "domain_generation is stopping: wait until it is stopped, then start it")
        .with(r#"{"phase": "domain_generation"}"#),
    entry("not_running", &[409], "Nothing runs that could be paused or stopped.", "nothing to pause or stop: the campaign is idle")
        .with(r#"{"state": "idle"}"#),
    entry("not_paused", &[409], "Nothing is paused that could be resumed.", "nothing to resume: the campaign is idle")
        .with(r#"{"state": "idle"}"#),
    entry("resource_in_use", &[409], "Phases that have not completed refer to the resource; at most 100 of them are listed.", "dns_persona careful is used by dns_validation of spring: configure those phases anew, or delete their campaigns")
        .with(r#"{"usedBy": [{"campaignId": "0198a3c1-5b52-7c4e-9f5a-1d2e3f405162", "name": "spring", "phase": "dns_validation"}]}"#),
    // Codes of probes.
    entry("probe_unsupported", &[404], "Resources of that kind can't be probed.", "resources of the kind note can't be probed: no pipeline has a probe of them")
        .with(r#"{"kind": "note"}"#),
    entry("probe_input_invalid", &[400], "The probe's input is wrong under its schema.", "the input of the probe is wrong: /domain: \"\" is shorter than 1 character")
        .with(r#"{"errors": [{"pointer": "/domain", "keyword": "minLength", "message": "\"\" is shorter than 1 character"}]}"#),
    entry("probe_failed", &[502], "The look-up or request could not be made.", "the probe of proxy office failed: the proxy can't be reached (proxy_unreachable)")
        .with(r#"{"resource": {"kind": "proxy", "id": "office"}, "failure": {"code": "proxy_unreachable", "message": "the proxy can't be reached"}}"#),
    // Codes of the server.
    entry("internal_error", &[500], "A defect of the server; its log says more.", "something went wrong here: the server's log says what"),
    entry("damaged", &[500], "A stored value is damaged.", "the store is damaged: see the server's log, and run 'phasegate verify'"),
    entry("storage_failed", &[503], "The store can't be used.", "the store can't be used now: see the server's log"),
    entry("shut_down", &[503], "The server is shutting down.", "the engine is shut down: build a new one"),
    entry("too_many_streams", &[503], "As many streams are open as the server allows; Retry-After says when to try again.", "256 streams are open, which is the limit: close some, or try again later"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate::EngineError;
    use serde_json::{Map, Value};
    use std::collections::{BTreeMap, BTreeSet};

    /// Codes of the engine that no answer has: the state of a broken store is for its operator, a stale ticket for its runner, and
    /// what no call asks for can't be refused.
    const NOT_HERE: [&str; 9] = [
        "answer_invalid",
        "closed",
        "fenced",
        "held",
        "lease_held",
        "newer_format",
        "outcome_unknown",
        "resource_conflict",
        "stale_ticket",
    ];

    #[test]
    fn every_code_of_the_engine_is_here_with_its_members() {
        let mut engine: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for code in EngineError::codes() {
            let members = engine.entry(code.code).or_default();
            for member in code.members {
                match *member {
                    "status" => members.extend(["state"]),
                    "problems" => members.extend(["errors", "totalErrors"]),
                    "report" => members.extend(["ready", "missingPhases", "errors", "totalErrors"]),
                    other => members.extend([other]),
                }
            }
        }
        for code in NOT_HERE {
            assert!(engine.remove(code).is_some(), "{code}");
        }
        for (code, members) in engine {
            let entry = find(code).unwrap_or_else(|| panic!("{code} is missing"));
            let example: Map<String, Value> = serde_json::from_str(entry.members).expect("it is an object");
            let shown: BTreeSet<_> = example.keys().map(String::as_str).collect();
            assert_eq!(shown, members, "{code}");
        }
    }
}
