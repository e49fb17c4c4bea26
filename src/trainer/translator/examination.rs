//! How well an encoder-decoder does on strings it is not trained on: by length, by position, with the truth before it and
//! with what it wrote itself.

use super::Translator;
use crate::data::strings::{BOS, EOS, PAD, PairBatch};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, Op, ValueId};
use crate::engine::kernels::cross_entropy::argmax;
use crate::nn::encoder_decoder::Parameters;
use crate::nn::recurrent::LayerState;
use crate::nn::rollout::{Feed, Feedback, rollout};
use crate::trainer::evaluation::{Derived, Examination, Mean};
use crate::trainer::reward::{Reward, before_end};

/// Strings of all lengths together.
const OF_ALL_LENGTHS: usize = 240;
/// Strings of the longest besides.
const OF_THE_LONGEST: usize = 96;

/// From the marking of strings and the logits of their answers (T, N, V) to a measure.
type TakeMarked = Box<dyn Fn(&Marking, &[f32]) -> Vec<f32>>;

/// The answers to N strings, and what is right.
#[derive(Clone)]
struct Marking {
    /// N.
    count: usize,
    /// Of each string: the target and its end.
    targets: Vec<Vec<u32>>,
    /// Of each string: its length.
    lengths: Vec<usize>,
    longest: usize,
}

impl Translator {
    /// The strings of an examination.
    fn examined(&self) -> Vec<Vec<u32>> {
        let lengths = self.strings.lengths();
        let each = OF_ALL_LENGTHS / lengths.clone().count().max(1);
        let all = lengths.flat_map(|length| self.strings.held_out(each.max(1), length));
        all.chain(self.strings.held_out(each + OF_THE_LONGEST, self.strings.longest()).into_iter().skip(each)).collect()
    }

    pub(super) fn examine(&self) -> Result<Examination, EngineError> {
        let sources = self.examined();
        let count = sources.len();
        let mut graph = Graph::default();
        let parameters = self.all_parameters(&mut graph);
        graph.program("evaluate");
        let (source, encoded) = self.encoded(&mut graph, &parameters, "evaluate", count)?;
        let given = graph.input("evaluate/given", [self.steps(), count], Kind::Ids);
        let targets = graph.input("evaluate/targets", [self.steps(), count], Kind::Ids);
        let decoded = self.model.decode(&mut graph, &parameters, given, &encoded, None)?;
        let losses = graph.cross_entropy(decoded.logits, targets, Some(PAD))?;
        let hits = graph.apply(Op::ArgmaxEquals, &[decoded.logits, targets])?[0];
        let context = encoded.states.last().map(|state| state.h);
        let attention = decoded.attended.map(|attended| attended.weights);
        let named = [Some(losses), Some(hits), Some(decoded.logits), context, attention];
        for (value, name) in named.into_iter().zip(["losses", "hits", "logits", "context", "attention"]) {
            value.into_iter().for_each(|value| graph.name(value, format!("evaluate/{name}")));
        }
        let logits = self.answers(&mut graph, &parameters, source, count)?;

        let mut batch = PairBatch::default();
        self.strings.pairs(sources.iter().cloned(), count, &mut batch);
        let marking = self.marking(&sources);
        let mean = |path, of| {
            let right = batch.target_out.clone();
            let group = move |at: usize| right.get(at).is_some_and(|token| *token != PAD).then_some(0);
            Mean { path, of, shape: Vec::new(), group: Box::new(group) }
        };
        let means = vec![mean("evaluation/loss", losses), mean("evaluation/accuracy", hits)];
        let ends =
            |source: &Vec<u32>| [source.first(), source.last()].map(|token| token.map_or(0.0, |token| *token as f32));
        let known = vec![
            ("evaluation/lengths", self.strings.lengths().map(|length| length as f32).collect()),
            ("evaluation/context_ends", sources.iter().flat_map(ends).collect()),
        ];
        let mut derived = self.marked(&marking, decoded.logits, logits);
        if let Some(context) = context {
            let shape = vec![count, self.model.decoder().hidden];
            let take = Box::new(<[f32]>::to_vec);
            derived.push(Derived { path: "evaluation/contexts", program: "evaluate", of: context, shape, take });
        }
        if let Some(of) = attention.filter(|_| self.strings.aligned(0, 1).is_some()) {
            let (strings, lengths, places) = (self.strings.clone(), marking.lengths, self.strings.longest());
            let aligned = move |step: usize, length: usize| strings.aligned(step, length);
            let take = Box::new(move |weights: &[f32]| vec![mass(weights, &lengths, places, &aligned)]);
            derived.push(Derived { path: "evaluation/aligned", program: "evaluate", of, shape: Vec::new(), take });
        }
        let ids = vec![
            (source[0], batch.source),
            (source[1], batch.source_lengths),
            (given, batch.target_in),
            (targets, batch.target_out),
        ];
        Ok(Examination { graph, ids, numbers: Vec::new(), means, derived, known, writes: None })
    }

    /// The program `answer`: what the model writes when it reads its own tokens; logits (T, N, V).
    fn answers(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        source: [ValueId; 2],
        count: usize,
    ) -> Result<ValueId, EngineError> {
        graph.program("answer");
        let encoded = self.model.encode(graph, parameters, source[0], source[1])?;
        let first = graph.constant_ids([1, count], &vec![BOS; count])?;
        let states = LayerState::flat(&encoded.states);
        let run =
            rollout(graph, self.steps(), Feed::Own { first }, Feedback::Argmax, states, |graph, token, states| {
                self.model.step(graph, parameters, &encoded, token, states)
            })?;
        graph.name(run.logits, "answer/logits");
        Ok(run.logits)
    }

    fn marking(&self, sources: &[Vec<u32>]) -> Marking {
        let target = |source: &Vec<u32>| self.strings.target(source).into_iter().chain([EOS]).collect();
        Marking {
            count: sources.len(),
            targets: sources.iter().map(target).collect(),
            lengths: sources.iter().map(Vec::len).collect(),
            longest: self.strings.longest_target(),
        }
    }

    /// The measures of what is written: `forced` with the truth before it, `free` with its own.
    fn marked(&self, marking: &Marking, forced: ValueId, free: ValueId) -> Vec<Derived> {
        let (lengths, steps, reward) = (self.strings.lengths(), self.steps(), self.spec.reward);
        let several = lengths.clone().count();
        let measure = |path, program, of, shape, take: TakeMarked| {
            let marking = marking.clone();
            Derived { path, program, of, shape, take: Box::new(move |logits| take(&marking, logits)) }
        };
        let by_length = move |marking: &Marking, logits: &[f32]| marking.exact_by_length(logits, lengths.clone());
        let by_position = |marking: &Marking, logits: &[f32]| marking.error_by_position(logits);
        let worth = move |marking: &Marking, logits: &[f32]| vec![marking.reward(logits, reward)];
        vec![
            measure("evaluation/exact_match", "answer", free, vec![several], Box::new(by_length)),
            measure("evaluation/free_error", "answer", free, vec![steps], Box::new(by_position)),
            measure("evaluation/forced_error", "evaluate", forced, vec![steps], Box::new(by_position)),
            measure("evaluation/reward", "answer", free, Vec::new(), Box::new(worth)),
        ]
    }
}

impl Marking {
    /// The most probable token of every step, of each string: of logits (T, N, V).
    fn written(&self, logits: &[f32]) -> Vec<Vec<u32>> {
        let steps = self.longest + 1;
        let vocabulary = (logits.len() / (steps * self.count).max(1)).max(1);
        let token =
            |t: usize, string: usize| argmax(&logits[(t * self.count + string) * vocabulary..][..vocabulary]) as u32;
        (0..self.count).map(|string| (0..steps).map(|t| token(t, string)).collect()).collect()
    }

    /// The share of strings of each length that are right to the end.
    fn exact_by_length(&self, logits: &[f32], lengths: std::ops::RangeInclusive<usize>) -> Vec<f32> {
        let written = self.written(logits);
        let right = |string: usize| written[string].starts_with(&self.targets[string]);
        let fixed = lengths.start() == lengths.end();
        let share = |length: usize| {
            let of_it: Vec<usize> = (0..self.count).filter(|string| fixed || self.lengths[*string] == length).collect();
            of_it.iter().filter(|string| right(**string)).count() as f32 / of_it.len().max(1) as f32
        };
        lengths.map(share).collect()
    }

    /// The share of the longest strings that are wrong at each step. What comes after an early end is.
    fn error_by_position(&self, logits: &[f32]) -> Vec<f32> {
        let written = self.written(logits);
        let longest: Vec<usize> = (0..self.count).filter(|string| self.targets[*string].len() > self.longest).collect();
        let wrong = |string: usize, t: usize| {
            written[string][..t].contains(&EOS) || self.targets[string].get(t) != Some(&written[string][t])
        };
        let share =
            |t: usize| longest.iter().filter(|string| wrong(**string, t)).count() as f32 / longest.len().max(1) as f32;
        (0..=self.longest).map(share).collect()
    }

    /// The mean reward.
    fn reward(&self, logits: &[f32], reward: Reward) -> f32 {
        let written = self.written(logits);
        let worth =
            |(written, target): (&Vec<u32>, &Vec<u32>)| reward.of(before_end(written, EOS), before_end(target, EOS));
        written.iter().zip(&self.targets).map(worth).sum::<f32>() / self.count.max(1) as f32
    }
}

/// The mean attention weight, of weights (T, N, S), on the place that a target step depends on.
fn mass(weights: &[f32], lengths: &[usize], places: usize, aligned: &dyn Fn(usize, usize) -> Option<usize>) -> f32 {
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for (at, row) in weights.chunks_exact(places).enumerate() {
        let (step, string) = (at / lengths.len(), at % lengths.len());
        if let Some(place) = aligned(step, lengths[string]) {
            sum += f64::from(row[place]);
            count += 1;
        }
    }
    (sum / f64::from(count.max(1))) as f32
}
