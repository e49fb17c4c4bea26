//! Building a graph: inputs, parameters, nodes, and one short method for each op in use.

use super::*;
use crate::engine::cell::Cell;
use crate::engine::einsum::Einsum;
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;
use crate::engine::optimiser::{HYPER, Optimiser};

/// What a recurrent layer computes.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentOutput {
    /// Hidden states (T, B, H).
    pub h: ValueId,
    /// Cell states (T, B, H).
    pub c: Option<ValueId>,
    /// Recorded gates (T, B, recorded * H); see [`Cell::recorded`].
    pub gates: Option<ValueId>,
}

/// Operands of a recurrent layer; see [`Op::Recurrent`]. [`RecurrentInput::new`] has those that are always there.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentInput {
    /// W_ih x (T, B, G H).
    pub x_proj: ValueId,
    /// (G H, H).
    pub weight_hh: ValueId,
    /// (G H).
    pub bias_ih: ValueId,
    /// (G H).
    pub bias_hh: ValueId,
    /// (B, H).
    pub h0: ValueId,
    /// (B, H), for cells with a cell state.
    pub c0: Option<ValueId>,
    /// (B) u32, steps of each sequence; `None` where all have T.
    pub lengths: Option<ValueId>,
    /// From each sequence's last step to its first.
    pub reverse: bool,
}

impl RecurrentInput {
    /// Forwards through sequences of one length. `biases` are b_ih and b_hh.
    pub fn new(x_proj: ValueId, weight_hh: ValueId, biases: [ValueId; 2], h0: ValueId, c0: Option<ValueId>) -> Self {
        let [bias_ih, bias_hh] = biases;
        RecurrentInput { x_proj, weight_hh, bias_ih, bias_hh, h0, c0, lengths: None, reverse: false }
    }
}

impl Graph {
    /// Starts a program; nodes added from here on belong to it.
    pub fn program(&mut self, name: &'static str) {
        self.programs.push(Program { name, start: self.nodes.len() });
    }

    /// A tensor the host writes.
    pub fn input(&mut self, path: impl Into<String>, shape: impl Into<Shape>, kind: Kind) -> ValueId {
        let id = self.add_value(shape.into(), kind, Source::Input);
        self.name(id, path);
        id
    }

    /// A tensor whose numbers are known now: positions, tables.
    ///
    /// # Errors
    /// [`EngineError::Size`] when the numbers are not as many as the shape has places.
    pub fn constant(&mut self, shape: impl Into<Shape>, numbers: &[f32]) -> Result<ValueId, EngineError> {
        self.add_constant(shape.into(), Kind::Float, Constant::Floats(numbers.into()), numbers.len())
    }

    /// A tensor of ids that are known now.
    ///
    /// # Errors
    /// As [`Graph::constant`].
    pub fn constant_ids(&mut self, shape: impl Into<Shape>, ids: &[u32]) -> Result<ValueId, EngineError> {
        self.add_constant(shape.into(), Kind::Ids, Constant::Ids(ids.into()), ids.len())
    }

    fn add_constant(
        &mut self,
        shape: Shape,
        kind: Kind,
        constant: Constant,
        got: usize,
    ) -> Result<ValueId, EngineError> {
        if shape.len() != got {
            return Err(EngineError::Size { what: "a constant".to_owned(), expected: shape.len(), got });
        }
        Ok(self.add_value(shape, kind, Source::Constant(constant)))
    }

    /// A trainable tensor, named as PyTorch does; its path is `parameters/NAME`. It starts as a linear layer's weight does,
    /// by its last axis; [`Graph::start`] says otherwise.
    pub fn parameter(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> ValueId {
        let (name, shape) = (name.into(), shape.into());
        let offset = self.flat_len();
        let len = shape.len();
        let value = self.add_value(shape, Kind::Float, Source::Parameter(self.parameters.len()));
        self.name(value, format!("parameters/{name}"));
        let initial = Initial::torch(self.shape(value).last().max(1));
        self.parameters.push(Parameter { name, value, offset, len, initial });
        value
    }

    /// Says where a parameter starts.
    pub fn start(&mut self, parameter: ValueId, initial: Initial) {
        if let Source::Parameter(at) = self.value(parameter).source {
            self.parameters[at].initial = initial;
        }
    }

    /// Gives a value a path, by which it can be read after a run.
    pub fn name(&mut self, id: ValueId, path: impl Into<String>) {
        self.values[id.index()].path = Some(path.into());
    }

    fn add_value(&mut self, shape: Shape, kind: Kind, source: Source) -> ValueId {
        self.values.push(Value { shape, kind, source, path: None });
        ValueId(self.values.len() as u32 - 1)
    }

    /// Adds a node; its outputs' shapes are inferred.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn apply(&mut self, op: Op, inputs: &[ValueId]) -> Result<Vec<ValueId>, EngineError> {
        let operands: Vec<&Value> = inputs.iter().map(|id| self.value(*id)).collect();
        let shapes = shape::infer(&op, &operands)?;
        if let Some(fill) = self.folded(&op, inputs, &shapes[0]) {
            return self.apply(fill, &[]);
        }
        let kind = op.output_kind(operands.first().map(|value| value.kind));
        let node = self.nodes.len();
        let outputs: Vec<ValueId> =
            shapes.into_iter().map(|shape| self.add_value(shape, kind, Source::Node(node))).collect();
        self.nodes.push(Node { op, inputs: inputs.to_vec(), outputs: outputs.clone() });
        Ok(outputs)
    }

    /// An op on a constant tensor as another one, where that loses nothing: the gradient of a mean begins as one dispatch.
    fn folded(&self, op: &Op, inputs: &[ValueId], shape: &Shape) -> Option<Op> {
        let Source::Node(node) = self.value(*inputs.first()?).source else { return None };
        let Op::Fill { value, .. } = self.nodes[node].op else { return None };
        let exact = match *op {
            Op::Affine { scale, shift } => f64::from(value) * f64::from(scale) + f64::from(shift),
            Op::ExpandLast { .. } | Op::ExpandLeading { .. } => f64::from(value),
            _ => return None,
        };
        let value = exact as f32;
        (f64::from(value) == exact).then(|| Op::Fill { value, shape: shape.clone() })
    }

    fn apply_one(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, EngineError> {
        Ok(self.apply(op, inputs)?[0])
    }

    fn update(&mut self, op: Op, inputs: &[ValueId], outputs: &[ValueId]) {
        self.nodes.push(Node { op, inputs: inputs.to_vec(), outputs: outputs.to_vec() });
    }

    /// The flat parameters, gradients or an optimiser state.
    pub fn flat(&mut self, flat: Flat) -> ValueId {
        if let Some((_, id)) = self.flats.iter().find(|(known, _)| *known == flat) {
            return *id;
        }
        let id = self.add_value(Shape::from([self.flat_len()]), Kind::Float, Source::Flat(flat));
        self.flats.push((flat, id));
        id
    }

    /// The flat values made so far.
    pub fn flats(&self) -> &[(Flat, ValueId)] {
        &self.flats
    }

    /// Differentiates `loss` in every parameter and keeps the gradients, laid out flat in parameter order.
    ///
    /// # Errors
    /// As [`Graph::apply`].
    pub fn keep_gradients(&mut self, loss: ValueId) -> Result<Gradients, EngineError> {
        let gradients = self.gradients(loss)?;
        let parameters: Vec<(String, ValueId)> =
            self.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.value)).collect();
        let found: Vec<Option<ValueId>> = parameters.iter().map(|(_, value)| gradients.of(*value)).collect();
        for ((name, value), gradient) in parameters.iter().zip(&found) {
            let own = match gradient {
                None => self.fill(0.0, self.shape(*value).clone())?,
                Some(id) if self.is_only_a_gradient(*id, &found) => *id,
                Some(id) => self.affine(*id, 1.0, 0.0)?,
            };
            self.name(own, format!("gradients/{name}"));
            self.parameter_gradients.push(own);
        }
        Ok(gradients)
    }

    /// Whether a value may live in the flat gradients: computed by a node that may put it anywhere, read by none, the
    /// gradient of one parameter.
    fn is_only_a_gradient(&self, id: ValueId, found: &[Option<ValueId>]) -> bool {
        let computed = matches!(self.value(id).source, Source::Node(_)) && self.adjoining(id).len() == 1;
        let read = self.nodes.iter().any(|node| node.inputs.contains(&id));
        computed && !read && found.iter().filter(|other| **other == Some(id)).count() == 1
    }

    /// Adds one optimiser step on the kept gradients. Needs the input `hyper`; the norm of every parameter's
    /// gradient, before clipping, is at the path `gradient_norms`.
    ///
    /// # Errors
    /// As [`Graph::apply`].
    pub fn optimise(&mut self, optimiser: Optimiser) -> Result<(), EngineError> {
        let hyper = self.input("hyper", [HYPER], Kind::Float);
        let gradients = self.flat(Flat::Gradients);
        let groups = self.parameters.iter().map(|parameter| (parameter.offset, parameter.len)).collect();
        let norms = self.apply_one(Op::GroupNorms { groups }, &[gradients])?;
        self.name(norms, "gradient_norms");
        let mut updated = vec![self.flat(Flat::Parameters)];
        for state in 0..optimiser.states() {
            let state = self.flat(Flat::State(state));
            updated.push(state);
        }
        self.update(Op::Optimise(optimiser), &[gradients, norms, hyper], &updated);
        Ok(())
    }

    /// Carries `from` over into the input `to`, for the next run.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when they differ in size.
    pub fn carry(&mut self, from: ValueId, to: ValueId) -> Result<(), EngineError> {
        if self.shape(from).len() != self.shape(to).len() {
            let detail = format!("{} into {}", self.shape(from), self.shape(to));
            return Err(EngineError::Shape { op: "copy", detail });
        }
        self.update(Op::Copy, &[from], &[to]);
        Ok(())
    }

    /// Writes x (1, B, F) into the input `cache` (L, B, F), at each sequence's position (1, B).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when they do not fit.
    pub fn cache_write(&mut self, x: ValueId, position: ValueId, cache: ValueId) -> Result<(), EngineError> {
        let (row, places, whole) = (&self.shape(x).0, &self.shape(position).0, &self.shape(cache).0);
        let fits = row.len() == 3 && row[0] == 1 && places[..] == row[..2] && whole.len() == 3;
        if !fits || whole[1..] != row[1..] || self.value(position).kind != Kind::Ids {
            let detail = format!("{} at {} into {}", self.shape(x), self.shape(position), self.shape(cache));
            return Err(EngineError::Shape { op: "cache_write", detail });
        }
        self.update(Op::CacheWrite, &[x, position], &[cache]);
        Ok(())
    }

    /// f(x), elementwise.
    pub fn unary(&mut self, kind: Unary, x: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Unary(kind), &[x])
    }

    /// a op b; b repeats over a's leading axes.
    pub fn binary(&mut self, kind: Binary, a: ValueId, b: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Binary(kind), &[a, b])
    }

    /// scale x + shift.
    pub fn affine(&mut self, x: ValueId, scale: f32, shift: f32) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Affine { scale, shift }, &[x])
    }

    /// A constant tensor.
    pub fn fill(&mut self, value: f32, shape: impl Into<Shape>) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Fill { value, shape: shape.into() }, &[])
    }

    /// Matrix product; see [`Op::MatMul`].
    pub fn matmul(
        &mut self,
        a: ValueId,
        b: ValueId,
        transpose_a: bool,
        transpose_b: bool,
    ) -> Result<ValueId, EngineError> {
        self.matmul_ragged(a, b, transpose_a, transpose_b, None)
    }

    /// As [`Graph::matmul`], over the rows of (T, B, ..) within each sequence's length.
    pub fn matmul_ragged(
        &mut self,
        a: ValueId,
        b: ValueId,
        transpose_a: bool,
        transpose_b: bool,
        lengths: Option<ValueId>,
    ) -> Result<ValueId, EngineError> {
        let inputs: Vec<ValueId> = [a, b].into_iter().chain(lengths).collect();
        self.apply_one(Op::MatMul { transpose_a, transpose_b }, &inputs)
    }

    /// `nn.Linear`: x W^T + b, weight (out, in).
    pub fn linear(&mut self, x: ValueId, weight: ValueId, bias: Option<ValueId>) -> Result<ValueId, EngineError> {
        self.linear_ragged(x, weight, bias, None)
    }

    /// As [`Graph::linear`], over the rows of (T, B, ..) within each sequence's length; what lies beyond is the bias.
    pub fn linear_ragged(
        &mut self,
        x: ValueId,
        weight: ValueId,
        bias: Option<ValueId>,
        lengths: Option<ValueId>,
    ) -> Result<ValueId, EngineError> {
        let product = self.matmul_ragged(x, weight, false, true, lengths)?;
        bias.map_or(Ok(product), |bias| self.binary(Binary::Add, product, bias))
    }

    /// A batch of matrix products in einops' notation, `"i b (h d), j b (h d) -> b h i j"`; see [`Einsum`]. Lengths of
    /// labels that the shapes do not tell are in `known`.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the equation is none of the kind or does not fit.
    pub fn einsum(
        &mut self,
        equation: &str,
        known: &[(char, usize)],
        a: ValueId,
        b: ValueId,
    ) -> Result<ValueId, EngineError> {
        let einsum = Einsum::new(equation, known, &self.shape(a).0, &self.shape(b).0);
        let detail = || format!("{} {} do not fit \"{equation}\"", self.shape(a), self.shape(b));
        let einsum = einsum.ok_or_else(|| EngineError::Shape { op: "einsum", detail: detail() })?;
        self.apply_one(Op::Einsum(einsum), &[a, b])
    }

    /// The transpose of a matrix.
    pub fn transpose(&mut self, x: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Transpose, &[x])
    }

    /// x[start .. start + len] along an axis.
    pub fn slice(&mut self, x: ValueId, axis: usize, start: usize, len: usize) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Slice { axis, start, len }, &[x])
    }

    /// The operands one after the other along an axis.
    pub fn concat(&mut self, parts: &[ValueId], axis: usize) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Concat { axis }, parts)
    }

    /// The sum over all but the last `keep` axes.
    pub fn sum_leading(&mut self, x: ValueId, keep: usize) -> Result<ValueId, EngineError> {
        self.apply_one(Op::SumLeading { keep }, &[x])
    }

    /// The mean of every element.
    pub fn mean(&mut self, x: ValueId) -> Result<ValueId, EngineError> {
        let count = self.shape(x).len();
        let sum = self.sum_leading(x, 0)?;
        self.affine(sum, 1.0 / count as f32, 0.0)
    }

    /// sum(values weights) / sum(weights).
    pub fn weighted_mean(&mut self, values: ValueId, weights: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::WeightedMean, &[values, weights])
    }

    /// The Euclidean norm of each row.
    pub fn row_norm(&mut self, x: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::RowNorm, &[x])
    }

    /// Rows of `weight` (V, E) by id.
    pub fn embedding(&mut self, ids: ValueId, weight: ValueId, padding: Option<u32>) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Embedding { padding }, &[ids, weight])
    }

    /// The place of the largest logit of each row (..) of logits (.., V), as ids.
    pub fn argmax(&mut self, logits: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Argmax, &[logits])
    }

    /// A token of each row (..) of softmax(logits) (.., V), by uniform numbers (..).
    pub fn sample_token(&mut self, logits: ValueId, uniforms: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::SampleToken, &[logits, uniforms])
    }

    /// The ids `a` where the mask is not 0, else the ids `b`.
    pub fn select_ids(&mut self, mask: ValueId, a: ValueId, b: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::SelectIds, &[mask, a, b])
    }

    /// x, as a constant: no gradient flows through it (`Tensor.detach`).
    pub fn detach(&mut self, x: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Copy, &[x])
    }

    /// Negative log-likelihood at every position.
    pub fn cross_entropy(
        &mut self,
        logits: ValueId,
        targets: ValueId,
        ignore: Option<u32>,
    ) -> Result<ValueId, EngineError> {
        self.apply_one(Op::CrossEntropy { ignore }, &[logits, targets])
    }

    /// A recurrent layer over the whole sequence.
    ///
    /// # Errors
    /// [`EngineError::Shape`], also when `c0` is missing or superfluous.
    pub fn recurrent(&mut self, cell: Cell, input: &RecurrentInput) -> Result<RecurrentOutput, EngineError> {
        let mut inputs = vec![input.x_proj, input.weight_hh, input.bias_ih, input.bias_hh, input.h0];
        inputs.extend(input.c0);
        inputs.extend(input.lengths);
        let op = Op::Recurrent { cell, reverse: input.reverse };
        let mut outputs = self.apply(op, &inputs)?.into_iter();
        let mut next = || outputs.next();
        let h = next().expect("shape inference gives a recurrent layer its hidden states");
        let c = if cell.has_cell_state() { next() } else { None };
        let gates = if cell.recorded() > 0 { next() } else { None };
        Ok(RecurrentOutput { h, c, gates })
    }

    /// The state (B, H) after each sequence's last step; see [`Op::FinalState`].
    pub fn final_state(
        &mut self,
        states: ValueId,
        reverse: bool,
        lengths: Option<ValueId>,
    ) -> Result<ValueId, EngineError> {
        let inputs: Vec<ValueId> = [states].into_iter().chain(lengths).collect();
        self.apply_one(Op::FinalState { reverse }, &inputs)
    }

    /// `nn.Dropout(p)` in training; see [`Op::Dropout`]. Each dropout of a model has its own `stream`.
    pub fn dropout(&mut self, x: ValueId, p: f32, stream: u32, key: ValueId) -> Result<ValueId, EngineError> {
        self.apply_one(Op::Dropout { p, stream }, &[x, key])
    }
}
