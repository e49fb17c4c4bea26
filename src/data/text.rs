//! A learner's text as tokens, and the windows of it that make a batch.

use std::collections::HashMap;

use super::hash::Hash;
use crate::engine::rng::{Rng, Stream};
use crate::number;
use crate::order;
use crate::spec::{ModelSpec, SpecError, limits};

/// The symbol that stands for every character outside the vocabulary.
pub const OTHER: char = '\u{FFFD}';

/// The characters a model knows, by token id: in order of their code points, so that a text has one vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    symbols: Vec<char>,
    ids: HashMap<char, u32>,
    folded: usize,
}

impl Vocabulary {
    /// The characters of `text`; beyond `limit` symbols the rarest are folded into [`OTHER`], which is always allowed.
    pub fn of(text: &str, limit: usize) -> Self {
        let mut counts: HashMap<char, usize> = HashMap::new();
        for symbol in text.chars() {
            *counts.entry(symbol).or_default() += 1;
        }
        let mut symbols: Vec<(char, usize)> = counts.into_iter().collect();
        order::sort_by(&mut symbols, |a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let known = if symbols.len() > limit { limit.saturating_sub(1) } else { symbols.len() };
        let folded = symbols.len() - known;
        let mut symbols: Vec<char> = symbols[..known].iter().map(|(symbol, _)| *symbol).collect();
        if folded > 0 && !symbols.contains(&OTHER) {
            symbols.push(OTHER);
        }
        order::sort_by(&mut symbols, Ord::cmp);
        Vocabulary { ids: numbered(&symbols), symbols, folded }
    }

    /// The same with [`OTHER`], for a model that will read characters it has not learnt.
    pub fn with_other(mut self) -> Self {
        if let Err(place) = self.symbols.binary_search(&OTHER) {
            self.symbols.insert(place, OTHER);
            self.ids = numbered(&self.symbols);
        }
        self
    }

    /// The symbols by token id.
    pub fn symbols(&self) -> &[char] {
        &self.symbols
    }

    /// Number of symbols.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there is no symbol.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// Distinct characters that were folded into [`OTHER`].
    pub fn folded(&self) -> usize {
        self.folded
    }

    /// The token of a character: [`OTHER`]'s for an unknown one; where there is no such symbol, the nearest thing to
    /// nothing, a space if known, else token 0.
    pub fn token(&self, symbol: char) -> u32 {
        let fallback = || self.ids.get(&OTHER).or_else(|| self.ids.get(&' ')).copied().unwrap_or(0);
        self.ids.get(&symbol).copied().unwrap_or_else(fallback)
    }

    /// The tokens of a text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        text.chars().map(|symbol| self.token(symbol)).collect()
    }
}

fn numbered(symbols: &[char]) -> HashMap<char, u32> {
    symbols.iter().enumerate().map(|(id, symbol)| (*symbol, id as u32)).collect()
}

/// A training text: its vocabulary and tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// The characters by token id.
    pub vocabulary: Vocabulary,
    tokens: Vec<u32>,
}

impl Corpus {
    /// Reads a text for a model of this spec.
    ///
    /// # Errors
    /// A text that is empty, too large, all one character, or too short for the sequence length, in a sentence for
    /// the learner, with the key `text`.
    pub fn new(text: &str, spec: &ModelSpec) -> Result<Corpus, SpecError> {
        if text.trim().is_empty() {
            return Err(SpecError::new(
                "text",
                "The text is empty. Paste or drop some, a few hundred characters at least.",
            ));
        }
        if text.len() > limits::TEXT_BYTES {
            let [size, limit] = [text.len(), limits::TEXT_BYTES].map(|bytes| number::fixed(bytes as f64 / 1e6, 1));
            let message = format!("The text has {size} MB; up to {limit} MB can be taken.");
            return Err(SpecError::new("text", message));
        }
        let controls = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
        if controls > 0 && controls * 50 > text.chars().count() {
            return Err(SpecError::new("text", "This looks like binary data, not like a text."));
        }
        let vocabulary = Vocabulary::of(text, limits::VOCABULARY);
        if vocabulary.len() < 2 {
            return Err(SpecError::new("text", "The text repeats one character; there is nothing to predict in it."));
        }
        let tokens = vocabulary.encode(text);
        if tokens.len() <= spec.sequence_length {
            let message = format!(
                "The text has {} characters; a sequence length of {} needs at least {}. Give more text or shorten the sequence.",
                tokens.len(),
                spec.sequence_length,
                spec.sequence_length + 1
            );
            return Err(SpecError::new("text", message));
        }
        Ok(Corpus { vocabulary, tokens })
    }

    /// A hash of the text as the model sees it.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Hash::default();
        self.vocabulary.symbols.iter().for_each(|symbol| hash.part(&u32::from(*symbol).to_le_bytes()));
        self.tokens.iter().for_each(|token| hash.bytes(token.to_le_bytes()));
        hash.value()
    }

    /// Characters of the text.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no token; a corpus that was read has some.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The batch of step `step`: see [`Corpus::windows`].
    pub fn batch(&self, seed: u32, step: u64, time: usize, batch: usize, inputs: &mut [u32], targets: &mut [u32]) {
        self.windows(&Rng::new(seed, Stream::Batches), step * batch as u64, time, batch, inputs, targets);
    }

    /// B windows at places drawn by a stream of random numbers, from number `first` on. Inputs and targets are time-major
    /// (T, B); a target is the token that follows its input.
    pub fn windows(&self, rng: &Rng, first: u64, time: usize, batch: usize, inputs: &mut [u32], targets: &mut [u32]) {
        let starts = (self.tokens.len() - time) as u32;
        for sequence in 0..batch {
            let start = rng.below(first + sequence as u64, starts) as usize;
            for t in 0..time {
                inputs[t * batch + sequence] = self.tokens[start + t];
                targets[t * batch + sequence] = self.tokens[start + t + 1];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_characters_are_folded() {
        let vocabulary = Vocabulary::of("aaabbbccd", 3);
        assert_eq!(vocabulary.symbols(), &['a', 'b', OTHER]);
        assert_eq!(vocabulary.folded(), 2);
        assert_eq!(vocabulary.encode("abcdx"), [0, 1, 2, 2, 2]);
    }

    #[test]
    fn any_script_is_read() {
        let text = "שלום עולם 👩‍🔬 こんにちは世界 ".repeat(8);
        let corpus = Corpus::new(&text, &ModelSpec::default()).expect("scripts are equal");
        assert_eq!(corpus.len(), text.chars().count());
    }

    #[test]
    fn bad_texts_are_refused_in_words() {
        let spec = ModelSpec::default();
        let refused = |text: &str| Corpus::new(text, &spec).expect_err("refused").message;
        assert!(refused("").contains("empty"));
        assert!(refused("   \n").contains("empty"));
        assert!(refused("a").contains("one character"));
        assert!(refused("ab").contains("sequence length"));
        assert!(refused(&"abc ".repeat(1_300_000)).contains("MB"));
        assert!(refused(&"\u{0}\u{1}\u{2}ELF".repeat(50)).contains("binary"));
    }

    #[test]
    fn targets_follow_inputs() {
        let spec = ModelSpec::default();
        let corpus = Corpus::new(&"abcdefghijklmnopqrstuvwxyz".repeat(4), &spec).expect("long enough");
        let (mut inputs, mut targets) = (vec![0; 10], vec![0; 10]);
        corpus.batch(3, 5, 5, 2, &mut inputs, &mut targets);
        for (input, target) in inputs.iter().zip(&targets) {
            assert_eq!((input + 1) % 26, *target);
        }
        assert_eq!(inputs[2..], targets[..8]);
    }
}
