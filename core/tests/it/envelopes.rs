//! Who asked and why stands in every event of a decision, and of nobody in what the engine does by itself.

use phasegate_core::{Command, Envelope, Input, Mode, OnSkip, Outcome, Signal};
use serde_json::json;

use crate::driver::{Driver, policy};

fn envelope() -> Envelope {
    Envelope::none()
        .by("ada")
        .and_then(|envelope| envelope.because("it is late"))
        .expect("both are short")
        .within("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
}

fn fresh() -> Driver {
    Driver::new(Mode::FullSequence, &["a", "b", "c"])
        .configured(&["a", "b", "c"])
        .on_skip("b", OnSkip::Empty)
}

#[test]
fn an_envelope_stands_in_each_event_that_its_input_makes() {
    let running = fresh().skip("b").start("a");
    let report = Signal::Report {
        ticket: running.campaign.ticket().expect("a runs"),
        outcome: Outcome::Completed(json!({})),
        last_batch: None,
        envelope: envelope(),
    };
    let pause = Input::Command {
        command: Command::Pause {},
        envelope: envelope(),
    };
    for (input, count) in [(report.into(), 3), (pause, 1)] {
        let events = running.decide(&running.question(input)).expect("it is accepted");
        assert_eq!(events.len(), count, "{events:?}");
        for event in events {
            assert_eq!(event.envelope, envelope(), "{:?}", event.kind);
        }
    }
}

#[test]
fn what_the_engine_does_by_itself_is_nobodys() {
    let running = fresh().retries("a", policy(3)).start("a");
    let recovered = running.clone().recover(1);
    let settled = running.clone().quiet();
    let woken = running.fail().wake();
    for driver in [recovered, settled, woken] {
        let last = driver.log.last().expect("an event");
        assert!(last.envelope.is_none(), "{:?}", last.kind);
    }
}
