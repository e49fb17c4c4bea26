//! Every lab as the page runs it: its runs trained for as many steps as it says, from its default seed and three others,
//! its claims computed from the same paths of `Session::view`. Prints what was measured; `-- --nocapture` shows it.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use pollster::block_on;
use seqlab::data::built_in;
use seqlab::labs::{ALL, Bound, Claim, Lesson, find};
use seqlab::spec::{ModelSpec, Task};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

/// Workers side by side.
const WORKERS: usize = 2;
/// Seeds besides the default one.
const OTHER_SEEDS: [u32; 3] = [2, 3, 4];
/// How much further from its bound a number may be with another seed: this factor, where the bound is no whole share of it.
const LOOSER: f32 = 1.5;
/// Seconds that all runs of a lab may take on [`WORKERS`] cores, from its default seed.
const SECONDS: f64 = 60.0;

/// Seconds that this thread was given a processor; where the system does not say, seconds since the test began.
fn busy() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = nanoseconds.and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |nanoseconds| nanoseconds * 1e-9)
}

/// What a run's claims read, by path, and the seconds its training took.
type Finished = (Vec<(&'static str, Vec<f32>)>, f64);

/// Trains a run and looks at what the lab's claims read of it.
fn train(lesson: &Lesson, run: usize, chosen: &ModelSpec) -> Finished {
    let started = busy();
    let spec = lesson.run_spec(run, chosen).expect("the settings of a lab go together");
    let probe = if lesson.probe.is_empty() { "The" } else { lesson.probe };
    let built = block_on(Session::new(&spec, built_in(spec.task), probe, &mut Devices::default()));
    let mut session = built.unwrap_or_else(|error| panic!("{} {}: {error:?}", lesson.slug, lesson.runs[run].name)).0;
    for step in 1..=lesson.steps {
        block_on(session.train_step()).expect("the CPU does not fail");
        if step % 100 == 0 || step == lesson.steps {
            let drained = block_on(session.drain()).expect("the CPU does not fail");
            assert!(matches!(drained, Drained::Good(_)), "{} {}: {drained:?}", lesson.slug, lesson.runs[run].name);
        }
    }
    let seconds = busy() - started;
    block_on(session.observe()).expect("the CPU does not fail");
    let paths = lesson.claims.iter().flat_map(|claim| claim.reads).filter(|(of, _)| *of == run);
    let mut view =
        |path: &str| block_on(session.view(path)).unwrap_or_else(|error| panic!("{}: {error}", lesson.slug)).0;
    (paths.map(|(_, path)| (*path, view(path))).collect(), seconds)
}

/// Trains the first `count` runs, first come first served; what each found, in order.
fn train_all(lesson: &Lesson, chosen: &ModelSpec, count: usize) -> Vec<Finished> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= count {
                        break;
                    }
                    let finished = train(lesson, run, chosen);
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((run, finished));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(run, _)| *run);
    found.into_iter().map(|(_, finished)| finished).collect()
}

fn number(claim: &Claim, runs: &[Finished]) -> f32 {
    let read = |(run, path): &(usize, &str)| {
        let numbers = runs[*run].0.iter().find(|(known, _)| known == path);
        numbers.map_or(&[][..], |(_, numbers)| numbers.as_slice())
    };
    (claim.number)(&claim.reads.iter().map(read).collect::<Vec<&[f32]>>())
}

/// The bound for another seed. A share that must be nearly 1 may miss twice as much.
fn looser(bound: Bound) -> Bound {
    match bound {
        Bound::AtLeast(low) if (0.9..1.0).contains(&low) => Bound::AtLeast(1.0 - 2.0 * (1.0 - low)),
        Bound::AtLeast(low) => Bound::AtLeast(low / LOOSER),
        Bound::AtMost(high) => Bound::AtMost(high * LOOSER),
        exactly => exactly,
    }
}

fn shown(bound: Bound) -> String {
    match bound {
        Bound::AtLeast(low) => format!(">= {low:.3}"),
        Bound::AtMost(high) => format!("<= {high:.3}"),
        Bound::Between(low, high) => format!("{low:.3} .. {high:.3}"),
    }
}

#[test]
fn every_lab_shows_what_it_claims() {
    let (mut table, mut missed) = (String::new(), 0);
    for lesson in ALL {
        if std::env::var("LAB").is_ok_and(|only| only != lesson.slug) {
            continue;
        }
        let default = lesson.spec().seed;
        for seed in std::iter::once(default).chain(OTHER_SEEDS) {
            let runs = train_all(lesson, &ModelSpec { seed, ..lesson.spec() }, lesson.runs.len());
            // What two workers share as well as they can.
            let all = || runs.iter().map(|(_, seconds)| *seconds);
            let seconds = all().fold(all().sum::<f64>() / WORKERS as f64, f64::max);
            let each: Vec<String> = runs.iter().map(|(_, seconds)| format!("{seconds:.1}")).collect();
            let _ = writeln!(table, "{}, seed {seed}: {seconds:.1} s (runs: {} s)", lesson.slug, each.join(", "));
            for claim in lesson.claims {
                let bound = if seed == default { claim.bound } else { looser(claim.bound) };
                let measured = number(claim, &runs);
                let holds = bound.holds(measured);
                missed += usize::from(!holds);
                let verdict = if holds { "" } else { "MISSED  " };
                let _ = writeln!(table, "    {measured:10.4}  {:16} {verdict}{}", shown(bound), claim.says);
            }
            if seed == default && seconds > SECONDS {
                let _ = writeln!(table, "    MISSED  more than {SECONDS} s");
            }
        }
    }
    println!("{table}");
    assert_eq!(missed, 0, "claims that do not hold:\n{table}");
}

/// The mean of what was read at a path.
fn mean((numbers, _): &Finished, path: &str) -> f32 {
    let (_, numbers) = numbers.iter().find(|(known, _)| *known == path).expect("a claim reads it");
    numbers.iter().sum::<f32>() / numbers.len() as f32
}

/// As the story of exposure bias has it: where each letter mostly determines the next, scheduled sampling errs more on its own
/// than teacher forcing, and its gap is no smaller, on the average of several seeds.
#[test]
fn among_neighbours_scheduled_sampling_gains_nothing() {
    let lesson = find("exposure-bias").expect("the lab");
    let default = lesson.spec().seed;
    // Free and forced error of teacher forcing, then of scheduled sampling.
    let mut sums = [[0.0; 2]; 2];
    for seed in std::iter::once(default).chain(OTHER_SEEDS) {
        let runs = train_all(lesson, &ModelSpec { seed, task: Task::Chain, ..lesson.spec() }, 2);
        let errors =
            [0, 1].map(|run| ["evaluation/free_error", "evaluation/forced_error"].map(|path| mean(&runs[run], path)));
        println!("seed {seed}: (free, forced) error of teacher forcing and scheduled sampling {errors:.4?}");
        assert!(seed != default || errors[1][0] > 1.1 * errors[0][0], "{errors:?}");
        for (sum, error) in sums.iter_mut().flatten().zip(errors.into_iter().flatten()) {
            *sum += error;
        }
    }
    let [[free, forced], [scheduled_free, scheduled_forced]] = sums;
    let (errors, gaps) = (scheduled_free / free, (scheduled_free - scheduled_forced) / (free - forced));
    println!("scheduled sampling over teacher forcing: free error {errors:.2}, gap {gaps:.2}");
    assert!(errors > 1.1 && gaps > 0.9, "{errors} {gaps}");
}
