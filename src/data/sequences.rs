//! Tasks whose examples are made as they are needed: sequences of one length with something asked about them.

use crate::engine::rng::{Rng, Stream};
use crate::spec::{ModelSpec, Task, limits};

/// How many steps back [`Task::Recall`] asks, where sequences are longer.
const LAGS: [usize; 18] = [1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448];
/// [`Task::Ahead`]: one position in so many has a capital.
const CAPITALS: u32 = 8;
/// Random numbers set aside for a sequence.
const ROOM: u64 = *limits::SEQUENCE_LENGTH.end() as u64 + 2;

/// The examples of [`Task::Recall`], [`Task::Adding`] or [`Task::Ahead`].
#[derive(Clone, Debug, PartialEq)]
pub struct Sequences {
    task: Task,
    symbols: u32,
    length: usize,
    seed: u32,
}

/// A batch, time-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceBatch {
    /// (T, B); empty where numbers are read.
    pub tokens: Vec<u32>,
    /// (T, Q B): the answers to question q about sequence b at q B + b; [`Sequences::ignored`] where nothing is asked.
    pub tags: Vec<u32>,
    /// (T, B, 2): a number in 0 .. 1, and 1 where it is marked. Empty where tokens are read.
    pub features: Vec<f32>,
    /// (B): the sum of the marked numbers.
    pub sums: Vec<f32>,
}

impl Sequences {
    /// The examples of a spec's task.
    pub fn new(spec: &ModelSpec) -> Sequences {
        Sequences { task: spec.task, symbols: spec.symbols as u32, length: spec.sequence_length, seed: spec.seed }
    }

    /// Whether numbers are read and one is answered, not tokens and tags.
    pub fn are_numbers(&self) -> bool {
        self.task == Task::Adding
    }

    /// What a timestep can be: tokens; of numbers, the features.
    pub fn inputs(&self) -> usize {
        match self.task {
            Task::Recall => self.symbols as usize,
            Task::Ahead => 2 * self.symbols as usize,
            _ => 2,
        }
    }

    /// Steps back that are asked for, one question each.
    pub fn lags(&self) -> Vec<usize> {
        LAGS.into_iter().filter(|lag| *lag < self.length).collect()
    }

    /// Questions Q at every timestep.
    pub fn questions(&self) -> usize {
        if self.task == Task::Recall { self.lags().len() } else { 1 }
    }

    /// Tags C a question can have; of numbers, the one that is answered.
    pub fn classes(&self) -> usize {
        match self.task {
            Task::Recall => self.symbols as usize,
            Task::Ahead => self.symbols as usize + 1,
            _ => 1,
        }
    }

    /// The tag that stands where nothing is asked.
    pub fn ignored(&self) -> u32 {
        self.classes() as u32
    }

    /// What each token is shown as: small letters, then capitals.
    pub fn token_names(&self) -> Vec<String> {
        (0..self.inputs() as u32)
            .map(|token| name(if token < self.symbols { b'a' } else { b'A' }, token % self.symbols))
            .collect()
    }

    /// What each tag is shown as.
    pub fn tag_names(&self) -> Vec<String> {
        match self.task {
            Task::Ahead => {
                std::iter::once("\u{00B7}".to_owned()).chain((0..self.symbols).map(|at| name(b'A', at))).collect()
            }
            _ => (0..self.symbols).map(|at| name(b'a', at)).collect(),
        }
    }

    /// A text's tokens, if all of its characters are some, and there are any.
    pub fn encode(&self, text: &str) -> Option<Vec<u32>> {
        let names = self.token_names();
        let token = |symbol: char| names.iter().position(|name| name.starts_with(symbol)).map(|at| at as u32);
        let tokens: Option<Vec<u32>> = text.chars().map(token).collect();
        tokens.filter(|tokens| !tokens.is_empty() && !self.are_numbers())
    }

    /// The tokens of the sequence with this number in the stream.
    pub fn tokens(&self, stream: Stream, number: u64) -> Vec<u32> {
        let rng = Rng::new(self.seed, stream);
        let draw = |t: usize| match self.task {
            Task::Ahead => {
                let drawn = rng.below(number * ROOM + t as u64, CAPITALS * self.symbols);
                if drawn < self.symbols { self.symbols + drawn } else { drawn % self.symbols }
            }
            _ => rng.below(number * ROOM + t as u64, self.symbols),
        };
        (0..self.length).map(draw).collect()
    }

    /// The right tags of a sequence of tokens, (T, Q).
    pub fn tags(&self, tokens: &[u32]) -> Vec<u32> {
        if self.task == Task::Recall {
            let lags = self.lags();
            let seen = |t: usize, lag: usize| t.checked_sub(lag).map_or(self.ignored(), |at| tokens[at]);
            return (0..tokens.len()).flat_map(|t| lags.iter().map(move |lag| seen(t, *lag))).collect();
        }
        let mut next = 0;
        let mut tags: Vec<u32> = tokens
            .iter()
            .rev()
            .map(|token| {
                let tag = next;
                next = if *token < self.symbols { next } else { 1 + token - self.symbols };
                tag
            })
            .collect();
        tags.reverse();
        tags
    }

    /// The numbers with this number in the stream, each with whether it is marked: one in each half.
    pub fn numbers(&self, stream: Stream, number: u64) -> Vec<(f32, bool)> {
        let (rng, place) = (Rng::new(self.seed, stream), number * ROOM);
        let half = self.length / 2;
        let first = rng.below(place + self.length as u64, half as u32) as usize;
        let second = half + rng.below(place + self.length as u64 + 1, (self.length - half) as u32) as usize;
        (0..self.length).map(|t| (rng.uniform(place + t as u64), t == first || t == second)).collect()
    }

    /// The sequences from number `first` of a stream on, as many as the batch takes.
    pub fn batch(&self, stream: Stream, first: u64, batch: usize, to: &mut SequenceBatch) {
        let (cells, questions) = (self.length * batch, self.questions());
        let (tokens, features) = if self.are_numbers() { (0, cells) } else { (cells, 0) };
        to.tokens.resize(tokens, 0);
        to.tags.resize(tokens * questions, 0);
        to.features.resize(2 * features, 0.0);
        to.sums.resize(if self.are_numbers() { batch } else { 0 }, 0.0);
        for at in 0..batch {
            let number = first + at as u64;
            if self.are_numbers() {
                let numbers = self.numbers(stream, number);
                for (t, (value, marked)) in numbers.iter().enumerate() {
                    let place = 2 * (t * batch + at);
                    to.features[place..place + 2].copy_from_slice(&[*value, f32::from(u8::from(*marked))]);
                }
                to.sums[at] = numbers.iter().filter(|(_, marked)| *marked).map(|(value, _)| value).sum();
            } else {
                let tokens = self.tokens(stream, number);
                for (t, token) in tokens.iter().enumerate() {
                    to.tokens[t * batch + at] = *token;
                }
                for (place, tag) in self.tags(&tokens).into_iter().enumerate() {
                    let (t, question) = (place / questions, place % questions);
                    to.tags[(t * questions + question) * batch + at] = tag;
                }
            }
        }
    }
}

fn name(first: u8, at: u32) -> String {
    char::from(first + at as u8).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(task: Task, sequence_length: usize) -> Sequences {
        let spec = ModelSpec { task, symbols: 3, sequence_length, ..ModelSpec::default() };
        assert_eq!(spec.validate(), Ok(()));
        Sequences::new(&spec)
    }

    #[test]
    fn recall_asks_for_what_was_seen() {
        let task = sequences(Task::Recall, 5);
        assert_eq!((task.lags(), task.questions()), (vec![1, 2, 3, 4], 4));
        let tokens = task.encode("abcab").expect("letters");
        assert_eq!(task.tags(&tokens)[..12], [3, 3, 3, 3, 0, 3, 3, 3, 1, 0, 3, 3]);
        assert_eq!(task.tags(&tokens)[16..], [0, 2, 1, 0]);
        assert_eq!((task.encode("abd"), task.encode("")), (None, None));
    }

    #[test]
    fn ahead_names_the_next_capital_after_a_position() {
        let task = sequences(Task::Ahead, 8);
        let tokens = task.encode("abAcBbCa").expect("letters and capitals");
        let names = task.tag_names();
        let said: String = task.tags(&tokens).iter().map(|tag| names[*tag as usize].as_str()).collect();
        assert_eq!(said, "AABBCC\u{00B7}\u{00B7}");
    }

    #[test]
    fn one_number_of_each_half_is_marked() {
        let task = sequences(Task::Adding, 11);
        for number in 0..100 {
            let numbers = task.numbers(Stream::Batches, number);
            let marked: Vec<usize> = (0..11).filter(|t| numbers[*t].1).collect();
            assert!(marked.len() == 2 && marked[0] < 5 && marked[1] >= 5, "{marked:?}");
        }
        let mut batch = SequenceBatch::default();
        task.batch(Stream::Batches, 100, 2, &mut batch);
        let sum: f32 = batch.features.chunks(4).map(|row| row[2] * row[3]).sum();
        assert!((sum - batch.sums[1]).abs() < 1e-6 && batch.features.len() == 44);
        assert_eq!((batch.tokens.len(), batch.tags.len()), (0, 0));
    }

    #[test]
    fn batches_are_time_major_and_go_on_where_the_last_ended() {
        let task = sequences(Task::Recall, 5);
        let (mut both, mut one) = (SequenceBatch::default(), SequenceBatch::default());
        task.batch(Stream::Batches, 6, 2, &mut both);
        task.batch(Stream::Batches, 7, 1, &mut one);
        assert_eq!(both.tokens.iter().skip(1).step_by(2).copied().collect::<Vec<u32>>(), one.tokens);
        assert_eq!(both.tags.iter().skip(1).step_by(2).copied().collect::<Vec<u32>>(), one.tags);
    }
}
