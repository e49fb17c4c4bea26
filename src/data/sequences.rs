//! Tasks whose examples are made as they are needed: sequences of one length with something asked about them.

use crate::engine::rng::{Rng, Stream};
use crate::spec::{ModelSpec, Task, limits};

/// How many steps back [`Task::Recall`] asks, where sequences are longer.
const LAGS: [usize; 18] = [1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448];
/// [`Task::Ahead`]: one position in so many has a capital.
const CAPITALS: u32 = 8;
/// [`Task::Lookup`]: vowels as they are asked about, then with each accent.
const VOWELS: [&str; 5] = [
    "a\u{e0}\u{e1}\u{e2}\u{e4}\u{e3}\u{101}\u{103}\u{1ce}",
    "e\u{e8}\u{e9}\u{ea}\u{eb}\u{1ebd}\u{113}\u{115}\u{11b}",
    "i\u{ec}\u{ed}\u{ee}\u{ef}\u{129}\u{12b}\u{12d}\u{1d0}",
    "o\u{f2}\u{f3}\u{f4}\u{f6}\u{f5}\u{14d}\u{14f}\u{1d2}",
    "u\u{f9}\u{fa}\u{fb}\u{fc}\u{169}\u{16b}\u{16d}\u{1d4}",
];
/// The accents alone.
const ACCENTS: &str = "`\u{b4}\u{2c6}\u{a8}\u{2dc}\u{af}\u{2d8}\u{2c7}";
/// [`Task::Lookup`]: lags are measured in about so many groups.
const LAG_GROUPS: usize = 16;
/// [`Task::SelectiveCopy`]: letters to be copied.
const COPIED: usize = limits::COPIED;
/// What stands where nothing is said.
const BLANK: &str = "\u{00B7}";
/// Random numbers set aside for a sequence.
const ROOM: u64 = *limits::SEQUENCE_LENGTH.end() as u64 + 2;

/// The examples of a task that [makes sequences](Task::makes_sequences).
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

/// Something that is asked at a timestep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub t: usize,
    /// Which of the questions.
    pub question: usize,
    /// The right tag.
    pub tag: u32,
    /// The timestep that shows it; `None` where the answer is that there is none.
    pub source: Option<usize>,
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
            Task::Lookup => 1 + VOWELS.len() * (1 + self.symbols as usize),
            Task::SelectiveCopy => 2 + self.symbols as usize,
            _ => 2,
        }
    }

    /// Steps back that are asked for, one question each; of [`Task::Lookup`], in the middle of each group of lags.
    pub fn lags(&self) -> Vec<usize> {
        if self.task == Task::Lookup {
            let width = self.lag_width();
            return (0..LAG_GROUPS - 1).map(|group| group * width + width / 2).filter(|lag| *lag > 0).collect();
        }
        LAGS.into_iter().filter(|lag| *lag < self.length).collect()
    }

    /// Lags of [`Task::Lookup`] that are measured as one.
    fn lag_width(&self) -> usize {
        self.length.div_ceil(LAG_GROUPS).max(2)
    }

    /// The place in [`Sequences::lags`] of a lag of [`Task::Lookup`]; the longest are too rare to be measured.
    pub fn lag_group(&self, lag: usize) -> Option<usize> {
        Some(lag / self.lag_width()).filter(|group| *group < LAG_GROUPS - 1)
    }

    /// Questions Q at every timestep.
    pub fn questions(&self) -> usize {
        if self.task == Task::Recall { self.lags().len() } else { 1 }
    }

    /// Tags C a question can have; of numbers, the one that is answered.
    pub fn classes(&self) -> usize {
        match self.task {
            Task::Recall | Task::Lookup | Task::SelectiveCopy => self.symbols as usize,
            Task::Ahead => self.symbols as usize + 1,
            _ => 1,
        }
    }

    /// The tag that stands where nothing is asked.
    pub fn ignored(&self) -> u32 {
        self.classes() as u32
    }

    /// What each token is shown as: small letters, then capitals; of [`Task::Lookup`] a blank, the vowels alone, the first
    /// vowel with every accent, and so on; of [`Task::SelectiveCopy`] a blank, the question, the letters.
    pub fn token_names(&self) -> Vec<String> {
        let letters = || (0..self.symbols).map(|at| name(b'a', at));
        if self.task == Task::SelectiveCopy {
            return [BLANK, "?"].map(str::to_owned).into_iter().chain(letters()).collect();
        }
        if self.task == Task::Lookup {
            let bare = VOWELS.iter().filter_map(|row| row.chars().next());
            let marked = VOWELS.iter().flat_map(|row| row.chars().skip(1).take(self.symbols as usize));
            return std::iter::once(BLANK.to_owned()).chain(bare.chain(marked).map(String::from)).collect();
        }
        (0..self.inputs() as u32)
            .map(|token| name(if token < self.symbols { b'a' } else { b'A' }, token % self.symbols))
            .collect()
    }

    /// What each tag is shown as.
    pub fn tag_names(&self) -> Vec<String> {
        match self.task {
            Task::Ahead => {
                std::iter::once(BLANK.to_owned()).chain((0..self.symbols).map(|at| name(b'A', at))).collect()
            }
            Task::Lookup => ACCENTS.chars().take(self.symbols as usize).map(String::from).collect(),
            _ => (0..self.symbols).map(|at| name(b'a', at)).collect(),
        }
    }

    /// A text's tokens, if all of its characters are some, and there are any; where questions are tokens, one at least with
    /// an answer.
    pub fn encode(&self, text: &str) -> Option<Vec<u32>> {
        let names = self.token_names();
        let token = |symbol: char| names.iter().position(|name| name.starts_with(symbol)).map(|at| at as u32);
        let tokens: Option<Vec<u32>> = text.chars().map(token).collect();
        let asks = |tokens: &Vec<u32>| {
            !matches!(self.task, Task::Lookup | Task::SelectiveCopy) || !self.asked(tokens).is_empty()
        };
        tokens.filter(|tokens| !tokens.is_empty() && !self.are_numbers() && asks(tokens))
    }

    /// The tokens of the sequence with this number in the stream.
    pub fn tokens(&self, stream: Stream, number: u64) -> Vec<u32> {
        let rng = Rng::new(self.seed, stream);
        match self.task {
            Task::Lookup => return self.vowels(&rng, number),
            Task::SelectiveCopy => return self.scattered(&rng, number),
            _ => {}
        }
        let draw = |t: usize| match self.task {
            Task::Ahead => {
                let drawn = rng.below(number * ROOM + t as u64, CAPITALS * self.symbols);
                if drawn < self.symbols { self.symbols + drawn } else { drawn % self.symbols }
            }
            _ => rng.below(number * ROOM + t as u64, self.symbols),
        };
        (0..self.length).map(draw).collect()
    }

    /// Every vowel once with an accent, in the first half; elsewhere blanks, and questions about vowels that were seen.
    fn vowels(&self, rng: &Rng, number: u64) -> Vec<u32> {
        let (symbols, vowels) = (self.symbols, VOWELS.len() as u32);
        let (mut left, mut seen): (Vec<u32>, Vec<u32>) = ((0..vowels).collect(), Vec::new());
        let place = |t: usize| {
            let mut chance = Chance(rng.below(number * ROOM + t as u64, u32::MAX));
            let room = (self.length / 2).saturating_sub(t) as u32;
            if chance.below(room.max(1)) < (left.len() as u32).min(room) {
                let vowel = left.swap_remove(chance.below(left.len() as u32) as usize);
                seen.push(vowel);
                return 1 + vowels + vowel * symbols + chance.below(symbols);
            }
            if seen.is_empty() || chance.below(2) == 0 { 0 } else { 1 + seen[chance.below(seen.len() as u32) as usize] }
        };
        (0..self.length).map(place).collect()
    }

    /// Letters at random places among blanks, then as many questions.
    fn scattered(&self, rng: &Rng, number: u64) -> Vec<u32> {
        let body = self.length - COPIED;
        let mut left = COPIED as u32;
        let place = |t: usize| {
            let mut chance = Chance(rng.below(number * ROOM + t as u64, u32::MAX));
            if t >= body {
                return 1;
            }
            if chance.below((body - t) as u32) >= left {
                return 0;
            }
            left -= 1;
            2 + chance.below(self.symbols)
        };
        (0..self.length).map(place).collect()
    }

    /// The right tags of a sequence of tokens, (T, Q).
    pub fn tags(&self, tokens: &[u32]) -> Vec<u32> {
        let mut tags = vec![self.ignored(); tokens.len() * self.questions()];
        for Asked { t, question, tag, .. } in self.asked(tokens) {
            tags[t * self.questions() + question] = tag;
        }
        tags
    }

    /// What is asked in a sequence of tokens.
    pub fn asked(&self, tokens: &[u32]) -> Vec<Asked> {
        match self.task {
            Task::Recall => self.asked_back(tokens),
            Task::Lookup => self.asked_by_vowel(tokens),
            Task::SelectiveCopy => self.asked_in_order(tokens),
            _ => self.asked_ahead(tokens),
        }
    }

    fn asked_back(&self, tokens: &[u32]) -> Vec<Asked> {
        let lags = self.lags();
        let at = |t: usize, question: usize| {
            let source = t.checked_sub(lags[question])?;
            Some(Asked { t, question, tag: tokens[source], source: Some(source) })
        };
        (0..tokens.len()).flat_map(|t| (0..lags.len()).filter_map(move |question| at(t, question))).collect()
    }

    fn asked_by_vowel(&self, tokens: &[u32]) -> Vec<Asked> {
        let (vowels, mut seen) = (VOWELS.len() as u32, [None; VOWELS.len()]);
        let mut asked = Vec::new();
        for (t, token) in tokens.iter().enumerate() {
            if let Some(marked) = token.checked_sub(1 + vowels) {
                seen[(marked / self.symbols) as usize] = Some((t, marked % self.symbols));
            } else if let Some((source, tag)) = token.checked_sub(1).and_then(|vowel| seen[vowel as usize]) {
                asked.push(Asked { t, question: 0, tag, source: Some(source) });
            }
        }
        asked
    }

    fn asked_in_order(&self, tokens: &[u32]) -> Vec<Asked> {
        let places = |is: fn(u32) -> bool| (0..tokens.len()).filter(move |t| is(tokens[*t]));
        let pairs = places(|token| token == 1).zip(places(|token| token > 1));
        let pairs = pairs.filter(|(t, source)| source < t);
        pairs.map(|(t, source)| Asked { t, question: 0, tag: tokens[source] - 2, source: Some(source) }).collect()
    }

    fn asked_ahead(&self, tokens: &[u32]) -> Vec<Asked> {
        let mut next = (0, None);
        let mut asked: Vec<Asked> = (0..tokens.len())
            .rev()
            .map(|t| {
                let (tag, source) = next;
                next = if tokens[t] < self.symbols { next } else { (1 + tokens[t] - self.symbols, Some(t)) };
                Asked { t, question: 0, tag, source }
            })
            .collect();
        asked.reverse();
        asked
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

/// A random number, used up by and by.
struct Chance(u32);

impl Chance {
    /// A number below n, each about equally likely while the product of all n is far below 2^32.
    fn below(&mut self, n: u32) -> u32 {
        let drawn = self.0 % n.max(1);
        self.0 /= n.max(1);
        drawn
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
    fn a_vowel_is_asked_for_its_accent() {
        let task = sequences(Task::Lookup, 64);
        let tokens = task.encode("\u{b7}a\u{e1}\u{b7}\u{ec}aei\u{e0}a").expect("vowels");
        let names = task.tag_names();
        let asked: Vec<(usize, Option<usize>, &str)> = task
            .asked(&tokens)
            .iter()
            .map(|asked| (asked.t, asked.source, names[asked.tag as usize].as_str()))
            .collect();
        assert_eq!(asked, [(5, Some(2), "\u{b4}"), (7, Some(4), "`"), (9, Some(8), "`")]);
        for number in 0..50 {
            let tokens = task.tokens(Stream::Batches, number);
            let marked: Vec<usize> = (0..64).filter(|t| tokens[*t] > 5).collect();
            assert!(marked.len() == 5 && marked.iter().all(|t| *t < 32), "{marked:?}");
            let asked = task.asked(&tokens);
            assert!(asked.len() > 12 && asked.len() == tokens.iter().filter(|token| (1..6).contains(*token)).count());
        }
        assert_eq!((task.lags().len(), task.lag_group(42).map(|group| task.lags()[group])), (15, Some(42)));
    }

    #[test]
    fn what_is_scattered_is_asked_for_in_order() {
        let task = sequences(Task::SelectiveCopy, 12);
        let tokens = task.encode("\u{b7}b\u{b7}\u{b7}aac\u{b7}????").expect("letters");
        let asked: Vec<(usize, Option<usize>, u32)> =
            task.asked(&tokens).iter().map(|asked| (asked.t, asked.source, asked.tag)).collect();
        assert_eq!(asked, [(8, Some(1), 1), (9, Some(4), 0), (10, Some(5), 0), (11, Some(6), 2)]);
        for number in 0..50 {
            let tokens = task.tokens(Stream::Batches, number);
            assert_eq!((tokens[8..].to_vec(), tokens[..8].iter().filter(|token| **token > 1).count()), (vec![1; 4], 4));
        }
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
