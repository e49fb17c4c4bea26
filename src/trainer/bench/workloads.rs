//! The workloads of the benchmark: the table, and their training graphs with a batch.

use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, ValueId};
use crate::engine::kernels::unary::Unary;
use crate::engine::optimiser::Optimiser;
use crate::engine::rng::{Rng, Stream};
use crate::nn::attention::{AttentionDecoder, Query, Score};
use crate::nn::encoder_decoder::EncoderDecoder;
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::nn::language_model::LanguageModel;
use crate::nn::recurrent::Recurrent;
use crate::nn::transformer::{Block, Positions, Transformer};
use crate::protocol::{Workload, WorkloadModel};
use crate::spec::{Architecture, BackendKind, ModelSpec};
use crate::trainer::model::{self, Training, Watch};
use crate::trainer::network::{Network, network};

/// A named workload: the table every benchmark goes through.
pub struct Named {
    /// `W1`.
    pub name: &'static str,
    /// The workload, on the CPU.
    pub workload: Workload,
}

/// The workloads that are compared with other engines.
pub fn workloads() -> Vec<Named> {
    let named = |name, model, cell, [vocab, hidden, steps, batch]: [usize; 4]| Named {
        name,
        workload: Workload {
            model,
            cell,
            layers: 1,
            vocab,
            hidden,
            steps,
            batch,
            backend: BackendKind::Cpu,
            seconds: 2.0,
        },
    };
    let characters = WorkloadModel::Characters;
    let attention = |previous| WorkloadModel::Attention { embedding: 32, source: 24, previous };
    vec![
        named("W1", characters, Cell::Lstm, [64, 128, 64, 32]),
        named("W2", characters, Cell::Lstm, [16, 32, 20, 16]),
        named("W3", characters, Cell::Gru, [64, 256, 64, 32]),
        named("W4", characters, Cell::Rnn, [32, 64, 100, 16]),
        named("W5", attention(true), Cell::Gru, [40, 64, 12, 32]),
        named("W5, current state", attention(false), Cell::Gru, [40, 64, 12, 32]),
        named("W6", characters, Cell::Lstm, [32, 64, 512, 8]),
        named("Transformer", WorkloadModel::Transformer { heads: 4, feed_forward: 256 }, Cell::Rnn, [64, 64, 64, 16]),
        named("Mamba", WorkloadModel::Mamba { state: 16 }, Cell::Rnn, [64, 64, 64, 16]),
        named("S4D", WorkloadModel::S4d { modes: 16 }, Cell::Rnn, [64, 64, 64, 16]),
    ]
}

/// A workload ready to be planned.
pub struct Prepared {
    /// Its training step.
    pub training: Training,
    /// The flat parameters at the start.
    pub initial: Vec<f32>,
    /// The batch.
    pub inputs: Vec<(ValueId, Vec<u32>)>,
}

/// A workload's training step with a batch to learn by heart.
///
/// # Errors
/// [`EngineError::Shape`], for heads that do not divide the width.
pub fn prepare(workload: &Workload, optimiser: Optimiser) -> Result<Prepared, EngineError> {
    let (training, inputs) = match workload.model {
        WorkloadModel::Characters | WorkloadModel::Writing => characters(workload, optimiser)?,
        WorkloadModel::WritingTransformer { heads, feed_forward } => {
            transformer(workload, optimiser, [heads, feed_forward])?
        }
        WorkloadModel::Attention { embedding, source, previous } => {
            let query = if previous { Query::Previous } else { Query::Current };
            attention(workload, optimiser, [embedding, source], query)?
        }
        WorkloadModel::Mamba { state } => state_space(workload, optimiser, Architecture::Mamba, state)?,
        WorkloadModel::S4d { modes } => state_space(workload, optimiser, Architecture::S4d, modes)?,
        WorkloadModel::Transformer { heads, feed_forward } => transformer(workload, optimiser, [heads, feed_forward])?,
    };
    let initial = initial_parameters(&training.graph, 1, Initialisation::default());
    Ok(Prepared { training, initial, inputs })
}

type Built = Result<(Training, Vec<(ValueId, Vec<u32>)>), EngineError>;

/// The language model that writes, and the place of the token whose writing is measured, where that matters.
pub fn writer(workload: &Workload) -> (Box<dyn Network>, Option<u32>) {
    match workload.model {
        WorkloadModel::WritingTransformer { heads, feed_forward } => {
            (Box::new(blocks(workload, [heads, feed_forward])), Some(workload.steps.saturating_sub(1) as u32))
        }
        _ => (Box::new(recurrent(workload)), None),
    }
}

fn recurrent(workload: &Workload) -> LanguageModel {
    let Workload { cell, layers, vocab, hidden, .. } = *workload;
    LanguageModel { cell, layers, vocabulary: vocab, embedding: None, hidden, bidirectional: false, dropout: 0.0 }
}

fn characters(workload: &Workload, optimiser: Optimiser) -> Built {
    let Workload { steps, batch, .. } = *workload;
    let training = model::training(&recurrent(workload), steps, batch, optimiser, Watch::Nothing)?;
    let inputs = [training.graph.find("train/tokens")?, training.graph.find("train/targets")?];
    let batches = [periodic(workload, 0, steps), periodic(workload, 1, steps)];
    Ok((training, inputs.into_iter().zip(batches).collect()))
}

/// Encoder and decoder of one layer; the decoder starts from the encoder's last state and attends to all of them.
fn attention(workload: &Workload, optimiser: Optimiser, [width, source]: [usize; 2], query: Query) -> Built {
    let Workload { cell, vocab, hidden, steps, batch, .. } = *workload;
    let model = EncoderDecoder::Attending {
        source_vocabulary: vocab,
        encoder: Recurrent::new(cell, width, hidden),
        decoder: AttentionDecoder {
            cell,
            vocabulary: vocab,
            embedding: width,
            hidden,
            memory: hidden,
            score: Score::Additive { width: hidden },
            query,
            attentional: false,
        },
    };
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("train");
    let [sources, tokens, targets] = [("source", source), ("tokens", steps), ("targets", steps)]
        .map(|(name, steps)| graph.input(format!("train/{name}"), [steps, batch], Kind::Ids));
    let lengths = graph.input("train/lengths", [batch], Kind::Ids);
    let encoded = model.encode(&mut graph, &parameters, sources, lengths)?;
    let decoded = model.decode(&mut graph, &parameters, tokens, &encoded, None)?;
    let training = close(graph, decoded.logits, targets, optimiser)?;
    let inputs = vec![
        (sources, periodic(workload, 0, source)),
        (lengths, vec![source as u32; batch]),
        (tokens, periodic(workload, source, steps)),
        (targets, periodic(workload, source + 1, steps)),
    ];
    Ok((training, inputs))
}

/// A causal language model of `layers` blocks.
fn blocks(workload: &Workload, [heads, feed_forward]: [usize; 2]) -> Transformer {
    let Workload { layers, vocab, hidden: model, steps, .. } = *workload;
    let block = Block { model, heads, feed_forward, activation: Unary::Gelu, causal: true, eps: 1e-5 };
    let positions = Positions::Sinusoidal;
    Transformer { vocabulary: vocab, outputs: vocab, block, layers, positions, longest: steps, final_norm: true }
}

fn transformer(workload: &Workload, optimiser: Optimiser, sizes: [usize; 2]) -> Built {
    let Workload { steps, batch, .. } = *workload;
    let model = blocks(workload, sizes);
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph)?;
    graph.program("train");
    let [tokens, targets] =
        ["tokens", "targets"].map(|name| graph.input(format!("train/{name}"), [steps, batch], Kind::Ids));
    let pass = model.forward(&mut graph, &parameters, tokens)?;
    let training = close(graph, pass.logits, targets, optimiser)?;
    Ok((training, vec![(tokens, periodic(workload, 0, steps)), (targets, periodic(workload, 1, steps))]))
}

/// A language model of `layers` state-space blocks, step by step.
fn state_space(workload: &Workload, optimiser: Optimiser, model: Architecture, state_size: usize) -> Built {
    let Workload { layers, vocab, hidden, steps, batch, .. } = *workload;
    let spec = ModelSpec { model, layers, hidden, state_size, ..ModelSpec::default() };
    let training = model::training(network(&spec, vocab).as_ref(), steps, batch, optimiser, Watch::Nothing)?;
    let inputs = [training.graph.find("train/tokens")?, training.graph.find("train/targets")?];
    let batches = [periodic(workload, 0, steps), periodic(workload, 1, steps)];
    Ok((training, inputs.into_iter().zip(batches).collect()))
}

/// Cross entropy at every step, gradients, optimiser.
fn close(mut graph: Graph, logits: ValueId, targets: ValueId, optimiser: Optimiser) -> Result<Training, EngineError> {
    let nll = graph.cross_entropy(logits, targets, None)?;
    let loss = graph.mean(nll)?;
    graph.name(loss, "loss");
    graph.keep_gradients(loss)?;
    Training::close(graph, optimiser, loss, None)
}

/// Steps from `first` on of sequences (T, B) that walk through the vocabulary, each with its own stride and start, so that
/// there is something to learn.
fn periodic(workload: &Workload, first: usize, steps: usize) -> Vec<u32> {
    let rng = Rng::new(1, Stream::Task);
    let vocab = workload.vocab as u32;
    let token = |t: usize, sequence: usize| {
        let start = rng.below(2 * sequence as u64, vocab);
        let stride = 1 + rng.below(2 * sequence as u64 + 1, 3);
        (start + t as u32 * stride) % vocab
    };
    (first..first + steps)
        .flat_map(|t| (0..workload.batch).map(move |sequence| (t, sequence)))
        .map(|(t, b)| token(t, b))
        .collect()
}
