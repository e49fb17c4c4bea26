//! Small graphs with random inputs, for tests.

use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{Gradients, Graph, Kind, Op, Shape, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::real::Real;
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};

/// A graph and the numbers of its inputs, all of them exact in f32.
pub struct Sketch {
    /// For adding nodes.
    pub graph: Graph,
    /// Inputs in which derivatives are of interest.
    pub variables: Vec<ValueId>,
    floats: Vec<(ValueId, Vec<f64>)>,
    ids: Vec<(ValueId, Vec<u32>)>,
    rng: Rng,
    drawn: u64,
}

impl Sketch {
    /// An empty graph with one program.
    pub fn new(seed: u32) -> Self {
        let mut graph = Graph::default();
        graph.program("test");
        let (variables, floats, ids) = (Vec::new(), Vec::new(), Vec::new());
        Sketch { graph, variables, floats, ids, rng: Rng::new(seed, Stream::Task), drawn: 0 }
    }

    /// A random number in 0 .. 1.
    pub fn uniform(&mut self) -> f64 {
        self.drawn += 1;
        f64::from(self.rng.uniform(self.drawn))
    }

    /// An input of random numbers in `low .. high`, to be differentiated in.
    pub fn variable(&mut self, shape: impl Into<Shape>, low: f64, high: f64) -> ValueId {
        let id = self.constant(shape, low, high);
        self.variables.push(id);
        id
    }

    /// An input of random numbers.
    pub fn constant(&mut self, shape: impl Into<Shape>, low: f64, high: f64) -> ValueId {
        let shape = shape.into();
        let numbers = (0..shape.len()).map(|_| low + (high - low) * self.uniform()).collect();
        self.given(shape, numbers)
    }

    /// An input of random numbers at least `gap` from 0, to be differentiated in.
    pub fn away_from_zero(&mut self, shape: impl Into<Shape>, gap: f64) -> ValueId {
        let id = self.variable(shape, -2.0, 2.0);
        let numbers = &mut self.floats.last_mut().expect("just added").1;
        for number in numbers {
            *number += gap.copysign(*number);
        }
        self.round();
        id
    }

    /// An input of these numbers.
    pub fn given(&mut self, shape: impl Into<Shape>, numbers: Vec<f64>) -> ValueId {
        let id = self.graph.input(format!("input {}", self.floats.len()), shape, Kind::Float);
        self.floats.push((id, numbers));
        self.round();
        id
    }

    /// What a run in f32 gets is what a run in f64 gets.
    fn round(&mut self) {
        for number in &mut self.floats.last_mut().expect("an input").1 {
            *number = f64::from(*number as f32);
        }
    }

    /// An input of random ids below `below`.
    pub fn tokens(&mut self, shape: impl Into<Shape>, below: u32) -> ValueId {
        let shape = shape.into();
        let ids = (0..shape.len()).map(|_| (self.uniform() * f64::from(below)) as u32).collect();
        self.given_tokens(shape, ids)
    }

    /// An input of these ids.
    pub fn given_tokens(&mut self, shape: impl Into<Shape>, ids: Vec<u32>) -> ValueId {
        let id = self.graph.input(format!("ids {}", self.ids.len()), shape, Kind::Ids);
        self.ids.push((id, ids));
        id
    }

    /// Adds a node with one output of interest.
    pub fn apply(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.graph.apply(op, inputs).expect("the operands fit")[0]
    }

    /// The sum of every output times random numbers, so that no derivative is trivial.
    pub fn probed(&mut self, outputs: &[ValueId]) -> ValueId {
        let mut total = None;
        for output in outputs {
            let probe = self.constant(self.graph.shape(*output).clone(), -1.0, 1.0);
            let product = self.apply(Op::Binary(Binary::Mul), &[*output, probe]);
            let sum = self.apply(Op::SumLeading { keep: 0 }, &[product]);
            total = Some(total.map_or(sum, |total| self.apply(Op::Binary(Binary::Add), &[total, sum])));
        }
        total.expect("one output at least")
    }

    /// Derivatives of `loss` in the variables, with paths so that they can be read; zero where there is none.
    pub fn differentiate(&mut self, loss: ValueId) -> (Vec<ValueId>, Gradients) {
        let gradients = self.graph.gradients(loss).expect("a scalar");
        let found: Vec<ValueId> = self
            .variables
            .clone()
            .into_iter()
            .map(|variable| {
                let shape = self.graph.shape(variable).clone();
                gradients.of(variable).unwrap_or_else(|| self.apply(Op::Fill { value: 0.0, shape }, &[]))
            })
            .collect();
        found.iter().for_each(|gradient| self.keep(*gradient));
        (found, gradients)
    }

    /// Gives a value a path, so that it can be read.
    pub fn keep(&mut self, id: ValueId) {
        if self.graph.value(id).path.is_none() {
            self.graph.name(id, format!("value {}", id.index()));
        }
    }

    /// The graph on the CPU with its inputs written and everything else not a number.
    pub fn load<R: Real>(&self) -> CpuExecutable<R> {
        let plan = Plan::new(self.graph.clone(), usize::MAX).expect("no limit");
        let mut machine = CpuExecutable::new(plan, &[]);
        machine.poison(R::from_f64(f64::NAN));
        self.write(&mut machine).expect("the inputs have memory");
        machine
    }

    fn write<R: Real>(&self, machine: &mut CpuExecutable<R>) -> Result<(), EngineError> {
        use seqlab::engine::backend::Executable;
        for (id, numbers) in &self.floats {
            for (to, from) in machine.view_mut(*id)?.iter_mut().zip(numbers) {
                *to = R::from_f64(*from);
            }
        }
        for (id, tokens) in &self.ids {
            machine.write_ids(*id, tokens)?;
        }
        Ok(())
    }
}

/// A value's numbers after a run.
pub fn numbers<R: Real>(machine: &CpuExecutable<R>, id: ValueId) -> Vec<f64> {
    machine.view(id).expect("a value with memory").iter().map(|x| x.to_f64()).collect()
}

/// The largest difference as a share of the largest number; infinite where something is not a number.
pub fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "as many numbers");
    let scale = a.iter().chain(b).fold(1e-6_f64, |scale, x| scale.max(x.abs()));
    let all = a.iter().zip(b).map(|(a, b)| (a - b).abs() / scale);
    all.fold(0.0, |worst, x| if x.is_nan() { f64::INFINITY } else { worst.max(x) })
}
