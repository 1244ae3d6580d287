//! The sizes that the engine and every store accept. Beyond one of them stands a typed error, never a truncation.

/// The largest config, as canonical JSON, in bytes.
pub const MAX_CONFIG_BYTES: usize = 256 * 1024;
/// The largest resource document, as canonical JSON, in bytes.
pub const MAX_RESOURCE_BYTES: usize = 64 * 1024;
/// The largest record, as JSON text, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// The largest summary of a completed run, as JSON text, in bytes.
pub const MAX_SUMMARY_BYTES: usize = 64 * 1024;
/// The largest checkpoint, as JSON text, in bytes.
pub const MAX_CHECKPOINT_BYTES: usize = 64 * 1024;
/// The largest event, as JSON text, in bytes, apart from the summary that it may carry.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;
/// The largest batch of records that one append takes, in bytes over all its records.
pub const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;
/// The longest name of a campaign, in characters.
pub const MAX_NAME_CHARS: usize = 200;
/// The longest message of a failure, in characters; a longer one is cut, with an ellipsis.
pub const MAX_FAILURE_CHARS: usize = 4_000;
/// How many problems a list carries at most; it always tells the total.
pub const MAX_PROBLEMS: usize = 100;
/// How many resources one config may refer to.
pub const MAX_RESOURCES_PER_CONFIG: usize = 200;
/// How many phases a pipeline may have.
pub const MAX_PHASES: usize = 100;
/// The longest idempotency key, in bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
/// The largest outcome that an idempotency key is remembered with by itself, as JSON text, in bytes.
pub const MAX_OUTCOME_BYTES: usize = 64 * 1024;
/// How deeply a config, resource or record may be nested.
pub const MAX_JSON_DEPTH: usize = 100;
