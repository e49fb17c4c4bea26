//! Stacked, optionally bidirectional recurrent layers over padded sequences: `nn.RNN`, `nn.LSTM`, `nn.GRU` and every other
//! cell of the registry, under PyTorch's parameter names.

use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Initial, Kind, RecurrentInput, RecurrentOutput, ValueId};

/// The architecture. Layer k > 0 reads the states of layer k - 1, of both directions one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// The cell.
    pub cell: Cell,
    /// Width of the input.
    pub input: usize,
    /// Units H of a direction.
    pub hidden: usize,
    /// Stacked layers.
    pub layers: usize,
    /// Whether each layer also runs from each sequence's last step to its first.
    pub bidirectional: bool,
    /// Whether there are biases.
    pub bias: bool,
}

/// The parameters of one direction of a layer, shapes as in `torch.nn`.
#[derive(Clone, Copy, Debug)]
pub struct LayerParameters {
    /// (G H, input).
    pub weight_ih: ValueId,
    /// (G H, H).
    pub weight_hh: ValueId,
    /// (G H) each: bias_ih and bias_hh.
    pub biases: Option<[ValueId; 2]>,
}

/// The states that one direction of a layer starts from, (B, H).
#[derive(Clone, Copy, Debug)]
pub struct LayerState {
    /// Hidden state.
    pub h: ValueId,
    /// Cell state, for cells that have one.
    pub c: Option<ValueId>,
}

impl LayerState {
    /// h, and c where there is one, layer by layer: as a rollout carries them.
    pub fn flat(states: &[LayerState]) -> Vec<ValueId> {
        states.iter().flat_map(|state| [Some(state.h), state.c]).flatten().collect()
    }

    /// The inverse of [`LayerState::flat`].
    pub fn of(cell: Cell, flat: &[ValueId]) -> Vec<LayerState> {
        let each = 1 + usize::from(cell.has_cell_state());
        flat.chunks(each).map(|state| LayerState { h: state[0], c: state.get(1).copied() }).collect()
    }
}

/// What the lowest layer reads.
#[derive(Clone, Copy, Debug)]
pub enum SequenceInput {
    /// (T, B, input).
    Features(ValueId),
    /// Tokens (T, B) u32, each standing for a one-hot vector of the input's width.
    OneHot(ValueId),
    /// W_ih x (T, B, G H) without biases, in a model of one direction.
    Projected(ValueId),
}

impl SequenceInput {
    /// The numbers that are read, where they are not one-hot or projected.
    pub fn features(&self) -> Option<ValueId> {
        match self {
            SequenceInput::Features(features) => Some(*features),
            _ => None,
        }
    }
}

/// `nn.Dropout(p)` on the states between layers, in training.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// The probability of dropping a number.
    pub p: f32,
    /// (2) u32: seed and step; see [`crate::engine::graph::Op::Dropout`].
    pub key: ValueId,
    /// The random stream of the first place; each later one takes the next.
    pub stream: u32,
}

impl Dropout {
    /// The dropout so many places later.
    pub fn at(self, place: usize) -> Dropout {
        Dropout { stream: self.stream + place as u32, ..self }
    }

    /// x with numbers dropped, or x itself where there is no dropout.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when p is not in 0 .. 1.
    pub fn apply(dropout: Option<Dropout>, graph: &mut Graph, x: ValueId) -> Result<ValueId, EngineError> {
        match dropout {
            Some(Dropout { p, key, stream }) if p != 0.0 => graph.dropout(x, p, stream, key),
            _ => Ok(x),
        }
    }
}

/// What a run over sequences depends on besides the parameters.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The input.
    pub input: SequenceInput,
    /// Of every layer and direction, as [`Recurrent::states`] gives them; zeros where there are none.
    pub states: &'a [LayerState],
    /// (B) u32, steps of each sequence; `None` where all have T.
    pub lengths: Option<ValueId>,
    /// `None` when the model is not in training.
    pub dropout: Option<Dropout>,
}

impl Run<'_> {
    /// Whole sequences from zero states, without dropout.
    pub fn new(input: SequenceInput) -> Self {
        Run { input, states: &[], lengths: None, dropout: None }
    }
}

/// What the layers compute. Layers and directions are in PyTorch's order: layer * directions + direction.
#[derive(Clone, Debug)]
pub struct Output {
    /// The top layer's states (T, B, directions * H).
    pub output: ValueId,
    /// Every layer and direction.
    pub layers: Vec<RecurrentOutput>,
    /// (B, H) each: the hidden state after each sequence's last step in its direction.
    pub h_n: Vec<ValueId>,
    /// (B, H) each, for cells with a cell state.
    pub c_n: Vec<ValueId>,
}

impl Recurrent {
    /// A layer of this many units that reads forwards, with biases.
    pub fn new(cell: Cell, input: usize, hidden: usize) -> Self {
        Recurrent { cell, input, hidden, layers: 1, bidirectional: false, bias: true }
    }

    /// 2 if bidirectional.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Width of the output.
    pub fn width(&self) -> usize {
        self.directions() * self.hidden
    }

    /// The name of each layer and direction as PyTorch's parameters end: `l0`, `l0_reverse`.
    pub fn suffixes(&self) -> Vec<String> {
        let directions = &["", "_reverse"][..self.directions()];
        (0..self.layers).flat_map(|layer| directions.iter().map(move |end| format!("l{layer}{end}"))).collect()
    }

    /// Adds the parameters, named `{prefix}weight_ih_l0` and so on, in PyTorch's order.
    pub fn parameters(&self, graph: &mut Graph, prefix: &str) -> Vec<LayerParameters> {
        let gates = self.cell.gates() * self.hidden;
        let add = |(at, suffix): (usize, String)| {
            let input = if at < self.directions() { self.input } else { self.width() };
            let mut parameter = |name: &str, shape: &[usize]| {
                let value = graph.parameter(format!("{prefix}{name}_{suffix}"), shape);
                graph.start(value, Initial::torch(self.hidden));
                value
            };
            let weight_ih = parameter("weight_ih", &[gates, input]);
            let weight_hh = parameter("weight_hh", &[gates, self.hidden]);
            let biases = self.bias.then(|| [parameter("bias_ih", &[gates]), parameter("bias_hh", &[gates])]);
            LayerParameters { weight_ih, weight_hh, biases }
        };
        self.suffixes().into_iter().enumerate().map(add).collect()
    }

    /// Inputs `{path}/h0/K`, `{path}/c0/K` for the initial states of `batch` sequences; zero until they are written.
    pub fn states(&self, graph: &mut Graph, path: &str, batch: usize) -> Vec<LayerState> {
        let mut input = |name: &str, at| graph.input(format!("{path}/{name}/{at}"), [batch, self.hidden], Kind::Float);
        (0..self.layers * self.directions())
            .map(|at| LayerState { h: input("h0", at), c: self.cell.has_cell_state().then(|| input("c0", at)) })
            .collect()
    }

    /// Runs over the sequences.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when input, states or lengths do not fit.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &[LayerParameters],
        run: &Run<'_>,
    ) -> Result<Output, EngineError> {
        if self.bidirectional && matches!(run.input, SequenceInput::Projected(_)) {
            let detail = "each direction projects the input by itself".to_owned();
            return Err(EngineError::Shape { op: "recurrent layers", detail });
        }
        let (mut layers, mut h_n, mut c_n): (Vec<RecurrentOutput>, _, _) = (Vec::new(), Vec::new(), Vec::new());
        let mut input = run.input;
        for (layer, directions) in parameters.chunks(self.directions()).enumerate() {
            if layer > 0 {
                let below = self.joined(graph, &layers)?;
                let dropout = run.dropout.map(|dropout| dropout.at(layer - 1));
                input = SequenceInput::Features(Dropout::apply(dropout, graph, below)?);
            }
            for (direction, parameters) in directions.iter().enumerate() {
                let reverse = direction == 1;
                let state = run.states.get(layers.len()).copied();
                let output = self.direction(graph, parameters, input, state, reverse, run.lengths)?;
                h_n.push(graph.final_state(output.h, reverse, run.lengths)?);
                if let Some(c) = output.c {
                    c_n.push(graph.final_state(c, reverse, run.lengths)?);
                }
                layers.push(output);
            }
        }
        let output = self.joined(graph, &layers)?;
        Ok(Output { output, layers, h_n, c_n })
    }

    /// The states of the last layer so far, of both directions.
    fn joined(&self, graph: &mut Graph, layers: &[RecurrentOutput]) -> Result<ValueId, EngineError> {
        let top = &layers[layers.len().saturating_sub(self.directions())..];
        match top.iter().map(|layer| layer.h).collect::<Vec<ValueId>>()[..] {
            [] => Err(EngineError::Shape { op: "recurrent layers", detail: "no layer".to_owned() }),
            [h] => Ok(h),
            ref both => graph.concat(both, 2),
        }
    }

    fn direction(
        &self,
        graph: &mut Graph,
        parameters: &LayerParameters,
        input: SequenceInput,
        state: Option<LayerState>,
        reverse: bool,
        lengths: Option<ValueId>,
    ) -> Result<RecurrentOutput, EngineError> {
        let LayerParameters { weight_ih, weight_hh, biases } = *parameters;
        let x_proj = match input {
            SequenceInput::Features(x) => graph.matmul_ragged(x, weight_ih, false, true, lengths)?,
            // W_ih times a one-hot vector is a column of W_ih.
            SequenceInput::OneHot(tokens) => {
                let columns = graph.transpose(weight_ih)?;
                graph.embedding(tokens, columns, None)?
            }
            SequenceInput::Projected(x_proj) => x_proj,
        };
        let batch = graph.shape(x_proj).0.get(1).copied().unwrap_or(0);
        let mut zeros = |shape: &[usize]| graph.fill(0.0, shape);
        let biases = match biases {
            Some(biases) => biases,
            None => [zeros(&[self.cell.gates() * self.hidden])?; 2],
        };
        let state = match state {
            Some(state) => state,
            None => {
                let zero = zeros(&[batch, self.hidden])?;
                LayerState { h: zero, c: self.cell.has_cell_state().then_some(zero) }
            }
        };
        let input = RecurrentInput::new(x_proj, weight_hh, biases, state.h, state.c);
        graph.recurrent(self.cell, &RecurrentInput { lengths, reverse, ..input })
    }
}
