//! Measurements: `cargo run --release --package phasegate-bench -- NAME`, or without a name all of them.
//!
//! Each prints a table, and what it compares it measures in the same run. They say how fast this machine was at that
//! moment; no test asserts a time.

mod chain;
mod dns;
mod hosts;
mod http;
mod memory;
mod million;
mod open;
mod programs;
mod runtime;
mod server;
mod table;
mod writes;

use std::process::ExitCode;

/// One measurement. A new one is a module, and an entry in [`BENCHES`].
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn() -> anyhow::Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "open",
        about: "opening a file with 100,000 campaigns after its process was killed, and after it was closed",
        run: open::bench,
    },
    Bench {
        name: "writes",
        about: "commits and batches of records by how many write at once, in redb and in memory",
        run: writes::bench,
    },
    Bench {
        name: "chain",
        about: "chains of four phases that do nothing, and appends of 10 records, by how many campaigns are under way at once; \
                `cargo xtask bench-before REV` compares them with an earlier revision",
        run: chain::bench,
    },
    Bench {
        name: "million",
        about: "one million domains generated and read back, with the peak of memory",
        run: million::bench,
    },
    Bench {
        name: "dns",
        about: "200,000 domains looked up at a server of this machine, beside dnsperf, and through a SOCKS5 proxy; Debian's dnsperf, \
                nsd and microsocks must be installed before",
        run: dns::bench,
    },
    Bench {
        name: "http",
        about: "20,000 pages requested from a server of this machine, beside wrk, and 200 large ones with the peak of memory; Debian's \
                wrk, nginx-light and nsd must be installed before",
        run: http::bench,
    },
    Bench {
        name: "hosts",
        about: "a call, a phase and 100,000 records in Rust and in the other hosts, whose packages must be built before",
        run: hosts::bench,
    },
    Bench {
        name: "server",
        about: "a run on a server with 500 slow sockets and 200 stalled event streams, beside one without; the release binary of \
                phasegate must be built before",
        run: server::bench,
    },
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What a measurement starts itself as: to be killed, or to measure in a process of its own.
    match arguments.split_first() {
        Some((child, [path])) if child == open::CHILD => {
            open::fill(path.as_ref())?;
            return Ok(ExitCode::SUCCESS);
        }
        Some((child, rest)) if child == chain::CHILD => return phasegate_bench_chain::run(rest),
        _ => {}
    }
    let unknown = arguments
        .iter()
        .find(|name| BENCHES.iter().all(|bench| bench.name != name.as_str()));
    if let Some(unknown) = unknown {
        eprintln!("error: there is no measurement `{unknown}`\n\nMeasurements:");
        for Bench { name, about, .. } in BENCHES {
            eprintln!("  {name:<8}{about}");
        }
        return Ok(ExitCode::from(2));
    }
    for bench in BENCHES {
        if arguments.is_empty() || arguments.iter().any(|name| name == bench.name) {
            println!("\n{}: {}\n", bench.name, bench.about);
            (bench.run)()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
