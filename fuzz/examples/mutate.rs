//! Runs a target on mutations of its corpus, where there is no nightly toolchain for cargo-fuzz:
//!
//! `cargo run -p phasegate-fuzz --example mutate -- TARGET COUNT [SEED]`

use std::path::Path;
use std::process::ExitCode;

use phasegate_fuzz::TARGETS;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % end.max(1)
    }
}

/// Changes one place: a byte flipped or replaced, a piece removed, repeated, or taken from another input.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    const NOTABLE: &[u8] = b"\0\xff09-+.eE{}[]\",:\\/ aZ\n~";
    let at = random.below(bytes.len());
    let end = (at + random.below(16)).min(bytes.len());
    match random.below(6) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = NOTABLE[random.below(NOTABLE.len())],
        2 => bytes.insert(at, NOTABLE[random.below(NOTABLE.len())]),
        3 => drop(bytes.drain(at..end)),
        4 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
        _ => {
            let from = random.below(other.len());
            let to = (from + random.below(32)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let target = arguments
        .first()
        .and_then(|name| TARGETS.iter().find(|(known, _)| known == name));
    let (Some((name, target)), Some(count)) = (target, number(1)) else {
        let names = TARGETS.map(|(name, _)| name).join(", ");
        eprintln!("usage: mutate TARGET COUNT [SEED]\ntargets: {names}");
        return ExitCode::from(2);
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut corpus: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect();
    corpus.sort();
    let mut random = Random(number(2).unwrap_or(0));
    for _ in 0..count {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, other, &mut random);
        }
        if std::panic::catch_unwind(|| target(&bytes)).is_err() {
            let found = format!("{name}.finding");
            std::fs::write(&found, &bytes).expect("the folder can be written to");
            eprintln!("the input is in {found}: make it small, mend the fault and put it into the corpus");
            return ExitCode::FAILURE;
        }
    }
    println!("{name}: {count} inputs, nothing found");
    ExitCode::SUCCESS
}
