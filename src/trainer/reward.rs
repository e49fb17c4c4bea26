//! What a generated sequence is worth, compared with its reference: rewards of sequence-level training (Ranzato et al.
//! 2016) and measures of an evaluation. Sequences are given without their end token.

use crate::engine::kernels::real::Real;

pub use crate::spec::Reward;

impl Reward {
    /// The reward of `candidate`.
    pub fn of(self, candidate: &[u32], reference: &[u32]) -> f32 {
        match self {
            Reward::ExactMatch => f32::from(u8::from(candidate == reference)),
            Reward::TokenAccuracy => token_accuracy(candidate, reference),
            Reward::NegativeEditDistance => {
                -(edit_distance(candidate, reference) as f32) / reference.len().max(1) as f32
            }
            Reward::SentenceBleu => sentence_bleu(candidate, reference),
        }
    }
}

fn token_accuracy(candidate: &[u32], reference: &[u32]) -> f32 {
    let longer = candidate.len().max(reference.len());
    if longer == 0 {
        return 1.0;
    }
    candidate.iter().zip(reference).filter(|(a, b)| a == b).count() as f32 / longer as f32
}

/// Insertions, deletions and substitutions from the one to the other (Levenshtein 1966).
pub fn edit_distance(a: &[u32], b: &[u32]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The longest n-grams that BLEU counts.
const MOST_WORDS: usize = 4;

/// BLEU (Papineni et al. 2002) of one sentence against one reference: the geometric mean of the clipped n-gram precisions
/// for n = 1..4, times the brevity penalty exp(1 - reference / candidate) of a shorter candidate.
///
/// Smoothed as by Lin & Och (2004, "ORANGE", BLEU+1; "smoothing 2" of Chen & Cherry 2014): 1 is added to matches and
/// counts of n > 1, so that a short sentence without a common 4-gram is not 0. A candidate without any common token is.
pub fn sentence_bleu(candidate: &[u32], reference: &[u32]) -> f32 {
    if candidate.is_empty() || reference.is_empty() {
        return f32::from(u8::from(candidate.is_empty() && reference.is_empty()));
    }
    let mut logarithm = 0.0;
    for n in 1..=MOST_WORDS {
        let smoothing = usize::from(n > 1);
        let matches = common_ngrams(candidate, reference, n) + smoothing;
        if matches == 0 {
            return 0.0;
        }
        let count = (candidate.len() + 1).saturating_sub(n) + smoothing;
        logarithm += Real::ln(matches as f32 / count as f32) / MOST_WORDS as f32;
    }
    let brevity = (1.0 - reference.len() as f32 / candidate.len() as f32).min(0.0);
    Real::exp(logarithm + brevity)
}

/// N-grams of the candidate, each counted at most as often as the reference has it.
fn common_ngrams(candidate: &[u32], reference: &[u32], n: usize) -> usize {
    let count = |sequence: &[u32], ngram: &[u32]| sequence.windows(n).filter(|window| *window == ngram).count();
    let windows = || candidate.windows(n).enumerate();
    // Each n-gram at its first place.
    let distinct = windows().filter(|(at, ngram)| !candidate[..at + n - 1].windows(n).any(|earlier| earlier == *ngram));
    distinct.map(|(_, ngram)| count(candidate, ngram).min(count(reference, ngram))).sum()
}

/// Wrong tokens by position over many sequences: how errors pile up while a decoder reads its own output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorByPosition {
    /// Wrong tokens at each position; an end that comes too early or too late counts at every position it costs.
    pub wrong: Vec<u32>,
    /// Sequences that reach the position, in the candidate or the reference.
    pub total: Vec<u32>,
}

impl ErrorByPosition {
    /// Counts a sequence.
    pub fn add(&mut self, candidate: &[u32], reference: &[u32]) {
        let longer = candidate.len().max(reference.len());
        self.wrong.resize(longer.max(self.wrong.len()), 0);
        self.total.resize(longer.max(self.total.len()), 0);
        for at in 0..longer {
            self.total[at] += 1;
            self.wrong[at] += u32::from(candidate.get(at) != reference.get(at));
        }
    }

    /// The share of wrong tokens at each position.
    pub fn rates(&self) -> Vec<f32> {
        self.wrong.iter().zip(&self.total).map(|(wrong, total)| *wrong as f32 / (*total).max(1) as f32).collect()
    }
}

/// The tokens before the first `end`, or all of them.
pub fn before_end(tokens: &[u32], end: u32) -> &[u32] {
    &tokens[..tokens.iter().position(|token| *token == end).unwrap_or(tokens.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_match_and_token_accuracy() {
        assert_eq!(Reward::ExactMatch.of(&[1, 2], &[1, 2]), 1.0);
        assert_eq!(Reward::ExactMatch.of(&[1, 2], &[1, 2, 3]), 0.0);
        assert_eq!(Reward::TokenAccuracy.of(&[1, 2, 3], &[1, 9, 3]), 2.0 / 3.0);
        assert_eq!(Reward::TokenAccuracy.of(&[1, 2], &[1, 2, 3, 4]), 0.5);
        assert_eq!(Reward::TokenAccuracy.of(&[1, 2, 3, 4], &[1, 2]), 0.5);
        assert_eq!(Reward::TokenAccuracy.of(&[], &[]), 1.0);
    }

    #[test]
    fn edit_distances() {
        let letters = |word: &str| word.bytes().map(u32::from).collect::<Vec<u32>>();
        assert_eq!(edit_distance(&letters("kitten"), &letters("sitting")), 3);
        assert_eq!(edit_distance(&letters("flaw"), &letters("lawn")), 2);
        assert_eq!(edit_distance(&[], &letters("abc")), 3);
        assert_eq!(edit_distance(&letters("abc"), &[]), 3);
        assert_eq!(Reward::NegativeEditDistance.of(&letters("flaw"), &letters("lawn")), -0.5);
        assert_eq!(Reward::NegativeEditDistance.of(&[7], &[]), -1.0);
    }

    /// "the cat sat on the mat" against "the cat is on the mat": 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, 0 of 3; with
    /// one added from the pairs on: (5/6 4/6 2/5 1/4)^(1/4).
    #[test]
    fn bleu_of_a_sentence() {
        let candidate = [1, 2, 3, 4, 1, 5];
        let reference = [1, 2, 6, 4, 1, 5];
        let expected = (5.0 / 6.0 * 4.0 / 6.0 * 2.0 / 5.0 * 1.0 / 4.0_f64).powf(0.25);
        assert!((f64::from(sentence_bleu(&candidate, &reference)) - expected).abs() < 1e-6);
        assert!((sentence_bleu(&reference, &reference) - 1.0).abs() < 1e-6);
        assert_eq!(sentence_bleu(&[8, 9], &reference), 0.0);
        assert_eq!(sentence_bleu(&[], &reference), 0.0);
    }

    /// Papineni's own example: "the" seven times counts twice, as often as the reference has it.
    #[test]
    fn bleu_clips_repetitions() {
        assert_eq!(common_ngrams(&[1; 7], &[1, 2, 3, 4, 1, 5], 1), 2);
        assert_eq!(common_ngrams(&[1, 2, 1, 2, 1], &[1, 2, 1, 2], 2), 3);
    }

    /// Half the reference, all of it right: precisions 1 (1 by the smoothing), brevity exp(1 - 4 / 2).
    #[test]
    fn bleu_penalises_brevity() {
        assert!((sentence_bleu(&[1, 2], &[1, 2, 3, 4]) - (-1.0_f32).exp()).abs() < 1e-6);
    }

    #[test]
    fn errors_are_counted_by_position() {
        let mut errors = ErrorByPosition::default();
        errors.add(before_end(&[5, 6, 2, 7], 2), &[5, 7, 8]);
        errors.add(&[5], &[5]);
        assert_eq!((errors.wrong.as_slice(), errors.total.as_slice()), (&[0, 1, 1][..], &[2, 1, 1][..]));
        assert_eq!(errors.rates(), [0.0, 1.0, 1.0]);
    }
}
