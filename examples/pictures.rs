//! Draws the cards' pictures from real runs: trains every lab's models as the page does and prints the loss of each as a
//! curve.
//!
//!     cargo run --release --example pictures > src/labs/pictures.rs

use pollster::block_on;
use seqlab::data::built_in;
use seqlab::labs::{ALL, Lesson};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

/// Points of a curve.
const POINTS: usize = 32;

/// The loss of every step.
fn losses(lesson: &Lesson, run: usize) -> Vec<f32> {
    let spec = lesson.run_spec(run, &lesson.spec()).expect("the settings of a lab go together");
    let probe = if lesson.probe.is_empty() { "The" } else { lesson.probe };
    let built = block_on(Session::new(&spec, built_in(spec.task), probe, &mut Devices::default()));
    let mut session = built.unwrap_or_else(|error| panic!("{}: {error:?}", lesson.slug)).0;
    let mut losses = Vec::new();
    for step in 1..=lesson.steps {
        block_on(session.train_step()).expect("the CPU does not fail");
        if step % 100 == 0 || step == lesson.steps {
            let Ok(Drained::Good(rows)) = block_on(session.drain()) else { panic!("{} diverged", lesson.slug) };
            losses.extend(rows.numbers.chunks_exact(rows.width).map(|row| row[1]));
        }
    }
    losses
}

/// Means of as many stretches as there are points, from 0 to 99 of the largest.
fn curve(losses: &[f32], largest: f32) -> Vec<u8> {
    let stretch = losses.len().div_ceil(POINTS).max(1);
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
    losses.chunks(stretch).map(|part| (99.0 * (mean(part) / largest).min(1.0)).round() as u8).collect()
}

fn main() {
    println!(
        "//! The loss of every lab's models against step, from `cargo run --release --example pictures`: for the cards.\n"
    );
    println!("/// By lab: a curve for each model, of numbers from 0 to 99.");
    println!("#[rustfmt::skip]");
    println!("pub const PICTURES: &[(&str, &[&[u8]])] = &[");
    for lesson in ALL {
        let runs: Vec<Vec<f32>> = (0..lesson.runs.len()).map(|run| losses(lesson, run)).collect();
        // The start of the first model is the top: one that explodes must not flatten the others.
        let start = |losses: &Vec<f32>| losses.iter().take(8).copied().fold(0.0, f32::max);
        let largest = runs.first().map_or(1.0, start);
        println!("    ({:?}, &[", lesson.slug);
        runs.iter().for_each(|losses| println!("        &{:?},", curve(losses, largest)));
        println!("    ]),");
        eprintln!("{}", lesson.slug);
    }
    println!("];");
}
