//! Tasks whose examples are made as they are needed: random strings to be written again, backwards, or to be labelled.

use super::labelled::{Labelled, Pair};
use crate::engine::rng::{Rng, Stream};
use crate::spec::{ModelSpec, Task, limits};

/// Fills up sequences that are shorter than their batch's longest.
pub const PAD: u32 = 0;
/// Begins what a decoder reads.
pub const BOS: u32 = 1;
/// Ends what a decoder writes.
pub const EOS: u32 = 2;
/// The token of the letter a; the others follow.
pub const FIRST_LETTER: u32 = 3;

/// The shortest string that is made.
const SHORTEST: usize = 1;

/// Strings over the first letters of the alphabet.
#[derive(Clone, Debug, PartialEq)]
pub struct Strings {
    task: Task,
    letters: u32,
    longest: usize,
    seed: u32,
}

/// A batch for an encoder-decoder, time-major; S = the longest source, one step more for the decoder's end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairBatch {
    /// (S, B).
    pub source: Vec<u32>,
    /// (B).
    pub source_lengths: Vec<u32>,
    /// (S + 1, B): BOS, then the target.
    pub target_in: Vec<u32>,
    /// (S + 1, B): the target, then EOS.
    pub target_out: Vec<u32>,
}

impl Strings {
    /// The examples of a spec's task.
    pub fn new(spec: &ModelSpec) -> Strings {
        Strings { task: spec.task, letters: spec.symbols as u32, longest: spec.sequence_length, seed: spec.seed }
    }

    /// Tokens: PAD, BOS, EOS and the letters.
    pub fn vocabulary(&self) -> usize {
        (FIRST_LETTER + self.letters) as usize
    }

    /// What a token is shown as.
    pub fn symbols(&self) -> Vec<String> {
        let special = ["\u{00B7}", "\u{27E8}s\u{27E9}", "\u{27E8}/s\u{27E9}"].map(str::to_owned);
        special.into_iter().chain(self.letters()).collect()
    }

    /// The letters, which are also the labels.
    pub fn letters(&self) -> Vec<String> {
        (0..self.letters).map(|at| char::from(b'a' + at as u8).to_string()).collect()
    }

    /// The longest string.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// A string's tokens; characters that are none of the letters become the first.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let letter = |symbol: char| (symbol as u32).wrapping_sub('a' as u32);
        text.chars()
            .map(|symbol| FIRST_LETTER + Some(letter(symbol)).filter(|at| *at < self.letters).unwrap_or(0))
            .collect()
    }

    /// What the task makes of a source.
    pub fn target(&self, source: &[u32]) -> Vec<u32> {
        match self.task {
            Task::Reverse => source.iter().rev().copied().collect(),
            _ => source.to_vec(),
        }
    }

    /// The letter a string has most of, the first of equals, counted from 0.
    pub fn label(&self, string: &[u32]) -> u32 {
        let count = |letter: u32| string.iter().filter(|token| **token == FIRST_LETTER + letter).count();
        (0..self.letters).max_by_key(|letter| (count(*letter), std::cmp::Reverse(*letter))).unwrap_or(0)
    }

    /// The string with this number in the stream: its length is uniform, and so are its letters.
    fn string(&self, stream: Stream, number: u64) -> Vec<u32> {
        let rng = Rng::new(self.seed, stream);
        let place = number * (*limits::STRING_LENGTH.end() as u64 + 1);
        let length = SHORTEST + rng.below(place, (self.longest + 1 - SHORTEST) as u32) as usize;
        (1..=length as u64).map(|at| FIRST_LETTER + rng.below(place + at, self.letters)).collect()
    }

    /// The strings of a training step.
    pub fn training(&self, step: u64, batch: usize) -> impl Iterator<Item = Vec<u32>> + '_ {
        (0..batch as u64).map(move |at| self.string(Stream::Batches, step * batch as u64 + at))
    }

    /// Strings that are kept for evaluation, of every length.
    pub fn examined(&self, count: usize) -> Vec<Vec<u32>> {
        (0..count as u64).map(|number| self.string(Stream::Evaluation, number)).collect()
    }

    /// Strings that are kept for evaluation, of one length.
    pub fn held_out(&self, count: usize, length: usize) -> Vec<Vec<u32>> {
        let rng = Rng::new(self.seed, Stream::Evaluation);
        let letter = |at: usize| FIRST_LETTER + rng.below(at as u64, self.letters);
        (0..count).map(|string| (0..length).map(|at| letter(string * length + at)).collect()).collect()
    }

    /// Sources and targets, padded to the longest of the task.
    pub fn pairs(&self, sources: impl Iterator<Item = Vec<u32>>, batch: usize, to: &mut PairBatch) {
        let cells = self.longest * batch;
        for (tokens, len) in [
            (&mut to.source, cells),
            (&mut to.target_in, cells + batch),
            (&mut to.target_out, cells + batch),
            (&mut to.source_lengths, batch),
        ] {
            tokens.clear();
            tokens.resize(len, PAD);
        }
        for (at, source) in sources.take(batch).enumerate() {
            to.source_lengths[at] = source.len() as u32;
            let target = self.target(&source);
            to.target_in[at] = BOS;
            for (t, (from, into)) in source.iter().zip(&target).enumerate() {
                to.source[t * batch + at] = *from;
                to.target_in[(t + 1) * batch + at] = *into;
                to.target_out[t * batch + at] = *into;
            }
            to.target_out[target.len() * batch + at] = EOS;
        }
    }

    fn labelled(&self, strings: impl IntoIterator<Item = Vec<u32>>) -> Vec<Pair> {
        strings.into_iter().map(|string| (self.label(&string), string)).map(|(label, string)| (string, label)).collect()
    }
}

impl Labelled for Strings {
    fn symbols(&self) -> Vec<String> {
        Strings::symbols(self)
    }

    fn labels(&self) -> Vec<String> {
        self.letters()
    }

    fn longest(&self) -> usize {
        self.longest
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        Strings::encode(self, text)
    }

    fn training(&self, step: u64, batch: usize) -> Vec<Pair> {
        self.labelled(Strings::training(self, step, batch))
    }

    fn held_out(&self, count: usize, length: Option<usize>) -> Vec<Pair> {
        let of = |length: usize| Strings::held_out(self, count, length.clamp(SHORTEST, self.longest));
        self.labelled(length.map_or_else(|| self.examined(count), of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Architecture;

    fn strings(task: Task) -> Strings {
        let model = if task == Task::Majority { Architecture::Classifier } else { Architecture::EncoderDecoder };
        let spec = ModelSpec { model, task, embedding: 8, symbols: 4, sequence_length: 6, ..ModelSpec::default() };
        assert_eq!(spec.validate(), Ok(()));
        Strings::new(&spec)
    }

    #[test]
    fn pairs_are_padded_and_bounded() {
        let task = strings(Task::Reverse);
        let mut batch = PairBatch::default();
        task.pairs([task.encode("abc"), task.encode("d")].into_iter(), 2, &mut batch);
        let column = |tokens: &[u32], at: usize| tokens.iter().skip(at).step_by(2).copied().collect::<Vec<u32>>();
        assert_eq!(column(&batch.source, 0), [3, 4, 5, PAD, PAD, PAD]);
        assert_eq!(column(&batch.target_in, 0), [BOS, 5, 4, 3, PAD, PAD, PAD]);
        assert_eq!(column(&batch.target_out, 0), [5, 4, 3, EOS, PAD, PAD, PAD]);
        assert_eq!(column(&batch.target_out, 1), [6, EOS, PAD, PAD, PAD, PAD, PAD]);
        assert_eq!(batch.source_lengths, [3, 1]);
    }

    #[test]
    fn training_strings_repeat_by_seed_and_step_and_have_every_length() {
        let task = strings(Task::Copy);
        let made: Vec<Vec<u32>> = task.training(3, 200).collect();
        assert_eq!(made, task.training(3, 200).collect::<Vec<_>>());
        assert_ne!(made, task.training(4, 200).collect::<Vec<_>>());
        for length in 1..=6 {
            assert!(made.iter().any(|string| string.len() == length), "{length}");
        }
        assert!(made.iter().flatten().all(|token| (3..7).contains(token)));
    }

    #[test]
    fn the_label_is_the_most_frequent_letter() {
        let task = strings(Task::Majority);
        let label = |text: &str| task.label(&task.encode(text));
        assert_eq!([label("abb"), label("cabd"), label("ddaabd"), label("c")], [1, 0, 3, 2]);
    }
}
