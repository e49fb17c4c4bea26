//! An example of an op on the GPU and on the CPU in f64.

use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::{Gpu, WgpuExecutable};
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{Flat, Kind, Op, ValueId};
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};

use super::op_example::{Built, OpExample};

/// How many times an example's tolerance a GPU may take.
const ALLOWANCE: f64 = 2.0;

/// Runs an example on both; the largest error as a share of what is allowed, and where that is.
pub async fn compare(gpu: &Gpu, example: &OpExample) -> (f64, String) {
    let built = example.build().unwrap_or_else(|error| panic!("{}: {error}", example.describe()));
    let plan = || Plan::new(built.graph.clone(), usize::MAX).expect("there is memory");
    let mut oracle = CpuExecutable::<f64>::new(plan(), &[]);
    let mut machine = match WgpuExecutable::new(gpu, plan(), &[]).await {
        Ok(machine) => machine,
        Err(error) => return (f64::INFINITY, error.to_string()),
    };
    machine.poison(f32::NAN);
    feed(&mut oracle, example, &built);
    feed(&mut machine, example, &built);
    oracle.run(0).expect("it runs");
    machine.run(0).expect("it runs");
    let mut result = (0.0, String::new());
    for output in &built.outputs {
        let got = numbers(&mut machine, *output).await;
        let got = got.unwrap_or_else(|error| panic!("{}: {error}", example.describe()));
        let want = match built.graph.value(*output).kind {
            Kind::Ids => oracle.view_ids(*output).map(|ids| ids.iter().map(|id| f64::from(*id)).collect()),
            Kind::Float => oracle.view(*output).map(<[f64]>::to_vec),
        };
        let want: Vec<f64> = want.expect("it is there");
        assert_eq!(got.len(), want.len());
        let next = worst(example, &got, &want);
        if next.0 >= result.0 {
            result = next;
        }
    }
    result
}

/// What a value is, ids as numbers.
async fn numbers(machine: &mut dyn Executable, id: ValueId) -> Result<Vec<f32>, EngineError> {
    match machine.plan().graph().value(id).kind {
        Kind::Ids => Ok(machine.read_ids(&[id]).await?.into_iter().map(|id| id as f32).collect()),
        Kind::Float => machine.read(&[id]).await,
    }
}

/// Writes an example's inputs, and the parameters and states of an optimiser.
fn feed(machine: &mut dyn Executable, example: &OpExample, built: &Built) {
    for (at, (input, id)) in example.inputs.iter().zip(&built.inputs).enumerate() {
        let written = match input.kind() {
            Kind::Ids => machine.write_ids(*id, &input.ids(at as u32)),
            Kind::Float => machine.write(*id, &input.floats(at as u32)),
        };
        written.expect("an input can be written");
    }
    for (flat, id) in built.graph.flats() {
        let rng = Rng::new(9, Stream::Task);
        let number = |at: u64| match flat {
            // Squares must be larger than the means they go with.
            Flat::State(0) => 1.0 + rng.uniform(at),
            Flat::State(_) => 0.1 + 0.4 * rng.uniform(at),
            _ => rng.normal(at),
        };
        if *flat != Flat::Gradients {
            let data: Vec<f32> = (0..built.graph.flat_len() as u64).map(number).collect();
            machine.write(*id, &data).expect("a flat buffer can be written");
        }
    }
}

/// The largest error of an output.
fn worst(example: &OpExample, got: &[f32], want: &[f64]) -> (f64, String) {
    let largest = want.iter().fold(1e-36_f64, |largest, x| largest.max(x.abs()));
    let mut worst = (0.0, String::new());
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let scale = match example.op {
            // Functions of one number: element by element.
            Op::Unary(_) => want.abs() + 1e-4,
            Op::UnaryGrad(_) => want.abs() + 1e-2,
            _ => largest,
        };
        let error = (f64::from(*got) - want).abs();
        let share = if got.is_finite() { error / (ALLOWANCE * example.tolerance * scale) } else { f64::INFINITY };
        if share > worst.0 {
            worst = (share, format!("at {at}: got {got:e}, want {want:e}"));
        }
    }
    worst
}
