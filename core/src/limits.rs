//! The limits of the engine and of every store. A value beyond its limit is refused with a typed error, and never cut.
//!
//! `schemas/limits.json` has them all for the hosts in other languages.

/// Declares the limits, each said once, and [`ALL`] of them.
macro_rules! limits {
    ($($(#[$doc:meta])+ $name:ident = $value:expr;)+) => {
        $($(#[$doc])+ pub const $name: usize = $value;)+

        /// Every limit with the name of its constant, in the order of this page.
        pub const ALL: &[(&str, usize)] = &[$((stringify!($name), $name)),+];
    };
}

limits! {
    /// The largest config, as canonical JSON, in bytes.
    MAX_CONFIG_BYTES = 256 * 1024;
    /// The largest resource document, as canonical JSON, in bytes.
    MAX_RESOURCE_BYTES = 64 * 1024;
    /// The largest input of a probe, as canonical JSON, in bytes.
    MAX_PROBE_INPUT_BYTES = 256 * 1024;
    /// The largest record, as JSON text, in bytes.
    MAX_RECORD_BYTES = 64 * 1024;
    /// The largest batch of records that one append takes, in bytes over all its records.
    MAX_BATCH_BYTES = 16 * 1024 * 1024;
    /// The largest page of campaigns, events or records, in bytes, except that one item is always given.
    MAX_PAGE_BYTES = 16 * 1024 * 1024;
    /// The largest summary of a completed run, as canonical JSON, in bytes.
    MAX_SUMMARY_BYTES = 64 * 1024;
    /// The largest checkpoint, as canonical JSON, in bytes.
    MAX_CHECKPOINT_BYTES = 64 * 1024;
    /// The largest event, as JSON text, in bytes, apart from the summary that it may carry.
    MAX_EVENT_BYTES = 64 * 1024;
    /// The largest outcome that an idempotency key is remembered with, as canonical JSON, in bytes.
    MAX_OUTCOME_BYTES = 64 * 1024;
    /// The largest depth of any document: how many lists and objects may be open at once.
    MAX_JSON_DEPTH = 100;
    /// The largest depth of a text that is parsed: a document and what stands around it. `serde_json` has this limit.
    MAX_TEXT_DEPTH = 127;
    /// The longest name of a campaign, in characters.
    MAX_NAME_CHARS = 200;
    /// The longest name of who asks for something, in characters.
    MAX_ACTOR_CHARS = 200;
    /// The longest reason of a request, in characters.
    MAX_REASON_CHARS = 1_000;
    /// How many attributes a campaign may have.
    MAX_ATTRIBUTES = 32;
    /// The longest key of an attribute, in characters.
    MAX_ATTRIBUTE_KEY_CHARS = 64;
    /// The longest value of an attribute, in characters.
    MAX_ATTRIBUTE_VALUE_CHARS = 256;
    /// The longest code of a failure, in characters; a longer one is cut, with an ellipsis.
    MAX_FAILURE_CODE_CHARS = 63;
    /// The longest message of a failure, in characters; a longer one is cut, with an ellipsis.
    MAX_FAILURE_CHARS = 4_000;
    /// The most tries of a retry policy.
    MAX_RETRY_TRIES = 1_000;
    /// How many codes of failures a retry policy may list as final.
    MAX_FINAL_CODES = 100;
    /// The longest note of a phase that waits for a report, in characters; a longer one is cut, with an ellipsis.
    MAX_NOTE_CHARS = 1_000;
    /// The largest form of an answer, as canonical JSON, in bytes.
    MAX_FORM_BYTES = 32 * 1024;
    /// The longest name of a cursor that the store keeps, in bytes.
    MAX_CURSOR_NAME_BYTES = 255;
    /// The longest idempotency key, in bytes.
    MAX_IDEMPOTENCY_KEY_BYTES = 255;
    /// How many problems a list carries at most; it always tells the total.
    MAX_PROBLEMS = 100;
    /// How many resources one config may refer to.
    MAX_RESOURCES_PER_CONFIG = 200;
    /// How many phases a pipeline may have.
    MAX_PHASES = 100;
}

/// The limits as `schemas/limits.json` has them: each by a name such as `config_bytes`, without the common prefix.
pub fn document() -> serde_json::Value {
    let limits = ALL.iter().map(|(name, value)| {
        let name = name.strip_prefix("MAX_").unwrap_or(name).to_lowercase();
        (name, serde_json::Value::from(*value))
    });
    limits.collect::<serde_json::Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_has_every_limit() {
        let committed: serde_json::Value =
            serde_json::from_str(include_str!("../../schemas/limits.json")).expect("it is JSON");
        assert_eq!(
            committed,
            document(),
            "run 'cargo xtask schemas' and commit what it writes"
        );
    }
}
