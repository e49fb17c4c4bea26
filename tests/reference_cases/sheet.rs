//! A graph in the making for a case: which tensors of the file feed it and which it is to produce.

use seqlab::engine::backend::Executable;
use seqlab::engine::graph::{Gradients, Graph, Kind, RecurrentOutput, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::plan::Plan;

use super::format::{Case, Tensor};
use super::{Backend, Produced, Refusal};

/// How a tensor of the file lies in the graph.
#[derive(Clone, Copy, PartialEq)]
pub enum Layout {
    /// As it is.
    Same,
    /// (batch, time, ...) there, (time, batch, ...) here.
    TimeMajor,
    /// (batch, head, time, ...) there, (time, batch * head, ...) here.
    Heads,
    /// (channel, time) there, (time, 1, channel) here; of results only.
    TimeLast,
    /// One place of the first axis.
    Piece(usize),
}

/// What a result is made of: values one after the other, then laid out as in the file.
struct ResultOf {
    name: String,
    parts: Vec<ValueId>,
    layout: Layout,
}

/// The graph of a case.
pub struct Sheet<'a> {
    /// What it is for.
    pub case: &'a Case,
    /// For adding nodes.
    pub graph: Graph,
    feeds: Vec<(ValueId, Tensor)>,
    results: Vec<ResultOf>,
}

type Made = Result<ValueId, Refusal>;

impl<'a> Sheet<'a> {
    /// An empty graph with the program `train`.
    pub fn new(case: &'a Case) -> Self {
        let mut graph = Graph::default();
        graph.program("train");
        Sheet { case, graph, feeds: Vec::new(), results: Vec::new() }
    }

    /// A tensor of the file as input of the graph.
    pub fn input(&mut self, name: &str, layout: Layout) -> Made {
        let tensor = laid_out(self.case.tensor(name)?, layout);
        let kind = if tensor.integer { Kind::Ids } else { Kind::Float };
        let id = self.graph.input(name, tensor.shape.as_slice(), kind);
        self.feeds.push((id, tensor));
        Ok(id)
    }

    /// A parameter, with its numbers.
    pub fn parameter(&mut self, name: &str) -> Made {
        let tensor = self.case.tensor(&format!("param/{name}"))?;
        let id = self.graph.parameter(name, tensor.shape.as_slice());
        self.feeds.push((id, tensor.clone()));
        Ok(id)
    }

    /// The numbers of every parameter that a model has added to the graph.
    pub fn feed_parameters(&mut self) -> Result<(), Refusal> {
        for parameter in self.graph.parameters() {
            let tensor = self.case.tensor(&format!("param/{}", parameter.name))?;
            if tensor.shape != self.graph.shape(parameter.value).0 {
                return Err(Refusal::Failed(format!("{}: {:?}", parameter.name, tensor.shape)));
            }
            self.feeds.push((parameter.value, tensor.clone()));
        }
        Ok(())
    }

    /// sum(x probe).
    pub fn probed(&mut self, x: ValueId, probe: ValueId) -> Made {
        let product = self.graph.binary(Binary::Mul, x, probe)?;
        Ok(self.graph.sum_leading(product, 0)?)
    }

    /// The sum of scalars.
    pub fn sum(&mut self, terms: &[ValueId]) -> Made {
        let mut total = terms[0];
        for term in &terms[1..] {
            total = self.graph.binary(Binary::Add, total, *term)?;
        }
        Ok(total)
    }

    /// A tensor to be compared.
    pub fn result(&mut self, name: impl Into<String>, parts: &[ValueId], layout: Layout) {
        let name = name.into();
        for (at, id) in parts.iter().enumerate() {
            if self.graph.value(*id).path.is_none() {
                self.graph.name(*id, format!("{name}/{at}"));
            }
        }
        self.results.push(ResultOf { name, parts: parts.to_vec(), layout });
    }

    /// The gradients of values, to be compared.
    pub fn gradient(
        &mut self,
        name: &str,
        gradients: &Gradients,
        of: &[ValueId],
        layout: Layout,
    ) -> Result<(), Refusal> {
        let mut parts = Vec::new();
        for value in of {
            let zeros = self.graph.shape(*value).clone();
            parts.push(gradients.of(*value).map_or_else(|| self.graph.fill(0.0, zeros), Ok)?);
        }
        self.result(name, &parts, layout);
        Ok(())
    }

    /// Differentiates in every parameter and every input; the parameters' gradients are to be compared.
    pub fn differentiate(&mut self, loss: ValueId) -> Result<Gradients, Refusal> {
        let gradients = self.graph.keep_gradients(loss)?;
        let names: Vec<String> = self.graph.parameters().iter().map(|parameter| parameter.name.clone()).collect();
        for (name, gradient) in names.iter().zip(self.graph.parameter_gradients().to_vec()) {
            self.result(format!("grad/param/{name}"), &[gradient], Layout::Same);
        }
        Ok(gradients)
    }

    /// The total derivatives in the states of recurrent layers at every step, and their norms: `grad/step/{name}.h` and
    /// so on.
    pub fn step_gradients(
        &mut self,
        gradients: &Gradients,
        name: &str,
        layer: &RecurrentOutput,
    ) -> Result<(), Refusal> {
        for (symbol, states) in [("h", Some(layer.h)), ("c", layer.c)] {
            let Some(total) = states.and_then(|states| gradients.total(states)) else { continue };
            let norm = self.graph.row_norm(total)?;
            self.result(format!("grad/step/{name}{symbol}"), &[total], Layout::TimeMajor);
            self.result(format!("grad/step_norm/{name}{symbol}"), &[norm], Layout::Same);
        }
        Ok(())
    }

    /// Plans and loads the graph and writes its inputs and parameters.
    pub async fn load(&self, backend: &Backend, journal: &[ValueId]) -> Result<Box<dyn Executable>, Refusal> {
        let mut machine = (backend.load)(Plan::new(self.graph.clone(), usize::MAX)?, journal.to_vec()).await?;
        for (id, tensor) in &self.feeds {
            if tensor.integer {
                let ids: Vec<u32> = tensor.data.iter().map(|id| *id as u32).collect();
                machine.write_ids(*id, &ids)?;
            } else {
                write(machine.as_mut(), *id, &tensor.data)?;
            }
        }
        Ok(machine)
    }

    /// Reads every result.
    pub async fn collect(&self, machine: &mut dyn Executable, produced: &mut Produced) -> Result<(), Refusal> {
        for result in &self.results {
            let mut data = read(machine, &result.parts).await?;
            let shape = |at: usize| self.graph.shape(result.parts[0]).0[at];
            match result.layout {
                Layout::TimeMajor | Layout::Heads => data = swap_axes(&self.graph.shape(result.parts[0]).0, &data).1,
                Layout::TimeLast => data = swap_axes(&[shape(0), shape(2)], &data).1,
                Layout::Same | Layout::Piece(_) => {}
            }
            produced.tensors.insert(result.name.clone(), data);
        }
        Ok(())
    }

    /// Runs the first program once and collects every result.
    pub async fn run(&self, backend: &Backend, produced: &mut Produced) -> Result<(), Refusal> {
        let mut machine = self.load(backend, &[]).await?;
        machine.run(0)?;
        self.collect(machine.as_mut(), produced).await
    }
}

/// Writes numbers that are exact in f32.
pub fn write(machine: &mut dyn Executable, id: ValueId, data: &[f64]) -> Result<(), Refusal> {
    let data: Vec<f32> = data.iter().map(|x| *x as f32).collect();
    Ok(machine.write(id, &data)?)
}

/// Reads tensors one after the other.
pub async fn read(machine: &mut dyn Executable, ids: &[ValueId]) -> Result<Vec<f64>, Refusal> {
    let numbers = machine.read(ids).await?;
    Ok(numbers.into_iter().map(f64::from).collect())
}

fn laid_out(tensor: &Tensor, layout: Layout) -> Tensor {
    let Tensor { shape, data, integer } = tensor.clone();
    match layout {
        Layout::Same | Layout::TimeLast => Tensor { shape, data, integer },
        Layout::TimeMajor => {
            let (shape, data) = swap_axes(&shape, &data);
            Tensor { shape, data, integer }
        }
        Layout::Heads => {
            let mut merged = vec![shape[0] * shape[1]];
            merged.extend(&shape[2..]);
            let (shape, data) = swap_axes(&merged, &data);
            Tensor { shape, data, integer }
        }
        Layout::Piece(at) => {
            let len = data.len() / shape[0];
            Tensor { shape: shape[1..].to_vec(), data: data[at * len..(at + 1) * len].to_vec(), integer }
        }
    }
}

/// Exchanges the first two axes.
pub fn swap_axes(shape: &[usize], data: &[f64]) -> (Vec<usize>, Vec<f64>) {
    let (outer, inner) = (shape[0], shape[1]);
    let block: usize = shape[2..].iter().product();
    let mut swapped = Vec::with_capacity(data.len());
    for i in 0..inner {
        for o in 0..outer {
            let start = (o * inner + i) * block;
            swapped.extend(&data[start..start + block]);
        }
    }
    let mut axes = shape.to_vec();
    axes.swap(0, 1);
    (axes, swapped)
}

#[test]
fn axes_are_swapped() {
    let data: Vec<f64> = (0..12).map(f64::from).collect();
    let (shape, swapped) = swap_axes(&[2, 3, 2], &data);
    assert_eq!(shape, [3, 2, 2]);
    assert_eq!(swapped, [0., 1., 6., 7., 2., 3., 8., 9., 4., 5., 10., 11.]);
}
