//! A text classifier: embedding, stacked recurrent layers over sequences of unequal length, the final states of the top
//! layer, a perceptron.

use super::recurrent::{Dropout, LayerParameters, Output, Recurrent, Run, SequenceInput};
use super::{embedding, linear};
use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Op, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;

/// The architecture, as PyTorch: `embedding = nn.Embedding(vocabulary, embedding, padding_idx)`, `lstm = nn.LSTM(embedding,
/// hidden, layers, bidirectional=...)`, `classifier = nn.Sequential(nn.Linear(directions * hidden, hidden), nn.ReLU(),
/// nn.Dropout(), nn.Linear(hidden, classes))`.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    /// The recurrent cell.
    pub cell: Cell,
    /// Stacked layers.
    pub layers: usize,
    /// Whether each reads in both directions.
    pub bidirectional: bool,
    /// Tokens V.
    pub vocabulary: usize,
    /// The token that pads: its embedding gets no gradient.
    pub padding: Option<u32>,
    /// Width E of the embedding.
    pub embedding: usize,
    /// Units H of a direction, and of the perceptron.
    pub hidden: usize,
    /// Classes C.
    pub classes: usize,
}

/// The parameters.
#[derive(Clone, Debug)]
pub struct ClassifierParameters {
    embedding: ValueId,
    /// The recurrent layers and directions.
    pub layers: Vec<LayerParameters>,
    inner: (ValueId, ValueId),
    outer: (ValueId, ValueId),
}

/// What a pass computes.
#[derive(Clone, Debug)]
pub struct Classified {
    /// (T, B, E).
    pub embedded: ValueId,
    /// The recurrent layers.
    pub recurrent: Output,
    /// The final states of the top layer, [forward; backward] (B, directions * H).
    pub hidden: ValueId,
    /// (B, C).
    pub logits: ValueId,
}

/// Which class a saliency is about.
#[derive(Clone, Copy, Debug)]
pub enum Class {
    /// Of every sequence the most probable.
    Predicted,
    /// These, (B) u32.
    Chosen(ValueId),
}

impl Classifier {
    /// Its recurrent layers.
    pub fn recurrent(&self) -> Recurrent {
        let Classifier { layers, bidirectional, .. } = *self;
        Recurrent { layers, bidirectional, ..Recurrent::new(self.cell, self.embedding, self.hidden) }
    }

    /// Adds the parameters, in PyTorch's order. The recurrent layers are named after their kind: `lstm.`, `gru.`, `rnn.`.
    pub fn parameters(&self, graph: &mut Graph) -> ClassifierParameters {
        let embedding = embedding(graph, "embedding.weight", self.vocabulary, self.embedding);
        let prefix = format!("{}.", self.cell.description().module);
        let layers = self.recurrent().parameters(graph, &prefix);
        let inner = linear(graph, "classifier.0", self.recurrent().width(), self.hidden);
        let outer = linear(graph, "classifier.3", self.hidden, self.classes);
        ClassifierParameters { embedding, layers, inner, outer }
    }

    /// Classifies sequences of tokens (T, B) u32 of these lengths (B) u32, or all of T steps. In training, dropout acts
    /// on what is embedded, between the recurrent layers, on the final states, and within the perceptron.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &ClassifierParameters,
        tokens: ValueId,
        lengths: Option<ValueId>,
        dropout: Option<Dropout>,
    ) -> Result<Classified, EngineError> {
        let embedded = graph.embedding(tokens, parameters.embedding, self.padding)?;
        let place = |after: usize| dropout.map(|dropout| dropout.at(self.layers - 1 + after));
        let read = Dropout::apply(place(2), graph, embedded)?;
        let run = Run { lengths, dropout, ..Run::new(SequenceInput::Features(read)) };
        let recurrent = self.recurrent().forward(graph, &parameters.layers, &run)?;
        let hidden = match &recurrent.h_n[recurrent.h_n.len() - self.recurrent().directions()..] {
            [state] => *state,
            both => graph.concat(both, 1)?,
        };
        let x = Dropout::apply(place(0), graph, hidden)?;
        let x = graph.linear(x, parameters.inner.0, Some(parameters.inner.1))?;
        let x = graph.unary(Unary::Relu, x)?;
        let x = Dropout::apply(place(1), graph, x)?;
        let logits = graph.linear(x, parameters.outer.0, Some(parameters.outer.1))?;
        Ok(Classified { embedded, recurrent, hidden, logits })
    }

    /// Classes (B) u32 as rows (B, C): 1 for the class, else 0.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn one_hot(&self, graph: &mut Graph, class: ValueId) -> Result<ValueId, EngineError> {
        let mut identity = vec![0.0; self.classes * self.classes];
        identity.iter_mut().step_by(self.classes + 1).for_each(|diagonal| *diagonal = 1.0);
        let identity = graph.constant([self.classes, self.classes], &identity)?;
        graph.embedding(class, identity, None)
    }

    /// The saliency of each token (T, B), |gradient x input|: the sum over the embedding of the derivative of the class's
    /// logit times the embedding (Simonyan et al. 2014; Shrikumar et al. 2016). It is zero in the padding.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn saliency(&self, graph: &mut Graph, pass: &Classified, class: Class) -> Result<ValueId, EngineError> {
        let class = match class {
            Class::Predicted => graph.argmax(pass.logits)?,
            Class::Chosen(class) => class,
        };
        let one_hot = self.one_hot(graph, class)?;
        let logits = graph.binary(Binary::Mul, pass.logits, one_hot)?;
        let sum = graph.sum_leading(logits, 0)?;
        let gradients = graph.gradients(sum)?;
        let product = match gradients.of(pass.embedded) {
            Some(gradient) => graph.binary(Binary::Mul, gradient, pass.embedded)?,
            None => graph.affine(pass.embedded, 0.0, 0.0)?,
        };
        let sums = graph.apply(Op::SumLast, &[product])?[0];
        // |x| = relu(x) + relu(-x).
        let negative = graph.affine(sums, -1.0, 0.0)?;
        let (positive, negative) = (graph.unary(Unary::Relu, sums)?, graph.unary(Unary::Relu, negative)?);
        graph.binary(Binary::Add, positive, negative)
    }
}
