//! Several engines on one store, whatever happens to them.

mod defects;
mod press;

use press::simulation;

#[test]
fn two_engines_keep_every_promise_whatever_happens() {
    simulation().engines(2).seeds(200).run();
}

#[test]
fn three_engines_keep_every_promise_whatever_happens() {
    simulation().engines(3).seeds(100).run();
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in 0..5 {
        let trace = || {
            simulation()
                .engines(3)
                .trace(seed)
                .expect("it keeps every promise")
        };
        let first = trace();
        assert!(first.lines().count() > 10, "something happens: {first}");
        assert!(first == trace(), "seed {seed} gives other bytes the second time");
    }
    let of = |seed| simulation().trace(seed).expect("it keeps every promise");
    assert_ne!(of(1), of(2));
}
