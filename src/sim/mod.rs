//! The program in a simulated world: the real command, reports, engine, resolver, queue and loop over [`os`](crate::os),
//! whose other side is played by [`world`]. A seed makes up a world and a command line ([`plan`]); what came of it is held
//! against what the world knows ([`judge`]).
//!
//! A failing seed prints itself. To run it alone:
//!
//! ```text
//!     UPCHECK_SIM_SEED=1234 cargo test --lib sim
//! ```
//!
//! `UPCHECK_SIM_SEEDS=10000` runs so many; without it there are as many as a moment allows.

mod judge;
mod names;
mod owners;
mod plan;
mod random;
#[cfg(feature = "tls")]
mod tls;
pub mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use judge::judge;
use plan::plan;

/// How many seeds are run where nobody says.
const SEEDS: u64 = 300;

/// Runs one seed: what is wrong with what came of it.
fn run(seed: u64) -> Vec<String> {
    let plan::Plan { world, flags, lines, .. } = &mut plan(seed);
    let folder = std::env::temp_dir();
    let file = folder.join(format!("upcheck-sim-{}-{seed}", std::process::id()));
    std::fs::write(&file, lines.join("\n")).expect("a file in the temporary folder");
    let mut arguments = std::mem::take(flags);
    arguments.extend(["-f".to_owned(), file.display().to_string()]);
    let world = std::mem::replace(world, world::World::new(0));
    let ran = catch_unwind(AssertUnwindSafe(|| world::run(world, || crate::command::check::run_alone(arguments))));
    std::fs::remove_file(&file).expect("it was made above");
    match ran {
        Ok((result, world)) => judge(plan(seed), &result, &world),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            vec![format!("it panicked: {}", said.unwrap_or_default())]
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number of seeds, or a seed"))
}

/// Runs the seeds of one of two halves.
fn run_half(half: u64) {
    if let Some(seed) = number("UPCHECK_SIM_SEED") {
        let wrong = run(seed);
        assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
        return;
    }
    let seeds = number("UPCHECK_SIM_SEEDS").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    for seed in (0..seeds).filter(|seed| seed % 2 == half) {
        let wrong = run(seed);
        if !wrong.is_empty() {
            failed.push(format!("seed {seed} (UPCHECK_SIM_SEED={seed} runs it alone):\n  {}", wrong.join("\n  ")));
        }
        if failed.len() == 5 {
            break;
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

// Two, so that two processors have something to do.

#[test]
fn nobody_healthy_is_down_in_any_world_of_an_even_seed() {
    run_half(0);
}

#[test]
fn nobody_healthy_is_down_in_any_world_of_an_odd_seed() {
    run_half(1);
}

/// A failing seed is worth nothing if it does not fail again.
#[test]
fn a_seed_makes_the_same_run_each_time() {
    let outputs = [(); 2].map(|()| {
        let plan::Plan { world, mut flags, lines, .. } = plan(42);
        flags.extend(lines.iter().filter_map(|line| line.split(' ').next().map(str::to_owned)));
        let (result, world) = world::run(world, || crate::command::check::run_alone(flags));
        (result, world.elapsed(), world.polls, String::from_utf8_lossy(&world.output).lines().count())
    });
    assert_eq!(outputs[0], outputs[1]);
    assert!(outputs[0].3 > 1, "{outputs:?}");
}
