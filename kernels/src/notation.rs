//! Products of two tensors in the notation of `torch.einsum` and einops, and what loops they are.

use std::fmt;

/// A product of two tensors summed over the labels that the result lacks: `"i b (h d), j b (h d) -> b h i j"`.
///
/// A letter is a label; labels in parentheses share an axis, the last one varying fastest, as in einops. Every label
/// is in two of the three tensors, or in all of them: then the product is done for each of its places (a batch).
/// Of labels of each other kind (rows: in a and the result; columns: in b and the result; summed: in a and b) there is
/// at most one, of batches at most two; the last label of the result is a row or a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Einsum {
    /// a, b and the result: the labels of each axis.
    terms: [Vec<Vec<char>>; 3],
    /// The length of every label.
    lengths: Vec<(char, usize)>,
}

/// One loop: how often, and how far it moves in a, b and the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Its length.
    pub len: usize,
    /// Elements from one place to the next in a, b and the result; 0 where the tensor has no such label.
    pub strides: [usize; 3],
}

/// The loops of an [`Einsum`]; those it lacks have length 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loops {
    /// In all three tensors.
    pub batch: [Loop; 2],
    /// In a and the result.
    pub row: Loop,
    /// In b and the result.
    pub column: Loop,
    /// In a and b.
    pub summed: Loop,
}

impl Loops {
    /// Places of the batch.
    pub fn places(&self) -> usize {
        self.batch.iter().map(|each| each.len).product()
    }
}

impl Einsum {
    /// Reads an equation; labels whose length the operands' shapes do not tell are given in `known`. `None` where it is
    /// none of this kind or does not fit the shapes.
    pub fn new(equation: &str, known: &[(char, usize)], a: &[usize], b: &[usize]) -> Option<Einsum> {
        let (operands, result) = equation.split_once("->")?;
        let (first, second) = operands.split_once(',')?;
        let terms = [axes(first)?, axes(second)?, axes(result)?];
        let mut lengths = known.to_vec();
        // What one operand tells may solve an axis of the other.
        for (term, shape) in [(&terms[0], a), (&terms[1], b), (&terms[0], a)] {
            if term.len() != shape.len() {
                return None;
            }
            for (axis, len) in term.iter().zip(shape) {
                solve(axis, *len, &mut lengths)?;
            }
        }
        let einsum = Einsum { terms, lengths };
        einsum.is_valid(a, b).then_some(einsum)
    }

    /// Whether the operands have these shapes.
    pub fn fits(&self, a: &[usize], b: &[usize]) -> bool {
        self.shape(0) == a && self.shape(1) == b
    }

    /// The result's shape.
    pub fn result(&self) -> Vec<usize> {
        self.shape(2)
    }

    /// The product whose result is the gradient of the operand `of` (0 or 1): of the result's gradient and the other
    /// operand, in this order.
    pub fn gradient(&self, of: usize) -> Einsum {
        let [a, b, y] = self.terms.clone();
        let terms = if of == 0 { [y, b, a] } else { [y, a, b] };
        Einsum { terms, lengths: self.lengths.clone() }
    }

    /// The same product over `times` as many places of the summed label, if that is the first axis of both operands.
    pub fn longer(&self, times: usize) -> Option<Einsum> {
        let first = self.terms[0].first()?;
        let &[label] = &first[..] else { return None };
        if self.terms[1].first() != Some(first) || self.has(2, label) {
            return None;
        }
        let mut longer = self.clone();
        longer.lengths.iter_mut().filter(|(name, _)| *name == label).for_each(|(_, len)| *len *= times);
        Some(longer)
    }

    /// The loops. Allocates nothing.
    pub fn loops(&self) -> Loops {
        let none = Loop { len: 1, strides: [0; 3] };
        let mut loops = Loops { batch: [none; 2], row: none, column: none, summed: none };
        let mut batches = 0;
        for (label, len) in &self.lengths {
            let own = Loop { len: *len, strides: [0, 1, 2].map(|term| self.stride(term, *label)) };
            match [0, 1, 2].map(|term| self.has(term, *label)) {
                [true, true, true] => {
                    loops.batch[batches] = own;
                    batches += 1;
                }
                [true, false, true] => loops.row = own,
                [false, true, true] => loops.column = own,
                _ => loops.summed = own,
            }
        }
        loops
    }

    /// Floating point operations; a multiply and an add count as two.
    pub fn flops(&self) -> f64 {
        2.0 * self.lengths.iter().map(|(_, len)| *len as f64).product::<f64>()
    }

    fn has(&self, term: usize, label: char) -> bool {
        self.terms[term].iter().flatten().any(|own| *own == label)
    }

    fn length(&self, label: char) -> usize {
        self.lengths.iter().find(|(own, _)| *own == label).map_or(1, |(_, len)| *len)
    }

    fn stride(&self, term: usize, label: char) -> usize {
        let mut stride = 1;
        for own in self.terms[term].iter().rev().flat_map(|axis| axis.iter().rev()) {
            if *own == label {
                return stride;
            }
            stride *= self.length(*own);
        }
        0
    }

    fn shape(&self, term: usize) -> Vec<usize> {
        let len = |axis: &Vec<char>| axis.iter().map(|label| self.length(*label)).product();
        self.terms[term].iter().map(len).collect()
    }

    fn is_valid(&self, a: &[usize], b: &[usize]) -> bool {
        let mut kinds = [0; 4];
        for (label, _) in &self.lengths {
            match [0, 1, 2].map(|term| self.has(term, *label)) {
                [true, true, true] => kinds[0] += 1,
                [true, false, true] => kinds[1] += 1,
                [false, true, true] => kinds[2] += 1,
                [true, true, false] => kinds[3] += 1,
                _ => return false,
            }
        }
        let labels = || self.terms.iter().flatten().flatten();
        let known = labels().all(|label| self.lengths.iter().any(|(own, _)| own == label));
        let once = self.terms.iter().all(|term| {
            let all: Vec<&char> = term.iter().flatten().collect();
            all.iter().enumerate().all(|(at, label)| !all[..at].contains(label))
        });
        let last = self.terms[2].last().and_then(|axis| axis.last());
        let row_or_column = last.is_some_and(|label| !(self.has(0, *label) && self.has(1, *label)));
        let few = kinds[0] <= 2 && kinds[1..].iter().all(|count| *count <= 1);
        known && once && few && row_or_column && self.fits(a, b)
    }
}

/// The labels of each axis of a term.
fn axes(term: &str) -> Option<Vec<Vec<char>>> {
    let mut axes: Vec<Vec<char>> = Vec::new();
    let mut open = false;
    for letter in term.chars() {
        match letter {
            '(' if !open => axes.push(Vec::new()),
            ')' if open => {}
            ' ' => continue,
            letter if letter.is_ascii_alphabetic() && open => axes.last_mut()?.push(letter),
            letter if letter.is_ascii_alphabetic() => axes.push(vec![letter]),
            _ => return None,
        }
        open = letter == '(' || (open && letter != ')');
    }
    Some(axes)
}

/// Finds the one length of an axis that is not known yet.
fn solve(axis: &[char], len: usize, lengths: &mut Vec<(char, usize)>) -> Option<()> {
    let find = |label: &char| lengths.iter().find(|(own, _)| own == label).map(|(_, len)| *len);
    let known: usize = axis.iter().filter_map(find).product();
    let unknown: Vec<char> = axis.iter().filter(|label| find(label).is_none()).copied().collect();
    if let [label] = unknown[..] {
        lengths.push((label, len.checked_div(known).filter(|part| part * known == len)?));
    }
    Some(())
}

impl fmt::Display for Einsum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            formatter.write_str(["", ", ", " -> "][at])?;
            for (place, axis) in term.iter().enumerate() {
                formatter.write_str(if place == 0 { "" } else { " " })?;
                let names: Vec<String> = axis.iter().map(char::to_string).collect();
                if names.len() == 1 {
                    formatter.write_str(&names[0])?
                } else {
                    write!(formatter, "({})", names.join(" "))?
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: &str = "i b (h d), j b (h d) -> b h i j";

    #[test]
    fn lengths_follow_from_the_shapes() {
        let scores = Einsum::new(HEADS, &[('h', 4)], &[5, 2, 12], &[7, 2, 12]).expect("it fits");
        assert_eq!(scores.result(), [2, 4, 5, 7]);
        assert_eq!(scores.to_string(), HEADS);
        assert_eq!(scores.flops(), 2.0 * (2 * 4 * 5 * 7 * 3) as f64);
        let loops = scores.loops();
        assert_eq!(loops.row, Loop { len: 5, strides: [24, 0, 7] });
        assert_eq!(loops.column, Loop { len: 7, strides: [0, 24, 1] });
        assert_eq!(loops.summed, Loop { len: 3, strides: [1, 1, 0] });
        let back = scores.gradient(1);
        assert_eq!(back.to_string(), "b h i j, i b (h d) -> j b (h d)");
        assert_eq!(back.result(), [7, 2, 12]);
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert!(Einsum::new(HEADS, &[], &[5, 2, 12], &[7, 2, 12]).is_none());
        assert!(Einsum::new(HEADS, &[('h', 5)], &[5, 2, 12], &[7, 2, 12]).is_none());
        assert!(Einsum::new(HEADS, &[('h', 4)], &[5, 3, 12], &[7, 2, 12]).is_none());
        assert!(Einsum::new("i k, k j -> k", &[], &[2, 3], &[3, 4]).is_none());
        assert!(Einsum::new("i i, i j -> j", &[], &[2, 2], &[2, 4]).is_none());
    }

    #[test]
    fn a_sum_over_first_axes_can_be_longer() {
        let outer = Einsum::new("i b j, i b e -> j b e", &[], &[1, 2, 5], &[1, 2, 3]).expect("it fits");
        let longer = outer.longer(4).expect("it sums over the first axes");
        assert!(longer.fits(&[4, 2, 5], &[4, 2, 3]));
        assert_eq!(longer.result(), outer.result());
        assert!(outer.gradient(0).longer(2).is_none());
    }
}
