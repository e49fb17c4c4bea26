//! Training steps of the workloads, natively: `cargo bench`. The page measures the same ones in the browser
//! ("How fast is my device?"), where the engine's targets hold.

use std::time::Instant;

use criterion::{Criterion, Throughput};
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::optimiser::Optimiser;
use seqlab::engine::plan::Plan;
use seqlab::protocol::{Workload, WorkloadModel};
use seqlab::spec::BackendKind;
use seqlab::trainer::bench;
use seqlab::trainer::device::{Devices, MEMORY_LIMIT};

/// A workload's training plan on a backend, with a batch written; `None` where there is no GPU.
fn executable(workload: &Workload, backend: BackendKind, devices: &mut Devices) -> Option<Box<dyn Executable>> {
    let optimiser = Optimiser::ADAM;
    let prepared = bench::prepare(workload, optimiser).expect("the workloads' shapes fit");
    let training = prepared.training;
    let plan = Plan::new(training.graph.clone(), MEMORY_LIMIT).expect("the workloads are small");
    let mut executable = pollster::block_on(devices.open(backend, plan, &training.journal[..1])).ok()?;
    executable.write(training.persistent[0], &prepared.initial).expect("initial parameters fit");
    for (id, ids) in &prepared.inputs {
        executable.write_ids(*id, ids).expect("the batch fits");
    }
    executable.write(training.hyper, &optimiser.hyper(1, 1e-3, Some(1.0))).expect("the hyper input is there");
    Some(executable)
}

/// Runs one step and waits for it.
fn step(executable: &mut dyn Executable) {
    executable.run(0).expect("the device is there");
    pollster::block_on(executable.take_journal()).expect("the device is there");
}

/// What each step of a workload's plan needs on the CPU, the least of many runs; those of a hundredth and more.
fn print_steps(workload: &Workload, now: &dyn Fn() -> f64) {
    let prepared = bench::prepare(workload, Optimiser::ADAM).expect("the workloads' shapes fit");
    let plan = Plan::new(prepared.training.graph, MEMORY_LIMIT).expect("the workloads are small");
    let mut machine = CpuExecutable::<f32>::new(plan, &[]);
    machine.write(prepared.training.persistent[0], &prepared.initial).expect("initial parameters fit");
    for (id, ids) in &prepared.inputs {
        machine.write_ids(*id, ids).expect("the batch fits");
    }
    let mut seconds = vec![f64::INFINITY; machine.plan().programs()[0].steps.len()];
    let end = now() + f64::from(workload.seconds);
    while now() < end {
        machine.run_timed(0, 1, now, &mut seconds);
    }
    let total: f64 = seconds.iter().sum();
    println!("{:>10.1} us, of which", 1e6 * total);
    for (step, seconds) in machine.plan().programs()[0].steps.iter().zip(&seconds) {
        if seconds / total >= 0.01 {
            println!(
                "{:>10.1} us {:>3.0} %  {}",
                1e6 * seconds,
                100.0 * seconds / total,
                machine.plan().describe(step)
            );
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut devices = Devices::default();
    let start = Instant::now();
    let writing = Workload { model: WorkloadModel::Writing, ..bench::workloads()[0].workload.clone() };
    let seconds = || start.elapsed().as_secs_f64();
    let result = pollster::block_on(bench::run(&writing, &mut devices, &seconds)).expect("the CPU is there");
    let microseconds = 1e6 / result.steps_per_second;
    println!("one character, LSTM of hidden size 128, 64 symbols, one sequence: {microseconds:.1} us natively");
    for named in bench::workloads() {
        let workload = Workload { seconds: 0.5, ..named.workload };
        let seconds = || start.elapsed().as_secs_f64();
        let result = pollster::block_on(bench::run(&workload, &mut devices, &seconds)).expect("the CPU is there");
        println!(
            "{}: {:.1} steps/s natively, {:.2} GFLOP a step, matrix product peak {:.1} GFLOP/s, bound {:.1} steps/s, share {:.0} %",
            named.name,
            result.steps_per_second,
            result.flops_per_step / 1e9,
            result.gemm_peak / 1e9,
            result.bound_steps_per_second,
            100.0 * result.steps_per_second / result.bound_steps_per_second,
        );
        print_steps(&workload, &seconds);
        let mut group = criterion.benchmark_group(named.name);
        group.throughput(Throughput::Elements((workload.steps * workload.batch) as u64));
        for (label, backend) in [("cpu", BackendKind::Cpu), ("gpu", BackendKind::Gpu)] {
            match executable(&workload, backend, &mut devices) {
                Some(mut executable) => {
                    group.bench_function(label, |bencher| bencher.iter(|| step(executable.as_mut())));
                }
                None => println!("{}/{label}: no adapter, not measured", named.name),
            }
        }
        group.finish();
    }
    criterion.final_summary();
}
