//! A run that is killed, or interrupted, again and again ends with the records of an undisturbed one.
//!
//! `PHASEGATE_KILL_DOMAINS` and `PHASEGATE_KILLS` set how many domains there are and how often it is killed (5,000 and 16
//! unless set; before a release 20,000 and 50), `PHASEGATE_KILL_SEED` the moments.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{PHASES, Workplace, plan};

/// About how long a batch of the DNS phase takes in which a domain is never answered.
const LONGEST_BATCH_MS: u64 = 2_000;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// Pseudo-random numbers (xorshift64, Marsaglia 2003), so that a seed gives the same moments again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// The records of all phases, with the addresses of pages as they are on any port: where another sandbox holds the usual one, this
/// one has another.
fn all_records(place: &Workplace) -> Vec<Vec<Value>> {
    let records = |phase| {
        let records = place.records("leads", phase).into_iter();
        records.map(without_ports).collect()
    };
    PHASES.iter().map(|phase| records(*phase)).collect()
}

fn without_ports(mut record: Value) -> Value {
    for value in record
        .as_object_mut()
        .into_iter()
        .flat_map(|record| record.values_mut())
    {
        if let Some((host, path)) = value.as_str().and_then(host_and_path) {
            *value = format!("http://{host}{path}").into();
        }
    }
    record
}

/// Takes `http://HOST:PORT/PATH` apart, and returns its host and path.
fn host_and_path(address: &str) -> Option<(&str, &str)> {
    let (host, rest) = address.strip_prefix("http://")?.split_once(':')?;
    let path = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    (!host.contains('/') && path.len() < rest.len()).then_some((host, path))
}

/// Runs the plan to its end, disturbed by `signal` after random parts of the time that the undisturbed run took.
fn disturbed(domains: u64, took: Duration, signal: &str, times: u64, random: &mut Random) -> Workplace {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", domains));
    let window = (took.as_millis() as u64 * 2 / times).max(LONGEST_BATCH_MS * 2);
    let (mut survived, mut is_there) = (0, false);
    for _ in 0..times {
        let running = place.start(&["run", "plan.json", "--sandbox", "--json"]);
        let patience = Duration::from_millis(random.below(window));
        let (tell, ended) = mpsc::channel();
        std::thread::scope(|scope| {
            let pid = running.child.id();
            scope.spawn(move || tell.send(running.end()));
            // The moment is what is random here: nothing is waited for.
            if let Ok(code) = ended.recv_timeout(patience) {
                assert_eq!(code, Some(0), "undisturbed, it runs to its end");
                return;
            }
            let sent = std::process::Command::new("kill")
                .args([signal, &pid.to_string()])
                .status();
            survived += u64::from(sent.is_ok_and(|sent| sent.success()));
        });
        // The signal may come before there is a campaign. Once there is one, it stays.
        is_there |= place.run(&["show", "leads"]).code != 2;
        if is_there && place.statuses("leads").0 == "completed" {
            break;
        }
    }
    if !is_there || place.statuses("leads").0 != "completed" {
        place.run_plan().exits_with(0);
    }
    println!("{survived} of {times} signals {signal} came while it ran");
    place
}

#[test]
fn a_run_that_is_killed_or_interrupted_at_any_moment_ends_with_the_records_of_an_undisturbed_one() {
    let domains = setting("PHASEGATE_KILL_DOMAINS", 5_000);
    let times = setting("PHASEGATE_KILLS", 16);
    let mut random = Random(setting("PHASEGATE_KILL_SEED", 1_123));

    let undisturbed = Workplace::new();
    undisturbed.plan(&plan("full_sequence", domains));
    let begun = Instant::now();
    undisturbed.run_plan().exits_with(0);
    let took = begun.elapsed();
    println!("undisturbed, {domains} domains take {took:.1?}");
    let expected = all_records(&undisturbed);
    assert_eq!(expected[0].len() as u64, domains);

    for (signal, times) in [("-KILL", times), ("-INT", times.div_ceil(3))] {
        let place = disturbed(domains, took, signal, times, &mut random);
        for (phase, (actual, expected)) in PHASES.iter().zip(all_records(&place).iter().zip(&expected)) {
            assert_eq!(actual.len(), expected.len(), "records of {phase} after {signal}");
            for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
                assert_eq!(actual, expected, "record {index} of {phase} after {signal}");
            }
        }
        place.run(&["verify", "phasegate.redb"]).exits_with(0);
        let restarts = place.view("leads")["phases"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["run"] != 1)
            .count();
        assert_eq!(restarts, 0, "each phase goes on with its run");
    }
}
