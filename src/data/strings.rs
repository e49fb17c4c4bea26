//! Tasks whose examples are made as they are needed: random strings to be written again, backwards, or to be labelled, and
//! dates to be written in another form.

use super::dates::{self, Date};
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
/// [`Task::Chain`]: of so many letters, one is drawn freely; the others follow their predecessor in the alphabet.
const FREE: u32 = 5;
/// Random numbers set aside for an example.
const ROOM: u64 = *limits::STRING_LENGTH.end() as u64 + 1;

/// Strings over the first letters of the alphabet; dates over their own symbols.
#[derive(Clone, Debug, PartialEq)]
pub struct Strings {
    task: Task,
    letters: u32,
    longest: usize,
    seed: u32,
}

/// A batch for an encoder-decoder, time-major; S = the longest source, T = the longest target and one step for its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairBatch {
    /// (S, B).
    pub source: Vec<u32>,
    /// (B).
    pub source_lengths: Vec<u32>,
    /// (T, B): BOS, then the target.
    pub target_in: Vec<u32>,
    /// (T, B): the target, then EOS.
    pub target_out: Vec<u32>,
}

impl Strings {
    /// The examples of a spec's task.
    pub fn new(spec: &ModelSpec) -> Strings {
        Strings { task: spec.task, letters: spec.symbols as u32, longest: spec.sequence_length, seed: spec.seed }
    }

    /// Tokens: PAD, BOS, EOS and the letters.
    pub fn vocabulary(&self) -> usize {
        FIRST_LETTER as usize + self.letters().len()
    }

    /// What a token is shown as.
    pub fn symbols(&self) -> Vec<String> {
        let special = ["\u{00B7}", "\u{27E8}s\u{27E9}", "\u{27E8}/s\u{27E9}"].map(str::to_owned);
        special.into_iter().chain(self.letters()).collect()
    }

    /// The letters, which are also the labels.
    pub fn letters(&self) -> Vec<String> {
        match self.task {
            Task::Dates => dates::SYMBOLS.chars().map(String::from).collect(),
            _ => (0..self.letters).map(|at| char::from(b'a' + at as u8).to_string()).collect(),
        }
    }

    /// The longest source.
    pub fn longest(&self) -> usize {
        if self.task == Task::Dates { dates::LONGEST } else { self.longest }
    }

    /// The longest target, without its end.
    pub fn longest_target(&self) -> usize {
        if self.task == Task::Dates { dates::ISO } else { self.longest }
    }

    /// The lengths that sources have, if there are several that can be told apart.
    pub fn lengths(&self) -> std::ops::RangeInclusive<usize> {
        if self.task == Task::Dates { dates::LONGEST..=dates::LONGEST } else { SHORTEST..=self.longest }
    }

    /// A string's tokens, as many as the longest source has; characters that are none of the letters become the first.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let letters = self.letters();
        let token = |symbol: char| letters.iter().position(|letter| letter.starts_with(symbol)).unwrap_or(0) as u32;
        let symbols = text.chars().map(|symbol| symbol.to_ascii_lowercase());
        symbols.map(|symbol| FIRST_LETTER + token(symbol)).take(self.longest()).collect()
    }

    /// The text of tokens.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let letters = self.letters();
        let letter = |token: &u32| letters.get(token.checked_sub(FIRST_LETTER)? as usize);
        tokens.iter().filter_map(letter).map(String::as_str).collect()
    }

    /// What the task makes of a source; nothing of one that says no date.
    pub fn target(&self, source: &[u32]) -> Vec<u32> {
        match self.task {
            Task::Reverse | Task::Chain => source.iter().rev().copied().collect(),
            Task::Dates => Date::read(&self.decode(source)).map_or_else(Vec::new, |date| self.encode(&date.iso())),
            _ => source.to_vec(),
        }
    }

    /// The place of the source that target step `step` depends on, where it is one place.
    pub fn aligned(&self, step: usize, source_length: usize) -> Option<usize> {
        match self.task {
            Task::Reverse | Task::Chain => source_length.checked_sub(step + 1),
            Task::Copy => Some(step).filter(|step| *step < source_length),
            _ => None,
        }
    }

    /// The letter a string has most of, the first of equals, counted from 0.
    pub fn label(&self, string: &[u32]) -> u32 {
        let count = |letter: u32| string.iter().filter(|token| **token == FIRST_LETTER + letter).count();
        (0..self.letters).max_by_key(|letter| (count(*letter), std::cmp::Reverse(*letter))).unwrap_or(0)
    }

    /// The string with this number in the stream: its length is uniform.
    fn string(&self, stream: Stream, number: u64) -> Vec<u32> {
        let (rng, place) = (Rng::new(self.seed, stream), number * ROOM);
        let length = SHORTEST + rng.below(place, (self.longest() + 1 - SHORTEST) as u32) as usize;
        self.of_length(stream, place + 1, length)
    }

    /// A string whose random numbers begin at this place of the stream. Every letter is as frequent as every other; a date is
    /// as long as it is.
    fn of_length(&self, stream: Stream, place: u64, length: usize) -> Vec<u32> {
        let rng = Rng::new(self.seed, stream);
        let mut places = place..;
        let mut below = |bound: u32| rng.below(places.next().unwrap_or(place), bound);
        match self.task {
            Task::Dates => {
                let date = Date::draw(&mut below);
                self.encode(&date.written(below(dates::FORMS)))
            }
            Task::Chain => {
                let mut letter = below(self.letters);
                let mut next = |_| {
                    let drawn = below(FREE * self.letters);
                    let given = letter;
                    letter = if drawn < self.letters { drawn } else { (letter + 1) % self.letters };
                    FIRST_LETTER + given
                };
                (0..length).map(&mut next).collect()
            }
            _ => (0..length).map(|_| FIRST_LETTER + below(self.letters)).collect(),
        }
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
        let string = |number: u64| self.of_length(Stream::Evaluation, number * ROOM + 1, length);
        (0..count as u64).map(string).collect()
    }

    /// Sources and targets, padded to the longest of the task.
    pub fn pairs(&self, sources: impl Iterator<Item = Vec<u32>>, batch: usize, to: &mut PairBatch) {
        let target = (self.longest_target() + 1) * batch;
        for (tokens, len) in [
            (&mut to.source, self.longest() * batch),
            (&mut to.target_in, target),
            (&mut to.target_out, target),
            (&mut to.source_lengths, batch),
        ] {
            tokens.clear();
            tokens.resize(len, PAD);
        }
        for (at, source) in sources.take(batch).enumerate() {
            to.source_lengths[at] = source.len() as u32;
            for (t, token) in source.iter().enumerate() {
                to.source[t * batch + at] = *token;
            }
            let target = self.target(&source);
            to.target_in[at] = BOS;
            for (t, token) in target.iter().enumerate() {
                to.target_in[(t + 1) * batch + at] = *token;
                to.target_out[t * batch + at] = *token;
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
    fn dates_become_iso_dates() {
        let task = strings(Task::Dates);
        assert_eq!((task.longest(), task.longest_target()), (18, 10));
        let source = task.encode("March 5, 1998");
        assert_eq!(task.decode(&task.target(&source)), "1998-03-05");
        assert!(task.target(&task.encode("tomorrow")).is_empty());
        for made in task.training(0, 100) {
            assert_eq!(task.target(&made).len(), 10, "{}", task.decode(&made));
        }
    }

    #[test]
    fn most_letters_of_a_chain_follow_their_predecessor() {
        let task = strings(Task::Chain);
        let made: Vec<Vec<u32>> = task.held_out(200, 6);
        let pairs: Vec<bool> =
            made.iter().flat_map(|made| made.windows(2).map(|pair| pair[1] == 3 + (pair[0] - 2) % 4)).collect();
        let share = pairs.iter().filter(|follows| **follows).count() as f32 / pairs.len() as f32;
        assert!((0.8..0.9).contains(&share), "{share}: 4/5, and a quarter of the others");
        assert_eq!([task.aligned(0, 6), task.aligned(5, 6), task.aligned(6, 6)], [Some(5), Some(0), None]);
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
