//! What the page promises about time, measured in the browser and printed: `cargo xtask test e2e`.

use e2e::{Engine, Page, Result, with_page};
use serde_json::Value;

const WORKLOADS: [(&str, &str); 10] = [
    ("W1", "cell: 'lstm', vocab: 64, hidden: 128, steps: 64, batch: 32"),
    ("W2", "cell: 'lstm', vocab: 16, hidden: 32, steps: 20, batch: 16"),
    ("W3", "cell: 'gru', vocab: 64, hidden: 256, steps: 64, batch: 32"),
    ("W4", "cell: 'rnn', vocab: 32, hidden: 64, steps: 100, batch: 16"),
    ("W5", "model: 'attention', query: 'previous', cell: 'gru', vocab: 40, hidden: 64, steps: 12, batch: 32"),
    ("W5b", "model: 'attention', query: 'current', cell: 'gru', vocab: 40, hidden: 64, steps: 12, batch: 32"),
    ("Mamba", "model: 'mamba', state: 16, vocab: 64, hidden: 64, steps: 64, batch: 16"),
    ("S4D", "model: 's4d', modes: 16, vocab: 64, hidden: 64, steps: 64, batch: 16"),
    ("Transformer", "model: 'transformer', vocab: 64, hidden: 64, steps: 64, batch: 16"),
    ("W6", "cell: 'lstm', vocab: 32, hidden: 64, steps: 512, batch: 8"),
];

/// The share of the bound that the workloads W have to reach; the others are measured beside them.
const TARGET: f64 = 0.6;
/// Rounds of the benchmark: of all workloads, and at most, of those that have not reached their share.
const ROUNDS: usize = 3;
const MOST_ROUNDS: usize = 8;

/// The best of the rounds, of the steps and of the bound each by itself: a neighbour on the machine slows the one or the
/// other, and quickens none.
#[derive(Clone, Copy, Default)]
struct Best {
    steps_per_second: f64,
    bound: f64,
}

impl Best {
    fn share(self) -> f64 {
        self.steps_per_second / self.bound
    }
}

async fn measure(page: &Page, workload: &str, seconds: f64) -> Result<Value> {
    page.js(&format!("return await seqlab.bench({{{workload}, layers: 1, backend: 'cpu', seconds: {seconds}}})")).await
}

fn number(result: &Value, key: &str) -> f64 {
    result[key].as_f64().unwrap_or(f64::NAN)
}

#[tokio::test]
async fn the_cpu_reaches_its_share_of_the_bound_on_every_workload() {
    with_page(Engine::Cpu, |page| async move {
        page.until("window.seqlab", 30.0).await?;
        page.js("await seqlab.ready; seqlab.pause()").await?;
        println!("           steps/s  GFLOP/step   GEMM peak      bound   share    loss");
        let mut best = [Best::default(); WORKLOADS.len()];
        for round in 0..MOST_ROUNDS {
            for ((name, workload), best) in WORKLOADS.iter().zip(&mut best) {
                let done = best.share() >= TARGET || !name.starts_with('W');
                if round >= ROUNDS && done {
                    continue;
                }
                let result = measure(&page, workload, 1.5).await?;
                best.steps_per_second = best.steps_per_second.max(number(&result, "stepsPerSecond"));
                best.bound = best.bound.max(number(&result, "boundStepsPerSecond"));
                println!(
                    "{name:<4} {:>13.1} {:>11.3} {:>11.1} {:>10.1} {:>6.0} %   {:.2} -> {:.2}",
                    number(&result, "stepsPerSecond"),
                    number(&result, "flopsPerStep") / 1e9,
                    number(&result, "gemmPeak") / 1e9,
                    number(&result, "boundStepsPerSecond"),
                    100.0 * number(&result, "stepsPerSecond") / number(&result, "boundStepsPerSecond"),
                    number(&result, "firstLoss"),
                    number(&result, "lastLoss"),
                );
                assert!(number(&result, "lastLoss") < number(&result, "firstLoss"), "{name} does not learn");
            }
        }
        println!("best steps/s of the rounds, and of their bounds:");
        for ((name, _), best) in WORKLOADS.iter().zip(best) {
            println!("{name:<4} {:>13.1} {:>10.1} {:>6.0} %", best.steps_per_second, best.bound, 100.0 * best.share());
        }
        let names = WORKLOADS.iter().map(|(name, _)| *name);
        let short: Vec<&str> = names
            .zip(best)
            .filter(|(name, best)| name.starts_with('W') && best.share() < TARGET)
            .map(|(name, _)| name)
            .collect();
        assert!(short.is_empty(), "below {TARGET} of the bound: {short:?}");
        Ok(())
    })
    .await;
}

/// The target is 20 microseconds, on a quiet machine; twice that means that something is wrong.
#[tokio::test]
async fn a_character_is_written_in_microseconds() {
    with_page(Engine::Cpu, |page| async move {
        page.until("window.seqlab", 30.0).await?;
        page.js("await seqlab.ready; seqlab.pause()").await?;
        let result = measure(&page, "model: 'writing', cell: 'lstm', vocab: 64, hidden: 128", 2.0).await?;
        let microseconds = 1e6 / number(&result, "stepsPerSecond");
        println!("a character of an LSTM of 128 units: {microseconds:.1} us; 20 are meant");
        assert!(microseconds < 40.0, "{microseconds:.1} us");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_step_costs_in_proportion_to_its_time_and_batch() {
    with_page(Engine::Cpu, |page| async move {
        page.until("window.seqlab", 30.0).await?;
        page.js("await seqlab.ready; seqlab.pause()").await?;
        let cost = |steps: usize, batch: usize| {
            let page = page.clone();
            async move {
                let workload = format!("cell: 'lstm', vocab: 32, hidden: 64, steps: {steps}, batch: {batch}");
                let result = measure(&page, &workload, 1.0).await?;
                let token = 1e9 / (number(&result, "stepsPerSecond") * (steps * batch) as f64);
                println!("T {steps:>4}, B {batch:>3}: {token:.0} ns a token");
                Result::Ok(token)
            }
        };
        // A step that were quadratic would cost 4 and 8 times as much a token. The least of several measurements is the
        // step's; what is above it is other programs of the machine.
        for (small, large) in [((128, 16), (512, 16)), ((64, 8), (64, 64))] {
            let (mut least_small, mut least_large) = (f64::INFINITY, f64::INFINITY);
            for round in 0..5 {
                least_large = least_large.min(cost(large.0, large.1).await?);
                least_small = least_small.min(cost(small.0, small.1).await?);
                if round > 0 && least_large < 1.5 * least_small {
                    break;
                }
            }
            let ratio = least_large / least_small;
            println!("ratio {ratio:.2}");
            assert!(ratio < 2.0, "a token of {large:?} costs {ratio:.2} times one of {small:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn it_paints_within_a_second_and_trains_within_two() {
    with_page(Engine::Cpu, |page| async move {
        page.js("window.name = 'warm'").await?;
        page.open("").await?;
        page.until("window.seqlab && seqlab.metrics().step > 0", 30.0).await?;
        let times = page
            .js("const paint = performance.getEntriesByName('first-contentful-paint')[0];
                 return {paint: paint ? paint.startTime : NaN, training: performance.getEntriesByName('training')[0].startTime}")
            .await?;
        let (paint, training) = (number(&times, "paint"), number(&times, "training"));
        println!("first picture after {paint:.0} ms, first training step seen after {training:.0} ms");
        assert!(paint < 1000.0 && training < 2000.0, "{times}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_page_keeps_its_frames_while_the_first_workload_trains() {
    with_page(Engine::Cpu, |page| async move {
        page.viewport(1440, 900).await?;
        page.open("#v=1&hidden=128&length=64&batch=32").await?;
        page.until("window.seqlab && seqlab.metrics().step > 20", 60.0).await?;
        let times = page
            .js("const times = []; let last = performance.now(); const end = last + 4000; let longest = 0;
                 new PerformanceObserver(list => list.getEntries().forEach(entry => longest = Math.max(longest, entry.duration)))
                     .observe({entryTypes: ['longtask']});
                 await new Promise(done => { const tick = now => { times.push(now - last); last = now;
                     now < end ? requestAnimationFrame(tick) : done() }; requestAnimationFrame(tick) });
                 times.sort((a, b) => a - b);
                 return {frames: times.length / 4, median: times[times.length >> 1], p95: times[Math.floor(times.length * 0.95)], longest}")
            .await?;
        println!(
            "{:.1} frames/s, median {:.1} ms, 95 % within {:.1} ms, longest task {:.0} ms",
            number(&times, "frames"),
            number(&times, "median"),
            number(&times, "p95"),
            number(&times, "longest"),
        );
        assert!(number(&times, "median") < 17.5 && number(&times, "frames") > 50.0, "{times}");
        page.assert_no_errors().await
    })
    .await;
}
