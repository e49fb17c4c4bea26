//! All that passes between the page and the engine's worker.
//!
//! A message is a header ([`Command`] or [`Event`], as bytes: [`wire`](crate::wire)) and, for frames, one transferred `ArrayBuffer` of f32
//! that the page gives back with its next [`Command::NextFrame`], so that a running lab allocates nothing.
//! The worker posts a frame only when one was asked for: a slow page sees fewer frames, never a queue.
//! A file, in either direction, is an `ArrayBuffer` of exactly its bytes.

use crate::engine::cell::Cell;
use crate::spec::{BackendKind, ModelSpec, SpecError};
use crate::wire::{wire_enum, wire_struct};

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Build a model for this text and start over. An invalid spec or text leaves the run that is going on untouched.
    Build { spec: ModelSpec, text: String, run: bool },
    /// Change a live property (`live` in the table) without starting over.
    Adjust { learning_rate: f32, clip: Option<f32> },
    /// Train until paused.
    Run,
    /// Train only this share (0..1] of the time on the CPU and rest the other: where a page trains more models than there
    /// are processors, its own thread would hardly get one.
    Share { of: f32 },
    /// Stop after the step in hand.
    Pause,
    /// Train this many steps, then pause.
    Step { count: u32 },
    /// Back to step 0 with the same seed.
    Reset,
    /// Pause, and go back to the newest snapshot at or before `step` (see [`FrameHeader::snapshots`]); the next frame
    /// shows it. [`Command::Run`] and [`Command::Step`] go on from there exactly as before; then later snapshots are dropped.
    Travel { step: u64 },
    /// Operate on the copy of the parameters that the probe text, the samples and what is measured on them are run with;
    /// training never sees it. These edits take the place of all earlier ones; none gives the model itself back.
    /// One that does not fit is left out; [`Event::EditsRefused`] says so.
    Operate { edits: Vec<Edit> },
    /// The text whose gates are shown, and the sampling temperature.
    Observe { probe: String, temperature: f32 },
    /// The paths the visible views want in every frame (see [`FrameHeader::sections`]).
    Watch { paths: Vec<String> },
    /// Ask for one frame; the `ArrayBuffer` of an earlier one may travel along for reuse.
    NextFrame,
    /// Ask once for the tensor at `path`; answered by [`Event::Probe`] with the same `id`.
    Probe { id: u32, path: String },
    /// Ask for the parameters as a safetensors file with PyTorch's names; answered by [`Event::File`] or [`Event::Failed`].
    Export { id: u32 },
    /// Start over, at step 0, from the parameters of a safetensors file, whose bytes are the message's buffer; answered by
    /// [`Event::Imported`], or by [`Event::Failed`] with all that does not fit, and then nothing has changed.
    Import {
        id: u32,
        /// Filled from the message's buffer.
        bytes: Vec<u8>,
    },
    /// Give the GPU up as if it had been lost: what a driver's reset does, for trying the way back to the CPU.
    LoseGpu,
    /// Measure a workload for about `seconds`; answered by [`Event::Bench`] or [`Event::Failed`].
    Bench { id: u32, workload: Workload },
}

/// A change of the parameters, see [`Command::Operate`]. `layer` counts from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Hold a gate of all units, or of one, at a value, in every direction of the layer: i, f, o, r, z in 0..1, the
    /// candidate g or n in -1..1.
    Clamp { layer: usize, gate: String, unit: Option<usize>, value: f32 },
    /// Nothing reads this unit's hidden state: not the layer at its next step, not the layer above, not the output.
    Zero { layer: usize, unit: usize },
    /// Set a number of a parameter, by PyTorch's name and the number's place in the rows one after the other.
    Weight { name: String, index: usize, value: f32 },
    /// Give a place of the source this weight (0..1) in the attention of a target step, both from 0; the other places share
    /// what is left. Only the probe text's answer shows it.
    Attend { step: usize, place: usize, weight: f32 },
}

/// A benchmark workload: one training step = forward, cross entropy at every timestep, full BPTT, Adam.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What is trained; a character model where nothing is said.
    pub model: WorkloadModel,
    pub cell: Cell,
    pub layers: usize,
    pub vocab: usize,
    pub hidden: usize,
    /// Timesteps T.
    pub steps: usize,
    pub batch: usize,
    pub backend: BackendKind,
    /// How long to measure.
    pub seconds: f32,
}

/// What kind of model a workload trains, and the sizes that only this kind has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WorkloadModel {
    /// One-hot characters, recurrent layers, a linear layer.
    #[default]
    Characters,
    /// A recurrent encoder over `source` steps and a decoder over `steps` with additive attention as wide as the layers;
    /// the state before the step asks (`previous`), or the one after it.
    Attention { embedding: usize, source: usize, previous: bool },
    /// A language model of `layers` Mamba blocks of width `hidden`, with so many numbers of state a channel; it has no cell.
    Mamba { state: usize },
    /// A language model of `layers` S4D blocks of width `hidden` with so many modes a channel; it has no cell.
    S4d { modes: usize },
    /// A causal language model of `layers` pre-LN blocks of width `hidden`; it has no cell.
    Transformer { heads: usize, feed_forward: usize },
    /// No training: characters written one by one, each drawn from the logits. A step is a character.
    Writing,
    /// The same by a causal language model of `layers` pre-LN blocks of width `hidden`, as its token number `steps`: the keys
    /// and values of all before are kept.
    WritingTransformer { heads: usize, feed_forward: usize },
}

/// What a measurement found.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchResult {
    pub steps_per_second: f64,
    pub first_loss: f32,
    pub last_loss: f32,
    pub parameters: usize,
    /// The backend that really ran.
    pub backend: BackendKind,
    /// The adapter's name; empty on the CPU.
    pub adapter: String,
    /// Floating point operations of the matrix products of one step (a multiply and an add are two).
    pub flops_per_step: f64,
    /// The largest matrix product rate measured on this device in the same run, FLOP/s; 0 where not measured (GPU).
    pub gemm_peak: f64,
    /// steps/s if matrix products ran at `gemm_peak` and the transcendental functions at their measured rate; 0 on the GPU.
    pub bound_steps_per_second: f64,
    /// Compute dispatches of one step; 0 on the CPU.
    pub dispatches: usize,
    /// Bytes of what is carried from a written token to the next; 0 where nothing is written.
    pub carried_bytes: usize,
}

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The worker listens. `build` names the build both programs must come from.
    Ready { build: String },
    /// A model stands; what follows belongs to it.
    Built(Box<ModelInfo>),
    /// The model of the last `Built` goes on on another backend, from an earlier step: rows of the history after it are void.
    Moved(Box<ModelInfo>),
    /// The last `Build`, `Adjust` or `Observe` was refused; the run that was going on is untouched.
    Rejected { errors: Vec<SpecError> },
    /// Of the last `Operate` only `edits` are made, the others do not fit; `errors` have the key `surgery`.
    EditsRefused { edits: Vec<Edit>, errors: Vec<SpecError> },
    /// A frame; its numbers are in the message's `ArrayBuffer`.
    Frame(FrameHeader),
    /// Something the learner should know: the GPU was lost and training goes on on the CPU, say.
    Notice { message: String },
    /// Training stopped by itself: a loss or gradient that is not finite.
    Diverged { step: u64, node: String, advice: String },
    /// Answer to [`Command::Probe`]; `shape` is empty and `values` too where the path is unknown.
    Probe { id: u32, path: String, shape: Vec<usize>, values: Vec<f32>, error: Option<String> },
    /// Answer to [`Command::Bench`].
    Bench { id: u32, result: BenchResult },
    /// Answer to [`Command::Export`]: a file of this name, whose bytes are the message's buffer, all of it.
    File { id: u32, name: String },
    /// Answer to [`Command::Import`]: the model of the last `Built` is at step 0 with the file's parameters, where
    /// [`Command::Reset`] now goes back to.
    Imported { id: u32 },
    /// A command failed.
    Failed { id: u32, message: String },
}

/// The model that is being trained.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// The spec it was built from.
    pub spec: ModelSpec,
    /// The backend that really runs it, which is the CPU where there is no adapter.
    pub backend: BackendKind,
    /// The adapter's name; empty on the CPU.
    pub adapter: String,
    /// Symbols by token id. The "other" symbol, where there is one, is U+FFFD.
    pub vocabulary: Vec<String>,
    /// What each label is shown as; none for a model that labels nothing.
    pub labels: Vec<String>,
    /// Distinct characters that were folded into the "other" symbol.
    pub folded: usize,
    /// Characters of the training text.
    pub characters: usize,
    /// Trainable numbers.
    pub parameters: usize,
    /// Name (PyTorch's) and shape of every parameter, in the order of `gradient_norms`.
    pub parameter_shapes: Vec<(String, Vec<usize>)>,
    /// Every path that can be watched or probed, with its shape.
    pub paths: Vec<(String, Vec<usize>)>,
    /// Matrix product FLOPs of one step.
    pub flops_per_step: f64,
    /// Bytes of all buffers.
    pub bytes: usize,
    /// Compute dispatches of one training step; 0 on the CPU.
    pub dispatches: usize,
    /// The plan, printed.
    pub plan: String,
}

/// Where a tensor lies in a frame's buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its path.
    pub path: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Index of its first f32.
    pub offset: usize,
}

impl Section {
    /// Numbers of the tensor.
    pub fn length(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The numbers of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameHeader {
    /// Steps done.
    pub step: u64,
    /// Whether training goes on.
    pub running: bool,
    /// Mean time of the latest steps, milliseconds.
    pub step_ms: f32,
    /// Seconds of training since step 0, views and pauses left out.
    pub seconds: f32,
    /// Training tokens per second, views and pauses included.
    pub tokens_per_second: f32,
    /// The probe text as its tokens, so that unknown characters are seen folded.
    pub probe_tokens: Vec<u32>,
    /// The latest text sampled from the model, and the step it was sampled at.
    pub sample: String,
    pub sample_step: u64,
    /// Steps that [`Command::Travel`] can go to, ascending. Those after `step` are kept until training goes on.
    pub snapshots: Vec<u64>,
    /// Whether the probe text and the sample are of an operated copy of the model, see [`Command::Operate`].
    pub operated: bool,
    /// The tensors in the buffer. Always there: `history` [n, 4 + P], a row per step since the last frame: step,
    /// loss (nats per character), accuracy, total gradient norm (before clipping), then the gradient norm of each
    /// parameter. Where a row's step is not after the last one's, or `step` is before it, training went back: the rows in
    /// between are void. Where watched: `layers/K/grad_h_norm` [T] and `layers/K/grad_c_norm` [T], norms of the training
    /// batch's dL/dh_t and dL/dc_t; `probe/layers/K/X` [T', H] with X a signal of the cell (i, f, g, o, c, h, r, z, n);
    /// `probe/probabilities` [T', V]; `parameters/NAME`; `probe_gradient/layers/K/X` as `probe/layers/K/X`: dL/dX, L the
    /// mean cross entropy of the probe text's own next characters, or of a made sequence the loss that is trained. A direction that reads backwards is `K_reverse`.
    /// Of a decoder: `probe/own/tokens` [n], the tokens it answers, `probe/target` [m], the right ones, both with their end;
    /// `probe/attention` [T, 1, S], `probe/energies`, `probe/context` [T, 1, E] with the truth before each step, under
    /// `probe/own/` with its own tokens. Of the
    /// probe text's lines, a ragged batch of B: `ragged/lengths` [B]; `ragged/packed`, `ragged/padded`, `ragged/alone`
    /// [B, H], each line's last hidden state; `ragged/difference` [2, B], the largest |packed - alone|, |padded - alone|;
    /// `ragged/saved` [1], the share of steps that padding alone makes; `ragged/time` [2], seconds, packed and padded.
    pub sections: Vec<Section>,
}

wire_enum!(Command {
    Build { spec, text, run },
    Adjust { learning_rate, clip },
    Run,
    Share { of },
    Pause,
    Step { count },
    Reset,
    Travel { step },
    Operate { edits },
    Observe { probe, temperature },
    Watch { paths },
    NextFrame,
    Probe { id, path },
    Export { id },
    Import { id, bytes },
    LoseGpu,
    Bench { id, workload },
});
wire_enum!(Edit { Clamp { layer, gate, unit, value }, Zero { layer, unit }, Weight { name, index, value }, Attend { step, place, weight } });
wire_struct!(Workload { model, cell, layers, vocab, hidden, steps, batch, backend, seconds });
wire_enum!(WorkloadModel {
    Characters,
    Attention { embedding, source, previous },
    Mamba { state },
    S4d { modes },
    Transformer { heads, feed_forward },
    Writing,
    WritingTransformer { heads, feed_forward },
});
wire_enum!(Event {
    Ready { build },
    Built(info),
    Moved(info),
    Rejected { errors },
    EditsRefused { edits, errors },
    Frame(header),
    Notice { message },
    Diverged { step, node, advice },
    Probe { id, path, shape, values, error },
    Bench { id, result },
    File { id, name },
    Imported { id },
    Failed { id, message },
});
wire_struct!(BenchResult {
    steps_per_second,
    first_loss,
    last_loss,
    parameters,
    backend,
    adapter,
    flops_per_step,
    gemm_peak,
    bound_steps_per_second,
    dispatches,
    carried_bytes,
});
wire_struct!(ModelInfo {
    spec,
    backend,
    adapter,
    vocabulary,
    labels,
    folded,
    characters,
    parameters,
    parameter_shapes,
    paths,
    flops_per_step,
    bytes,
    dispatches,
    plan,
});
wire_struct!(Section { path, shape, offset });
wire_struct!(FrameHeader {
    step,
    running,
    step_ms,
    seconds,
    tokens_per_second,
    probe_tokens,
    sample,
    sample_step,
    snapshots,
    operated,
    sections,
});
