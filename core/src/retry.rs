//! When a failed phase is tried again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::Ticket;
use crate::json::Digest;
use crate::limits::{MAX_FAILURE_CODE_CHARS, MAX_FINAL_CODES, MAX_RETRY_TRIES};

/// The longest delay before a retry, in milliseconds: 30 days.
pub const MAX_RETRY_DELAY_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// When a failed phase is tried again by itself. Without a policy it is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryPolicy {
    /// How many tries there are in all without progress between them, the first included: 1 to 1,000. With 1 there is no retry.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_RETRY_TRIES)))]
    pub max_tries: u32,
    /// The delay before the first retry, in milliseconds, at most 30 days.
    #[cfg_attr(feature = "schema", schemars(range(max = MAX_RETRY_DELAY_MS)))]
    #[serde(default = "default_initial_delay_ms")]
    pub initial_delay_ms: u64,
    /// What each further delay is multiplied with: 1 to 10.
    #[cfg_attr(feature = "schema", schemars(range(min = 1.0, max = 10.0)))]
    #[serde(default = "default_factor")]
    pub factor: f64,
    /// The longest delay, in milliseconds, at most 30 days.
    #[cfg_attr(feature = "schema", schemars(range(max = MAX_RETRY_DELAY_MS)))]
    #[serde(default = "default_max_delay_ms")]
    pub max_delay_ms: u64,
    /// The part of a delay, 0 to 1, that may be left out of it, so that what failed together is not tried together.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    #[serde(default = "default_jitter")]
    pub jitter: f64,
    /// The codes of failures that are never tried again; at most 100.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_FINAL_CODES)))]
    #[serde(default, rename = "final", skip_serializing_if = "Vec::is_empty")]
    pub final_codes: Vec<String>,
}

const fn default_initial_delay_ms() -> u64 {
    1_000
}

const fn default_factor() -> f64 {
    2.0
}

const fn default_max_delay_ms() -> u64 {
    5 * 60 * 1_000
}

const fn default_jitter() -> f64 {
    0.5
}

/// The failures that no policy is asked about: a retry would only meet them again.
const ALWAYS_FINAL: [&str; 6] = [
    "config_invalid",
    "pipeline_changed",
    "input_changed",
    "form_invalid",
    "deadline_passed",
    "crash_loop",
];

impl RetryPolicy {
    /// This many tries, with the default delays: 1 s, doubling up to 5 minutes, each shortened by up to a half.
    pub fn new(max_tries: u32) -> Self {
        Self {
            max_tries,
            initial_delay_ms: default_initial_delay_ms(),
            factor: default_factor(),
            max_delay_ms: default_max_delay_ms(),
            jitter: default_jitter(),
            final_codes: Vec::new(),
        }
    }

    /// What is wrong with the policy, as a sentence; `None` for one that can be used.
    pub fn problem(&self) -> Option<String> {
        let in_days = |ms: u64| ms <= MAX_RETRY_DELAY_MS;
        if !(1..=MAX_RETRY_TRIES).contains(&(self.max_tries as usize)) {
            Some(format!(
                "maxTries is 1 to {MAX_RETRY_TRIES}, not {}",
                self.max_tries
            ))
        } else if !in_days(self.initial_delay_ms) || !in_days(self.max_delay_ms) {
            Some(format!(
                "a delay is at most {MAX_RETRY_DELAY_MS} ms, which are 30 days"
            ))
        } else if !(1.0..=10.0).contains(&self.factor) {
            Some(format!("factor is 1 to 10, not {}", self.factor))
        } else if !(0.0..=1.0).contains(&self.jitter) {
            Some(format!("jitter is 0 to 1, not {}", self.jitter))
        } else if self.final_codes.len() > MAX_FINAL_CODES {
            Some(format!(
                "final has at most {MAX_FINAL_CODES} codes, not {}",
                self.final_codes.len()
            ))
        } else if self
            .final_codes
            .iter()
            .any(|code| code.chars().count() > MAX_FAILURE_CODE_CHARS)
        {
            Some(format!(
                "a code of a failure has at most {MAX_FAILURE_CODE_CHARS} characters"
            ))
        } else {
            None
        }
    }

    /// Whether a failure with this code is tried again.
    pub(crate) fn covers(&self, code: &str) -> bool {
        !ALWAYS_FINAL.contains(&code) && !self.final_codes.iter().any(|last| last == code)
    }

    /// The delay after this many failed tries, in milliseconds. It is the same each time: the jitter is a hash of the ticket.
    pub(crate) fn delay_ms(&self, tries: u32, ticket: &Ticket) -> u64 {
        let longest = self.max_delay_ms as f64;
        let mut delay = self.initial_delay_ms as f64;
        for _ in 1..tries.min(MAX_RETRY_TRIES as u32) {
            if delay >= longest {
                break;
            }
            delay *= self.factor;
        }
        let shortened = delay.min(longest) * (1.0 - self.jitter * fraction(ticket));
        shortened as u64
    }
}

/// A number from 0 up to but not including 1 that only depends on the ticket.
fn fraction(ticket: &Ticket) -> f64 {
    let digest = Digest::of(&Value::String(ticket.to_string()));
    let [first, second, third, fourth, ..] = digest.to_hash();
    let bits = u32::from_be_bytes([first, second, third, fourth]);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Attempt, CampaignId, PhaseName, Run};

    fn ticket(attempt: u32) -> Ticket {
        Ticket {
            campaign: CampaignId::from_u128(1),
            phase: PhaseName::new("send").expect("a valid name"),
            run: Run(1),
            attempt: Attempt(attempt),
        }
    }

    #[test]
    fn delays_grow_by_their_factor_up_to_the_longest() {
        let policy = RetryPolicy {
            jitter: 0.0,
            max_delay_ms: 10_000,
            factor: 3.0,
            ..RetryPolicy::new(1_000)
        };
        let delays: Vec<u64> = [1, 2, 3, 4, 1_000]
            .map(|tries| policy.delay_ms(tries, &ticket(1)))
            .into();
        assert_eq!(delays, [1_000, 3_000, 9_000, 10_000, 10_000]);
    }

    #[test]
    fn jitter_shortens_a_delay_by_its_part_at_most_and_spreads_tickets() {
        let policy = RetryPolicy {
            jitter: 0.25,
            ..RetryPolicy::new(3)
        };
        let delays: Vec<u64> = (1..=200)
            .map(|attempt| policy.delay_ms(1, &ticket(attempt)))
            .collect();
        assert!(
            delays.iter().all(|delay| (750..=1_000).contains(delay)),
            "{delays:?}"
        );
        assert!(
            delays.iter().min() < Some(&780) && delays.iter().max() > Some(&970),
            "{delays:?}"
        );
        assert_eq!(policy.delay_ms(1, &ticket(7)), policy.delay_ms(1, &ticket(7)));
    }

    #[test]
    fn a_policy_out_of_its_ranges_says_which() {
        let good = RetryPolicy::new(1);
        assert_eq!(good.problem(), None);
        for (bad, word) in [
            (RetryPolicy::new(0), "maxTries"),
            (RetryPolicy::new(1_001), "maxTries"),
            (
                RetryPolicy {
                    factor: f64::NAN,
                    ..good.clone()
                },
                "factor",
            ),
            (
                RetryPolicy {
                    factor: 0.5,
                    ..good.clone()
                },
                "factor",
            ),
            (
                RetryPolicy {
                    jitter: 1.5,
                    ..good.clone()
                },
                "jitter",
            ),
            (
                RetryPolicy {
                    max_delay_ms: u64::MAX,
                    ..good.clone()
                },
                "30 days",
            ),
            (
                RetryPolicy {
                    final_codes: vec!["x".repeat(64)],
                    ..good.clone()
                },
                "code",
            ),
        ] {
            let problem = bad.problem().expect("it is wrong");
            assert!(problem.contains(word), "{problem}");
        }
    }
}
