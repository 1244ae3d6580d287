//! The pattern of a config: its digits and their places, its capacity, and its problems.

use num_bigint::BigUint;
use phasegate::FieldProblem;
use url::Url;

use super::config::{Config, PatternType};
use super::odometer::Odometer;

/// The longest label of a DNS name, in characters (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;
/// The longest DNS name as text, in characters: 255 octets on the wire (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
/// What an A-label begins with (RFC 5890, section 2.3.2.1).
const A_LABEL: &str = "xn--";
/// How many labels a check tries at most: more would keep whoever asks waiting.
const MAX_TRIED: u64 = 10_000;

/// A config in the form that domains are generated from: in lower case and without repetitions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern {
    /// The digits in base N, the first of them zero. ASCII letters and digits.
    pub(crate) digits: Vec<u8>,
    /// How many digits stand before the constant.
    pub(crate) before: usize,
    /// The fixed part.
    pub(crate) constant: String,
    /// How many digits stand after the constant.
    pub(crate) after: usize,
    /// The top-level domain, with no dot before it.
    pub(crate) tld: String,
}

impl Pattern {
    pub(crate) fn new(config: &Config) -> Self {
        let mut digits = Vec::new();
        for digit in config.character_set.as_str().to_ascii_lowercase().bytes() {
            if !digits.contains(&digit) {
                digits.push(digit);
            }
        }
        let length = config.variable_length.size();
        let (before, after) = match config.pattern_type {
            PatternType::Prefix => (length, 0),
            PatternType::Suffix => (0, length),
            PatternType::Both => (length, length),
        };
        let constant = config.constant_string.as_ref().map_or("", |text| text.as_str());
        let tld = config.tld.as_str();
        Self {
            digits,
            before,
            constant: constant.to_ascii_lowercase(),
            after,
            tld: tld.strip_prefix('.').unwrap_or(tld).to_ascii_lowercase(),
        }
    }

    /// How many digits a label has: L.
    pub(crate) fn positions(&self) -> usize {
        self.before + self.after
    }

    /// How many domains the pattern has: N^L, exactly.
    pub(crate) fn capacity(&self) -> BigUint {
        let exponent = u32::try_from(self.positions()).unwrap_or(u32::MAX);
        BigUint::from(self.digits.len()).pow(exponent)
    }

    fn label_length(&self) -> usize {
        self.positions() + self.constant.len()
    }

    /// The problems of the config that its schema can't express. Without any, all its domains are valid DNS names.
    pub(crate) fn problems(&self, config: &Config) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let length = self.label_length();
        if length > MAX_LABEL {
            let parts = match config.pattern_type {
                PatternType::Both => "twice variable_length",
                _ => "variable_length",
            };
            let message = format!(
                "a label would have {length} characters ({parts} and constant_string); at most {MAX_LABEL} may be: \
                 shorten one of them"
            );
            problems.push(FieldProblem::new("/variable_length", "label_too_long", message));
        }
        if length + 1 + self.tld.len() > MAX_NAME {
            let message = format!(
                "a domain would have {} characters; at most {MAX_NAME} may be: choose a shorter tld",
                length + 1 + self.tld.len()
            );
            problems.push(FieldProblem::new("/tld", "name_too_long", message));
        }
        if self.before == 0 && self.constant.starts_with('-') {
            let message =
                "every label would begin with a hyphen: let constant_string begin with a letter or digit";
            problems.push(FieldProblem::new("/constant_string", "hyphen_at_edge", message));
        }
        if self.after == 0 && self.constant.ends_with('-') {
            let message =
                "every label would end with a hyphen: let constant_string end with a letter or digit";
            problems.push(FieldProblem::new("/constant_string", "hyphen_at_edge", message));
        }
        problems.extend(self.capacity_problem(config));
        if problems.is_empty() {
            problems.extend(self.a_label_problem(config));
        }
        problems
    }

    /// The problem that every domain has an `xn--` label that is no A-label: no client would request it. There is none where
    /// too many labels would have to be tried to be sure.
    fn a_label_problem(&self, config: &Config) -> Option<FieldProblem> {
        if !can_be_requested(&format!("a.{}", self.tld)) {
            let message = format!(
                "no client requests a domain under {}: a label that begins with {A_LABEL} must be an A-label, and one of \
                 its labels is none: check its spelling",
                self.tld
            );
            return Some(FieldProblem::new("/tld", "no_a_label", message));
        }
        if self.before > 0 || !self.constant.starts_with(A_LABEL) {
            return None;
        }
        let (start, wanted) = (config.offset_start.get(), config.num_domains.get());
        // The last character of an A-label ends a number of Punycode, which no digit can: it is below a threshold of at most
        // 26, and digits stand for 26 and above (RFC 3492, sections 3.3 and 5).
        if !self.digits.iter().all(u8::is_ascii_digit) {
            if wanted > MAX_TRIED {
                return None;
            }
            let mut odometer = Odometer::new(self, start)?;
            for _ in 0..wanted {
                if can_be_requested(&odometer.domain()) {
                    return None;
                }
                odometer.advance();
            }
        }
        let message = format!(
            "labels that begin with {A_LABEL} must be A-labels, and none of these {wanted} is one: let constant_string begin \
             with something else"
        );
        Some(FieldProblem::new("/constant_string", "no_a_label", message))
    }

    fn capacity_problem(&self, config: &Config) -> Option<FieldProblem> {
        let capacity = self.capacity();
        let start = BigUint::from(config.offset_start.get());
        let wanted = BigUint::from(config.num_domains.get());
        let (base, positions) = (self.digits.len(), self.positions());
        if start >= capacity {
            let message = format!(
                "the capacity is {capacity} ({base} characters at {positions} positions), so the last offset is {}",
                &capacity - 1_u32
            );
            return Some(FieldProblem::new("/offset_start", "capacity_exceeded", message));
        }
        let left = &capacity - &start;
        if wanted > left {
            let message = format!(
                "the capacity is {capacity} ({base} characters at {positions} positions); from offset {start} on, \
                 {left} domains are left"
            );
            return Some(FieldProblem::new("/num_domains", "capacity_exceeded", message));
        }
        None
    }
}

/// Whether a client requests this domain: whether each of its labels that looks like an A-label is one (UTS #46).
fn can_be_requested(domain: &str) -> bool {
    Url::parse(&format!("http://{domain}/")).is_ok()
}
