//! An op with operands of certain shapes and numbers, and the graph of only this op.

use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{Flat, Graph, Kind, Op, Shape, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::optimiser::Optimiser;
use seqlab::engine::rng::{Rng, Stream};

/// Numbers for an input.
#[derive(Clone, Debug)]
pub enum Fill {
    /// Standard normal times `scale`.
    Normal(f32),
    /// Uniform between two numbers.
    Uniform(f32, f32),
    /// These, over and over.
    Listed(&'static [f32]),
    /// 0 or 1.
    Mask,
    /// Ids below a number.
    Ids(u32),
}

/// An input of an example.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its axes.
    pub shape: Shape,
    /// What is in it.
    pub fill: Fill,
}

impl Input {
    /// Floats or ids.
    pub fn kind(&self) -> Kind {
        if matches!(self.fill, Fill::Ids(_)) { Kind::Ids } else { Kind::Float }
    }

    /// Its numbers, by a seed.
    pub fn floats(&self, seed: u32) -> Vec<f32> {
        let rng = Rng::new(seed, Stream::Task);
        let number = |at: usize| match self.fill {
            Fill::Normal(scale) => rng.normal(at as u64) * scale,
            Fill::Uniform(low, high) => low + (high - low) * rng.uniform(at as u64),
            Fill::Listed(numbers) => numbers[at % numbers.len()],
            Fill::Mask => f32::from(u8::from(rng.uniform(at as u64) < 0.6)),
            Fill::Ids(below) => rng.below(at as u64, below) as f32,
        };
        (0..self.shape.len()).map(number).collect()
    }

    /// Its ids, by a seed.
    pub fn ids(&self, seed: u32) -> Vec<u32> {
        self.floats(seed).into_iter().map(|id| id as u32).collect()
    }
}

/// An op with operands of certain shapes.
#[derive(Clone, Debug)]
pub struct OpExample {
    /// The op.
    pub op: Op,
    /// Its operands; those of [`Op::Copy`] and [`Op::CacheWrite`] end with what is written to, those of [`Op::Optimise`] the gradient of one parameter
    /// each, then `hyper`.
    pub inputs: Vec<Input>,
    /// How exact f32 can be: the error allowed, as a share of the largest number of an output.
    pub tolerance: f64,
}

/// An example in a graph.
pub struct Built {
    /// With the program `example`.
    pub graph: Graph,
    /// The values of the inputs.
    pub inputs: Vec<ValueId>,
    /// What the op writes.
    pub outputs: Vec<ValueId>,
}

impl OpExample {
    pub(super) fn new(op: Op, inputs: Vec<Input>) -> OpExample {
        OpExample { op, inputs, tolerance: 1e-5 }
    }

    pub(super) fn tolerance(mut self, tolerance: f64) -> OpExample {
        self.tolerance = tolerance;
        self
    }

    /// What it is, for messages: the op with its attributes, and the operands' shapes.
    pub fn describe(&self) -> String {
        let shapes: Vec<String> = self.inputs.iter().map(|input| input.shape.to_string()).collect();
        format!("{} {:?} on {}", self.op.name(), self.op, shapes.join(" "))
    }

    /// A graph of only this op; every output has a path.
    pub fn build(&self) -> Result<Built, EngineError> {
        let mut graph = Graph::default();
        graph.program("example");
        match &self.op {
            Op::Optimise(optimiser) => self.build_optimiser(graph, *optimiser),
            Op::Copy => {
                let inputs = self.graph_inputs(&mut graph);
                graph.carry(inputs[0], inputs[1])?;
                Ok(Built { graph, outputs: vec![inputs[1]], inputs })
            }
            Op::CacheWrite => {
                let inputs = self.graph_inputs(&mut graph);
                graph.cache_write(inputs[0], inputs[1], inputs[2])?;
                Ok(Built { graph, outputs: vec![inputs[2]], inputs })
            }
            op => {
                let inputs = self.graph_inputs(&mut graph);
                let outputs = graph.apply(op.clone(), &inputs)?;
                for (at, output) in outputs.iter().enumerate() {
                    graph.name(*output, format!("output/{at}"));
                }
                Ok(Built { graph, inputs, outputs })
            }
        }
    }

    fn graph_inputs(&self, graph: &mut Graph) -> Vec<ValueId> {
        let add = |(at, input): (usize, &Input)| graph.input(format!("input/{at}"), input.shape.clone(), input.kind());
        self.inputs.iter().enumerate().map(add).collect()
    }

    /// Parameters p with the loss sum(p w): their gradients are the inputs w.
    fn build_optimiser(&self, mut graph: Graph, optimiser: Optimiser) -> Result<Built, EngineError> {
        let (hyper, weights) = self.inputs.split_last().expect("the last input is hyper");
        debug_assert_eq!(hyper.shape.len(), 8);
        let (mut inputs, mut terms) = (Vec::new(), Vec::new());
        for (at, input) in weights.iter().enumerate() {
            let weight = graph.input(format!("input/{at}"), input.shape.clone(), Kind::Float);
            let parameter = graph.parameter(format!("p{at}"), input.shape.clone());
            let product = graph.binary(Binary::Mul, parameter, weight)?;
            terms.push(graph.sum_leading(product, 0)?);
            inputs.push(weight);
        }
        let mut loss = terms[0];
        for term in &terms[1..] {
            loss = graph.binary(Binary::Add, loss, *term)?;
        }
        graph.keep_gradients(loss)?;
        graph.optimise(optimiser)?;
        inputs.push(graph.find("hyper")?);
        let mut outputs = vec![graph.flat(Flat::Parameters), graph.find("gradient_norms")?];
        for state in 0..optimiser.states() {
            outputs.push(graph.flat(Flat::State(state)));
        }
        Ok(Built { graph, inputs, outputs })
    }
}
