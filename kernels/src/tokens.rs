//! Choosing tokens: from logits, and between two.

use super::cross_entropy::argmax;
use super::real::Real;
use super::softmax::exponentials;

/// y [N] = where the largest number of each row of x [N, V] is, the lowest of equals.
pub fn argmax_rows<R: Real>(x: &[R], y: &mut [u32]) {
    let width = x.len() / y.len().max(1);
    for (row, y) in y.iter_mut().enumerate() {
        *y = argmax(&x[row * width..(row + 1) * width]) as u32;
    }
}

/// y [N] = a token of each row of softmax(logits [N, V]), by uniform numbers [N] in 0..1. Scratch: V numbers.
pub fn sample_token<R: Real>(logits: &[R], uniforms: &[R], y: &mut [u32], scratch: &mut [R]) {
    let width = logits.len() / y.len().max(1);
    for (row, (y, uniform)) in y.iter_mut().zip(uniforms).enumerate() {
        let weights = &mut scratch[..width];
        let (_, total) = exponentials(&logits[row * width..(row + 1) * width], weights);
        *y = passes(weights, *uniform * total) as u32;
    }
}

/// The place at which the cumulated weights pass `amount`; the last that weighs anything, where rounding keeps them below
/// it.
pub fn passes<R: Real>(weights: &[R], amount: R) -> usize {
    let (mut left, mut last) = (amount, 0);
    for (at, weight) in weights.iter().enumerate() {
        if *weight > R::ZERO {
            last = at;
            left -= *weight;
            if left < R::ZERO {
                break;
            }
        }
    }
    last
}

/// y [N] = a [N] where the mask [N] is not 0, else b [N].
pub fn select_ids<R: Real>(mask: &[R], a: &[u32], b: &[u32], y: &mut [u32]) {
    for (y, ((mask, a), b)) in y.iter_mut().zip(mask.iter().zip(a).zip(b)) {
        *y = if *mask != R::ZERO { *a } else { *b };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest() {
        let mut y = [9; 3];
        argmax_rows(&[1.0, 3.0, 3.0, 2.0, 1.0, 0.0, 5.0, 6.0, 7.0], &mut y);
        assert_eq!(y, [1, 0, 2]);
    }

    #[test]
    fn sampling_follows_the_probabilities() {
        let row = [0.0_f32, 2.0_f32.ln(), f32::MIN / 2.0, 0.0];
        let (count, mut scratch) = (4000, [0.0; 4]);
        let logits = row.repeat(count);
        let uniforms: Vec<f32> = (0..count).map(|at| at as f32 / count as f32).collect();
        let mut y = vec![9; count];
        sample_token(&logits, &uniforms, &mut y, &mut scratch);
        let mut counts = [0_usize; 4];
        y.iter().for_each(|token| counts[*token as usize] += 1);
        assert!(counts[0].abs_diff(1000) < 3 && counts[1].abs_diff(2000) < 3 && counts[2] == 0, "{counts:?}");
    }

    /// A number so near 1 that rounding may never pass it gives a token that can occur.
    #[test]
    fn the_last_possible_token_is_the_last() {
        assert_eq!(passes(&[0.25, 0.5, 0.0], 0.8), 1);
        assert_eq!(passes(&[0.0, 0.5, 0.25], 0.0), 1);
    }

    #[test]
    fn ids_are_selected() {
        let mut y = [9; 3];
        select_ids(&[1.0, 0.0, 0.5], &[1, 2, 3], &[4, 5, 6], &mut y);
        assert_eq!(y, [1, 5, 3]);
    }
}
