//! The zones that the DNS servers serve, of the reserved domain `example` (RFC 2606).

use std::fmt::Write as _;
use std::fs;

use crate::harness::folder::Folder;
use crate::harness::process::{program, run};
use crate::harness::table::Row;

/// The zone that most names are in.
pub const ORIGIN: &str = "shops.example";
/// A name that has an address in every zone of the tests.
pub const PRESENT: &str = "four.shops.example";

/// What an authoritative server says of the names of [`shops`], and of a name that isn't its own.
pub const AUTHORITATIVE: &[Row] = &[
    ("four.shops.example", "resolved 192.0.2.4"),
    ("six.shops.example", "resolved 2001:db8::6"),
    ("both.shops.example", "resolved 192.0.2.10 2001:db8::10"),
    ("many.many.shops.example", "resolved 192.0.2.7"),
    ("missing.shops.example", "no_such_name (no_such_name)"),
    ("text.shops.example", "no_address (no_data)"),
    // RFC 4592, section 2.2.2: a name between the zone and its names exists, and has nothing.
    ("many.shops.example", "no_address (no_data)"),
    ("alias.shops.example", "resolved 192.0.2.4"),
    // RFC 6604, section 3: the response code is about the last name.
    ("dangling.shops.example", "no_address (alias_to_no_such_name)"),
    ("loop-a.shops.example", "no_address (alias_loop)"),
    // RFC 2308, section 2.2: a referral is no statement about the name.
    ("www.child.shops.example", "not_answered (referral)"),
    ("chain-1.shops.example", "resolved 192.0.2.21"),
    // RFC 6890, section 2.2.2: 0.0.0.0 leads nowhere.
    ("null.shops.example", "no_address (sink_address)"),
    ("elsewhere.example", "refused (refused)"),
];

/// The addresses of the name `big`: too many for a datagram. BIND takes no zone with more for one name.
pub const MANY: u16 = 100;

/// The text of the zone `shops.example`.
pub fn shops() -> String {
    let mut zone = String::from(
        "$ORIGIN shops.example.\n$TTL 60\n\
         @ SOA ns.shops.example. root.shops.example. 1 3600 600 86400 60\n\
         @ NS ns\nns A 127.0.0.1\n\
         four A 192.0.2.4\nsix AAAA 2001:db8::6\nboth A 192.0.2.10\nboth AAAA 2001:db8::10\n\
         text TXT \"no address\"\n*.many A 192.0.2.7\n\
         alias CNAME four\ndangling CNAME missing\nloop-a CNAME loop-b\nloop-b CNAME loop-a\n\
         child NS ns.child\nns.child A 127.0.0.1\n\
         null A 0.0.0.0\nprivate A 10.1.2.3\npublic A 192.88.99.1\n",
    );
    for link in 1..=20 {
        writeln!(zone, "chain-{link} CNAME chain-{}", link + 1).unwrap();
    }
    zone += "chain-21 A 192.0.2.21\n";
    for number in 1..=MANY {
        writeln!(zone, "big A 198.51.100.{number}").unwrap();
    }
    zone
}

/// Many names that resolve.
pub fn many(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("n{number}.many.shops.example"))
        .collect()
}

/// A signed zone, and the trust anchor for it.
pub struct Signed {
    pub zone: String,
    pub anchor: String,
}

/// Signs a zone `signed.example` with a key of its own: `good` has a right signature, and `broken` one of another address.
pub fn signed() -> Signed {
    let folder = Folder::new();
    let zone = "$ORIGIN signed.example.\n$TTL 60\n\
         @ SOA ns.signed.example. root.signed.example. 1 3600 600 86400 60\n\
         @ NS ns\nns A 127.0.0.1\n\
         good A 192.0.2.30\nbroken A 192.0.2.31\n";
    folder.write("zone", zone);
    let algorithm = ["-a", "ECDSAP256SHA256"];
    let mut keygen = program("dnssec-keygen", "bind9-utils");
    run(keygen
        .args(algorithm)
        .args(["-f", "KSK", "-K"])
        .arg(folder.path())
        .arg("signed.example"));
    let key = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "key"))
        .expect("a key was made");
    let anchor = fs::read_to_string(key).unwrap();
    // One key signs both the keys and the names.
    let mut signzone = program("dnssec-signzone", "bind9-utils");
    run(signzone.current_dir(folder.path()).args([
        "-S",
        "-z",
        "-o",
        "signed.example",
        "-f",
        "signed",
        "zone",
    ]));
    let signed = fs::read_to_string(folder.path().join("signed")).unwrap();
    assert!(signed.contains("192.0.2.31"), "{signed}");
    Signed {
        zone: signed.replace("192.0.2.31", "192.0.2.32"),
        anchor: anchor.lines().filter(|line| !line.starts_with(';')).collect(),
    }
}
