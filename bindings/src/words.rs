//! The words of all interfaces.

use phasegate::core::storage::ActivityKind;
use phasegate::core::{CommandKind, EventType, Intent, SkipReads, StopReason, Trigger};
use phasegate::{CampaignStatus, Mode, OnSkip, PhaseStatus, Reported};
use serde_json::{Value, json};

use crate::codes::ErrorClass;

/// Every list of words by its name, as `schemas/words.json` has them.
pub fn words() -> Value {
    json!({
        "activity": ActivityKind::WORDS,
        "campaign_status": CampaignStatus::WORDS,
        "command": CommandKind::WORDS,
        "error_class": ErrorClass::WORDS,
        "event_type": EventType::WORDS,
        "intent": Intent::WORDS,
        "mode": Mode::WORDS,
        "on_skip": OnSkip::WORDS,
        "phase_status": PhaseStatus::WORDS,
        "reported": Reported::WORDS,
        "skip_reads": SkipReads::WORDS,
        "stop_reason": StopReason::WORDS,
        "trigger": Trigger::WORDS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_words_are_those_of_the_enums() {
        let committed = include_str!("../../schemas/words.json");
        assert!(
            committed == format!("{:#}\n", words()),
            "schemas/words.json is stale: run 'cargo xtask schemas'"
        );
    }
}
