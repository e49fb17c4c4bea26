//! The benchmark: training steps per second of a workload, beside the bound that this machine's own matrix product
//! peak and its rate of transcendental functions set.

mod workloads;

pub use workloads::{Named, Prepared, prepare, workloads, writer};

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::kernels::entries::Kernels;
use crate::engine::kernels::gemm::{self, Mat, Size, Start};
use crate::engine::kernels::unary::Unary;
use crate::engine::optimiser::Optimiser;
use crate::engine::plan::Plan;
use crate::engine::rng::{Rng, Stream};
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::protocol::{BenchResult, Workload, WorkloadModel};
use crate::spec::BackendKind;

use super::decoding::sampling::{Sampler, Sampling};
use super::device::{Devices, MEMORY_LIMIT};
use super::model::{self, Stepping};

/// Measures a workload for about `workload.seconds`. `now` gives seconds.
///
/// # Errors
/// [`EngineError::NoAdapter`] and [`EngineError::Memory`].
pub async fn run(
    workload: &Workload,
    devices: &mut Devices,
    now: &dyn Fn() -> f64,
) -> Result<BenchResult, EngineError> {
    if matches!(workload.model, WorkloadModel::Writing | WorkloadModel::WritingTransformer { .. }) {
        return write(workload, now);
    }
    let optimiser = Optimiser::ADAM;
    let Prepared { mut training, initial, inputs } = prepare(workload, optimiser)?;
    let parameters = training.graph.parameters().iter().map(|parameter| parameter.len).sum();
    let plan = Plan::new(std::mem::take(&mut training.graph), MEMORY_LIMIT)?;
    let (flops, transcendentals) = (plan.matmul_flops(0), plan.transcendentals(0));
    let mut executable = devices.open(workload.backend, plan, &training.journal[..1]).await?;
    executable.write(training.persistent[0], &initial)?;
    for (id, ids) in &inputs {
        executable.write_ids(*id, ids)?;
    }
    let mut step = 0;
    let mut train = |count: u64, executable: &mut dyn Executable| -> Result<(), EngineError> {
        for _ in 0..count {
            step += 1;
            executable.write(training.hyper, &optimiser.hyper(step, 2e-3, Some(1.0)))?;
            executable.run(0)?;
        }
        Ok(())
    };
    train(1, executable.as_mut())?;
    let first_loss = executable.take_journal().await?.first().copied().unwrap_or(f32::NAN);
    let mut last_loss = first_loss;

    let cpu = workload.backend == BackendKind::Cpu;
    let budget = f64::from(workload.seconds);
    let mut machine = Machine::default();
    let (mut count, mut spent, mut chunk) = (0_u64, 0.0, 1_u64);
    let begin = now();
    while now() - begin < budget || count == 0 {
        if cpu {
            machine.measure(now);
        }
        let start = now();
        train(chunk, executable.as_mut())?;
        last_loss = executable.take_journal().await?.last().copied().unwrap_or(f32::NAN);
        let seconds = now() - start;
        (count, spent) = (count + chunk, spent + seconds);
        if seconds < 0.1 * budget.min(2.0) {
            chunk = (chunk * 2).min(crate::engine::backend::JOURNAL_ROWS as u64);
        }
    }
    let bound = if cpu { machine.bound(flops, transcendentals) } else { 0.0 };
    Ok(BenchResult {
        steps_per_second: count as f64 / spent,
        first_loss,
        last_loss,
        parameters,
        backend: workload.backend,
        adapter: executable.adapter().to_owned(),
        flops_per_step: flops,
        gemm_peak: machine.gemm_peak(),
        bound_steps_per_second: bound,
        dispatches: executable.dispatches(0),
        carried_bytes: 0,
    })
}

/// Characters written one by one on the CPU by a language model of the workload's sizes, one sequence, logits read and a
/// token drawn from them: the quickest of several rounds, as other work on the machine only adds.
fn write(workload: &Workload, now: &dyn Fn() -> f64) -> Result<BenchResult, EngineError> {
    const CHARACTERS: usize = 200;
    let (model, place) = writer(workload);
    let Stepping { graph, parameters, step } = model::stepping(model.as_ref(), 1)?;
    let carried = step.carried.iter().map(|carried| graph.shape(carried.before).len()).sum::<usize>();
    let initial = initial_parameters(&graph, 1, Initialisation::default());
    let count = graph.parameters().iter().map(|parameter| parameter.len).sum();
    let mut executable = CpuExecutable::<f32>::new(Plan::new(graph, MEMORY_LIMIT)?, &[]);
    executable.write(parameters, &initial)?;
    let (prepare, program) = (executable.plan().program("prepare")?, executable.plan().program(step.program)?);
    executable.run(prepare)?;
    if let (Some(position), Some(place)) = (step.position, place) {
        executable.write_ids(position, &[place])?;
    }
    let (flops, transcendentals) =
        (executable.plan().matmul_flops(program), executable.plan().transcendentals(program));
    let (mut sampler, rng) = (Sampler::default(), Rng::new(1, Stream::Sampling));
    let (mut token, mut drawn, mut quickest) = (0, 0, f64::INFINITY);
    let mut machine = Machine::default();
    let begin = now();
    while now() - begin < f64::from(workload.seconds) || !quickest.is_finite() {
        machine.measure(now);
        let start = now();
        for _ in 0..CHARACTERS {
            executable.write_ids(step.token, &[token])?;
            executable.run(program)?;
            token = sampler.draw(&Sampling::PLAIN, executable.view(step.logits)?, rng.uniform(drawn));
            drawn += 1;
        }
        quickest = quickest.min((now() - start) / CHARACTERS as f64);
    }
    Ok(BenchResult {
        steps_per_second: 1.0 / quickest,
        first_loss: f32::NAN,
        last_loss: f32::NAN,
        parameters: count,
        backend: BackendKind::Cpu,
        adapter: String::new(),
        flops_per_step: flops,
        gemm_peak: machine.gemm_peak(),
        bound_steps_per_second: machine.bound(flops, transcendentals),
        dispatches: 0,
        carried_bytes: carried * size_of::<f32>(),
    })
}

/// What this machine reaches, measured in turn with the steps, so that both have the same share of a busy machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    gemm: [Rate; 3],
    functions: Rate,
}

/// Work done and the seconds it took.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    amount: f64,
    seconds: f64,
}

impl Rate {
    fn add(&mut self, (amount, seconds): (f64, f64)) {
        self.amount += amount;
        self.seconds += seconds;
    }

    fn per_second(self) -> f64 {
        self.amount / self.seconds.max(f64::MIN_POSITIVE)
    }
}

impl Machine {
    /// One round of measurements of a few milliseconds each.
    pub fn measure(&mut self, now: &dyn Fn() -> f64) {
        let sizes = [Size { m: 48, n: 512, k: 128 }, Size { m: 128, n: 128, k: 128 }, Size { m: 96, n: 256, k: 256 }];
        for (rate, size) in self.gemm.iter_mut().zip(sizes) {
            rate.add(time_gemm(size, now));
        }
        self.functions.add(time_functions(now));
    }

    /// FLOP/s of the quickest matrix product; 0 before any measurement.
    pub fn gemm_peak(&self) -> f64 {
        self.gemm.iter().map(|rate| rate.per_second()).fold(0.0, f64::max)
    }

    /// Steps per second if nothing but matrix products and transcendental functions took time.
    pub fn bound(&self, flops: f64, transcendentals: f64) -> f64 {
        1.0 / (flops / self.gemm_peak() + transcendentals / self.functions.per_second())
    }
}

/// Repeats `work`, of `amount` units, for about 4 ms: units done, and seconds.
fn time(amount: f64, now: &dyn Fn() -> f64, mut work: impl FnMut()) -> (f64, f64) {
    work();
    let (begin, mut done) = (now(), 0.0);
    loop {
        work();
        done += amount;
        let seconds = now() - begin;
        if seconds > 0.004 {
            return (done, seconds);
        }
    }
}

fn time_gemm(size: Size, now: &dyn Fn() -> f64) -> (f64, f64) {
    let (a, b) = (vec![0.5_f32; size.m * size.k], vec![0.25_f32; size.k * size.n]);
    let mut packed = vec![0.0; gemm::packed_b_len(size.n, size.k)];
    f32::pack_b(size.n, size.k, Mat::rows(&b, size.n), &mut packed);
    let mut c = vec![0.0; size.m * size.n];
    let mut scratch = vec![0.0; gemm::gemm_prepacked_scratch(size)];
    time(2.0 * (size.m * size.n * size.k) as f64, now, || {
        f32::gemm_prepacked(size, Mat::rows(&a, size.k), &packed, &mut c, size.n, Start::Zero, &mut scratch);
    })
}

/// The functions of a recurrent step in about the shares they have there: sigmoid, tanh, exp.
fn time_functions(now: &dyn Fn() -> f64) -> (f64, f64) {
    const MIX: [Unary; 3] = [Unary::Sigmoid, Unary::Tanh, Unary::Exp];
    let x: Vec<f32> = (0..4096).map(|at| at as f32 / 1024.0 - 2.0).collect();
    let mut y = vec![0.0; x.len()];
    time((MIX.len() * x.len()) as f64, now, || MIX.iter().for_each(|kind| f32::unary(*kind, &x, &mut y)))
}

#[test]
fn writing_a_character_is_timed() {
    let begin = std::time::Instant::now();
    let measure = |model, steps| {
        let workload = Workload { model, steps, hidden: 32, seconds: 0.05, ..workloads()[0].workload.clone() };
        let result = write(&workload, &|| begin.elapsed().as_secs_f64()).expect("the CPU is there");
        assert!(result.steps_per_second.is_finite() && result.steps_per_second > 0.0);
        result
    };
    let transformer = WorkloadModel::WritingTransformer { heads: 2, feed_forward: 128 };
    let [near, far] = [16, 4096].map(|steps| measure(transformer, steps));
    // Keys and values of one layer.
    assert_eq!([near.carried_bytes, far.carried_bytes], [16, 4096].map(|places| 2 * places * 32 * 4));
    assert!(far.steps_per_second < near.steps_per_second);
    // h and c, wherever it is.
    assert_eq!([16, 4096].map(|steps| measure(WorkloadModel::Writing, steps).carried_bytes), [2 * 32 * 4; 2]);
}
