//! What a person is told where resolvers, and not the domains, are the reason of what a run gives.

use std::net::{SocketAddr, UdpSocket};

use serde_json::{Value, json};

use crate::support::{Workplace, plan};

/// A plan that asks this resolver.
fn asking(resolver: SocketAddr) -> Value {
    let mut plan = plan("full_sequence", 20);
    for persona in ["careful", "quick"] {
        plan["resources"]["dns_persona"][persona] = json!({"resolvers": [resolver.to_string()], "recordTypes": ["A"], "retries": 0, "timeoutMs": 2_000});
    }
    plan
}

/// Answers every query with a response code, for as long as this process lives. Port 0 is any free port.
fn answering(code: u8, port: u16) -> SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", port)).expect("a socket");
    let at = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut message = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut message) {
            message[2..4].copy_from_slice(&[0x81, 0x80 | code]);
            if socket.send_to(&message[..length], from).is_err() {
                return;
            }
        }
    });
    at
}

#[test]
fn a_phase_whose_domains_all_ended_alike_is_warned_of_when_it_ends_and_later() {
    let place = Workplace::new();
    place.plan(&asking(answering(5, 0)));
    let done = place.run(&["run", "plan.json"]).exits_with(0);
    let expected = "Warning: dns_validation: All 20 domains ended alike. The resolver refuses to answer. Look at the DNS persona.\n";
    assert!(done.stdout.contains(expected), "{}", done.stdout);
    let shown = place.run(&["show", "leads"]).exits_with(0);
    assert!(shown.stdout.contains(expected), "{}", shown.stdout);
}

#[test]
fn domains_that_are_all_free_are_no_reason_to_warn() {
    let place = Workplace::new();
    place.plan(&asking(answering(3, 0)));
    let done = place.run(&["run", "plan.json"]).exits_with(0);
    assert!(!done.stdout.contains("Warning"), "{}", done.stdout);
}

#[test]
fn a_resolver_that_is_down_fails_the_phase_which_goes_on_when_it_is_back() {
    let closed = UdpSocket::bind("127.0.0.1:0")
        .expect("a socket")
        .local_addr()
        .expect("an address");
    let place = Workplace::new();
    place.plan(&asking(closed));
    let done = place.run(&["run", "plan.json"]).exits_with(4);
    for part in ["no resolver of the DNS persona", &closed.to_string(), "refused"] {
        assert!(
            done.stdout.contains(part),
            "{part}\n{}\n{}",
            done.stdout,
            done.stderr
        );
    }
    answering(3, closed.port());
    place.run(&["start", "leads"]).exits_with(0);
    assert_eq!(place.records("leads", "dns_validation").len(), 20);
}
