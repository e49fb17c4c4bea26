//! Sequences with a label each, for a classifier: the interface, and the table of texts that a learner gives.

use std::collections::HashSet;

use super::csv::{self, Fault, Row};
use super::hash::Hash;
use super::strings::PAD;
use super::text::Vocabulary;
use crate::engine::rng::{Rng, Stream};
use crate::number;
use crate::spec::{ModelSpec, SpecError, limits};

/// Texts that are kept for evaluation are a fifth of each label's, and all labels' together about so many at most.
const HELD_OUT: usize = 256;

/// Tokens and their label.
pub type Pair = (Vec<u32>, u32);

/// Sequences of tokens, each with a label. The token [`PAD`] is in none.
pub trait Labelled {
    /// What each token is shown as.
    fn symbols(&self) -> Vec<String>;

    /// What each label is shown as.
    fn labels(&self) -> Vec<String>;

    /// Tokens of the longest sequence.
    fn longest(&self) -> usize;

    /// A text's tokens.
    fn encode(&self, text: &str) -> Vec<u32>;

    /// The examples of a training step.
    fn training(&self, step: u64, batch: usize) -> Vec<Pair>;

    /// Examples that are kept for evaluation, at most so many; of this length, where they are made.
    fn held_out(&self, count: usize, length: Option<usize>) -> Vec<Pair>;

    /// Characters that they were read from; 0 where they are made.
    fn characters(&self) -> usize {
        0
    }

    /// Tells one table from another; 0 where they are made.
    fn fingerprint(&self) -> u64 {
        0
    }

    /// What the learner should know of how they were read.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// A batch for a classifier, time-major; S = the longest sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledBatch {
    /// (S, B).
    pub tokens: Vec<u32>,
    /// (B).
    pub lengths: Vec<u32>,
    /// (B).
    pub labels: Vec<u32>,
}

impl LabelledBatch {
    /// Takes over the first `batch` pairs, padded to `longest`; where there are fewer, the last columns are empty.
    pub fn fill(&mut self, pairs: &[Pair], longest: usize, batch: usize) {
        for (numbers, len) in
            [(&mut self.tokens, longest * batch), (&mut self.lengths, batch), (&mut self.labels, batch)]
        {
            numbers.clear();
            numbers.resize(len, PAD);
        }
        for (at, (tokens, label)) in pairs.iter().take(batch).enumerate() {
            (self.lengths[at], self.labels[at]) = (tokens.len() as u32, *label);
            for (t, token) in tokens.iter().enumerate() {
                self.tokens[t * batch + at] = *token;
            }
        }
    }
}

/// The texts of a table `label,text`, cut to the spec's sequence length. Which are held out, the seed decides; rows that
/// are the same count once, so that none is in both parts.
#[derive(Clone, Debug)]
pub struct Texts {
    labels: Vec<String>,
    vocabulary: Vocabulary,
    training: Vec<Pair>,
    held_out: Vec<Pair>,
    longest: usize,
    cut: usize,
    characters: usize,
    seed: u32,
}

impl Texts {
    /// Reads a table for a model of this spec.
    ///
    /// # Errors
    /// What is wrong with it, with its row and column, in a sentence for the learner; the key is `text`.
    pub fn new(table: &str, spec: &ModelSpec) -> Result<Texts, SpecError> {
        Texts::read(table, spec).map_err(|message| SpecError::new("text", message))
    }

    fn read(table: &str, spec: &ModelSpec) -> Result<Texts, String> {
        check_size(table)?;
        let rows = csv::rows(table).map_err(said)?;
        let Table { labels, texts, cut } = Table::of(&rows, spec.sequence_length).map_err(said)?;
        check_labels(&labels, &texts)?;
        let (training, held_out) = split(&texts, labels.len(), spec.seed);
        let known: String = training.iter().map(|(text, _)| *text).collect();
        // One token pads, one stands for unknown characters.
        let vocabulary = Vocabulary::of(&known, limits::VOCABULARY - 2).with_other();
        let pairs =
            |part: &[(&str, u32)]| part.iter().map(|(text, label)| (encode(&vocabulary, text), *label)).collect();
        let (training, held_out): (Vec<Pair>, Vec<Pair>) = (pairs(&training), pairs(&held_out));
        let lengths = || training.iter().chain(&held_out).map(|(tokens, _)| tokens.len());
        Ok(Texts {
            longest: lengths().max().unwrap_or(1),
            characters: lengths().sum(),
            labels: labels.into_iter().map(str::to_owned).collect(),
            seed: spec.seed,
            training,
            held_out,
            vocabulary,
            cut,
        })
    }
}

/// The tokens of a text; 0 is [`PAD`].
fn encode(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
    text.chars().map(|symbol| vocabulary.token(symbol) + 1).collect()
}

impl Labelled for Texts {
    fn symbols(&self) -> Vec<String> {
        std::iter::once('\u{00B7}').chain(self.vocabulary.symbols().iter().copied()).map(String::from).collect()
    }

    fn labels(&self) -> Vec<String> {
        self.labels.clone()
    }

    fn longest(&self) -> usize {
        self.longest
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        encode(&self.vocabulary, text)
    }

    fn training(&self, step: u64, batch: usize) -> Vec<Pair> {
        let rng = Rng::new(self.seed, Stream::Batches);
        let drawn = |at: u64| rng.below(step * batch as u64 + at, self.training.len() as u32) as usize;
        (0..batch as u64).map(|at| self.training[drawn(at)].clone()).collect()
    }

    fn held_out(&self, count: usize, _length: Option<usize>) -> Vec<Pair> {
        self.held_out.iter().take(count).cloned().collect()
    }

    fn characters(&self) -> usize {
        self.characters
    }

    fn fingerprint(&self) -> u64 {
        let mut hash = Hash::default();
        self.labels.iter().for_each(|label| hash.part(label.as_bytes()));
        self.vocabulary.symbols().iter().for_each(|symbol| hash.bytes(u32::from(*symbol).to_le_bytes()));
        for (tokens, label) in self.training.iter().chain(&self.held_out) {
            hash.bytes([*label, tokens.len() as u32].into_iter().flat_map(u32::to_le_bytes));
            hash.bytes(tokens.iter().flat_map(|token| token.to_le_bytes()));
        }
        hash.value()
    }

    fn remark(&self) -> Option<String> {
        let (cut, all, longest) = (self.cut, self.training.len() + self.held_out.len(), self.longest);
        (cut > 0).then(|| {
            format!(
                "{cut} of {all} texts are longer than {longest} characters and were cut there. A greater sequence length keeps more of them."
            )
        })
    }
}

/// A text and the place of its label.
type Text<'a> = (&'a str, u32);

/// The texts in an order drawn from the seed: those to train on and those held out, of each label a fifth.
fn split<'a>(texts: &[Text<'a>], labels: usize, seed: u32) -> (Vec<Text<'a>>, Vec<Text<'a>>) {
    let mut left = vec![0; labels];
    texts.iter().for_each(|(_, label)| left[*label as usize] += 1);
    left.iter_mut().for_each(|count| *count = (*count / 5).clamp(1, HELD_OUT / labels));
    let rng = Rng::new(seed, Stream::Evaluation);
    let mut order = texts.to_vec();
    (1..order.len()).for_each(|at| order.swap(at, rng.below(at as u64, at as u32 + 1) as usize));
    order.into_iter().partition(|(_, label)| {
        let left: &mut usize = &mut left[*label as usize];
        let trained = *left == 0;
        *left = left.saturating_sub(1);
        trained
    })
}

/// A table's labels in the order of their first rows, and its texts.
#[derive(Default)]
struct Table<'a> {
    labels: Vec<&'a str>,
    texts: Vec<Text<'a>>,
    /// Texts that were longer than what is kept of them.
    cut: usize,
}

impl<'a> Table<'a> {
    /// Of each text its first `longest` characters.
    fn of(rows: &'a [Row<'_>], longest: usize) -> Result<Table<'a>, Fault> {
        let (mut table, mut seen) = (Table::default(), HashSet::new());
        for row in rows {
            let fault = |column, message| Fault { row: row.number, column, message };
            let [label, text] = columns(row)?;
            if row.number == 1 && (label.eq_ignore_ascii_case("label") && text.eq_ignore_ascii_case("text")) {
                continue;
            }
            let label = table.label(label).map_err(|message| fault(1, message))?;
            let end = text.char_indices().nth(longest).map_or(text.len(), |(end, _)| end);
            if seen.insert((label, &text[..end])) {
                table.texts.push((&text[..end], label));
                table.cut += usize::from(end < text.len());
            }
        }
        Ok(table)
    }

    /// The place of a label, a new one if need be.
    fn label(&mut self, label: &'a str) -> Result<u32, String> {
        if let Some(place) = self.labels.iter().position(|known| *known == label) {
            return Ok(place as u32);
        }
        let most = *limits::LABELS.end();
        if self.labels.len() == most {
            return Err(format!(
                "\u{201c}{label}\u{201d} would be label number {}; {most} at most are told apart",
                most + 1
            ));
        }
        self.labels.push(label);
        Ok(self.labels.len() as u32 - 1)
    }
}

/// Label and text of a row, without blanks around them.
fn columns<'a>(row: &'a Row<'_>) -> Result<[&'a str; 2], Fault> {
    let fault = |column, message: String| Err(Fault { row: row.number, column, message });
    let [label, text] = &row.fields[..] else {
        let (count, column) = (row.fields.len(), row.fields.len().min(3));
        let hint = if count < 2 {
            "there is no comma after the label"
        } else {
            "a text with commas stands in quotation marks"
        };
        return fault(column, format!("a row has two columns, label,text, and this one has {count}: {hint}"));
    };
    let (label, text) = (label.trim(), text.trim());
    match label.chars().count() {
        0 => return fault(1, "the label is empty".to_owned()),
        1..=limits::LABEL_CHARACTERS => {}
        count => {
            let most = limits::LABEL_CHARACTERS;
            return fault(1, format!("the label has {count} characters and may have {most}; the text is column 2"));
        }
    }
    if text.is_empty() { fault(2, "the text is empty".to_owned()) } else { Ok([label, text]) }
}

fn check_size(table: &str) -> Result<(), String> {
    if table.trim().is_empty() {
        return Err("The table is empty. Give it a row a text: label,text.".to_owned());
    }
    if table.len() > limits::TABLE_BYTES {
        let [size, limit] = [table.len(), limits::TABLE_BYTES].map(|bytes| number::fixed(bytes as f64 / 1e6, 1));
        return Err(format!("The table has {size} MB; up to {limit} MB can be taken."));
    }
    Ok(())
}

fn check_labels(labels: &[&str], texts: &[Text<'_>]) -> Result<(), String> {
    if labels.len() < *limits::LABELS.start() {
        let only = labels.first().map_or(String::new(), |label| format!(" All rows have \u{201c}{label}\u{201d}."));
        return Err(format!("There must be two labels at least to tell apart.{only}"));
    }
    for (place, label) in labels.iter().enumerate() {
        let count = texts.iter().filter(|(_, of)| *of as usize == place).count();
        let least = limits::TEXTS_PER_LABEL;
        if count < least {
            return Err(format!(
                "The label \u{201c}{label}\u{201d} has {count} different texts; {least} at least are needed."
            ));
        }
    }
    Ok(())
}

fn said(fault: Fault) -> String {
    format!("Row {}, column {}: {}.", fault.row, fault.column, fault.message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::text::OTHER;
    use super::*;
    use crate::spec::{Architecture, Task};

    fn spec(sequence_length: usize) -> ModelSpec {
        let (model, task) = (Architecture::Classifier, Task::Labels);
        let spec = ModelSpec { model, task, embedding: 8, sequence_length, ..ModelSpec::default() };
        assert_eq!(spec.validate(), Ok(()));
        spec
    }

    /// Rows `a,ax0` .. and `b,bx0` ..
    fn table(count: usize) -> String {
        (0..count).map(|at| format!("a,ax{at}\nb,bx{at}\n")).collect()
    }

    fn refused(table: &str) -> String {
        Texts::new(table, &spec(16)).expect_err("not fit").message
    }

    #[test]
    fn the_names_we_ship_are_fit() {
        let names = Texts::new(crate::data::built_in(Task::Labels), &spec(16)).expect("names by language");
        assert_eq!(names.labels(), ["Arabic", "German", "Italian", "Japanese", "Russian"]);
        assert_eq!((names.training.len(), names.held_out.len()), (880, 220));
        assert!((10..=16).contains(&names.longest()) && names.remark().is_none());
    }

    #[test]
    fn no_text_is_in_both_parts_and_each_label_is_in_both() {
        for seed in 0..5 {
            let twice = table(10).repeat(2);
            let texts = Texts::new(&twice, &ModelSpec { seed, ..spec(16) }).expect("a table");
            assert_eq!((texts.training.len(), texts.held_out.len()), (16, 4));
            assert!(texts.held_out.iter().all(|pair| !texts.training.contains(pair)));
            for label in 0..2 {
                assert_eq!(texts.held_out.iter().filter(|(_, of)| *of == label).count(), 2);
            }
        }
    }

    #[test]
    fn the_seed_decides_the_split_and_the_batches() {
        let read = |seed| Texts::new(&table(20), &ModelSpec { seed, ..spec(16) }).expect("a table");
        assert_eq!(read(1).held_out, read(1).held_out);
        assert_ne!(read(1).held_out, read(2).held_out);
        assert_ne!(read(1).fingerprint(), read(2).fingerprint());
        assert_eq!(read(1).training(3, 8), read(1).training(3, 8));
        assert_ne!(read(1).training(3, 8), read(1).training(4, 8));
    }

    #[test]
    fn long_texts_are_cut_and_counted() {
        let texts = Texts::new(&(table(10) + "a,\"long, long text\"\n"), &spec(6)).expect("a table");
        assert_eq!((texts.longest(), texts.cut), (6, 1));
        assert!(texts.remark().expect("a remark").contains("1 of 21"));
    }

    #[test]
    fn a_batch_is_padded_with_zeros_that_no_text_has() {
        let texts = Texts::new(&table(10), &spec(16)).expect("a table");
        let mut batch = LabelledBatch::default();
        batch.fill(&[(texts.encode("ax"), 0), (texts.encode("bx1\u{1F600}"), 1)], 4, 3);
        assert_eq!((&batch.lengths[..], &batch.labels[..]), (&[2, 4, 0][..], &[0, 1, 0][..]));
        let unknown = texts.symbols().iter().position(|symbol| *symbol == OTHER.to_string());
        assert_eq!(batch.tokens[10] as usize, unknown.expect("a token for what is unknown"));
        let padding = |at: usize| batch.tokens[at * 3..at * 3 + 3].iter().filter(|token| **token == PAD).count();
        assert_eq!([0, 1, 2, 3].map(padding), [1, 1, 2, 2]);
    }

    #[test]
    fn what_is_wrong_is_named_by_row_and_column() {
        let rows = |wrong: &str| refused(&format!("label,text\n{}{wrong}\n", table(6)));
        for (wrong, place) in [
            ("a", "Row 14, column 1: a row has two columns, label,text, and this one has 1: there is no comma"),
            ("a,b,c,d", "Row 14, column 3: "),
            (",b", "Row 14, column 1: the label is empty"),
            ("a,  ", "Row 14, column 2: the text is empty"),
            ("a,\"b", "Row 14, column 2: a quotation mark opens"),
            ("\"a\"b,c", "Row 14, column 1: after the closing quotation mark"),
            ("a label that is in truth the text of the second column,a", "Row 14, column 1: the label has 54"),
        ] {
            let message = rows(wrong);
            assert!(message.starts_with(place), "{message}");
        }
        let many: String = (0..21).map(|at| format!("label {at},text\n")).collect();
        assert!(refused(&many).starts_with("Row 21, column 1: \u{201c}label 20\u{201d} would be label number 21"));
        assert!(refused(" \n").contains("empty"));
        assert!(refused("a,b\na,c").contains("two labels"));
        assert!(refused(&(table(6) + "c,one\nc,one")).contains("\u{201c}c\u{201d} has 1 different texts; 5"));
        assert!(refused(&"a,b\n".repeat(1_300_000)).contains("5.2 MB"));
    }

    proptest! {
        #[test]
        fn no_table_panics_and_what_is_taken_is_whole(table in "([ab]?,?[xyz\"\r\n]{0,3}\n?){0,60}", length in 2usize..5) {
            if let Ok(texts) = Texts::new(&table, &spec(length)) {
                let all: Vec<&Pair> = texts.training.iter().chain(&texts.held_out).collect();
                let fit = |(tokens, label): &&Pair| (1..=length).contains(&tokens.len()) && (*label as usize) < texts.labels.len();
                prop_assert!(all.iter().all(fit));
                for label in 0..texts.labels.len() as u32 {
                    prop_assert!(texts.training.iter().filter(|(_, of)| *of == label).count() >= 4);
                }
            }
        }
    }
}
