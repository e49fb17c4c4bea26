//! Losses over rows of logits [N, V] with targets [N]: `torch.nn.functional.cross_entropy(reduction="none")`.

use super::lanes::{At, Lanes, WIDTH, each};
use super::real::Real;
use super::softmax::exponentials;

/// nll [N] = ln sum exp(logits) - logits[target]; 0 where the target is `ignore`. Scratch: V numbers.
pub fn cross_entropy<R: Real>(logits: &[R], targets: &[u32], ignore: Option<u32>, nll: &mut [R], scratch: &mut [R]) {
    let width = logits.len() / targets.len().max(1);
    let terms = &mut scratch[..width];
    let (mut rows, mut targets) = (logits.chunks_exact(width.max(1)), targets.iter());
    for nll in nll.chunks_mut(WIDTH) {
        // Four rows share one logarithm; what ignored ones keep gives ln 1 - 0 = 0.
        let (mut totals, mut hits) = ([R::ONE; WIDTH], [R::ZERO; WIDTH]);
        let places = totals.iter_mut().zip(&mut hits);
        for ((total, hit), (x, &target)) in places.zip(rows.by_ref().zip(targets.by_ref())) {
            if ignore != Some(target) {
                let top;
                (top, *total) = exponentials(x, terms);
                *hit = x[target as usize] - top;
            }
        }
        (R::Lanes::from_array(totals).ln() - R::Lanes::from_array(hits)).store_part(nll);
    }
}

/// dlogits [N, V] = (softmax(logits) - onehot(target)) dnll [N]; 0 where ignored.
pub fn cross_entropy_grad<R: Real>(logits: &[R], targets: &[u32], ignore: Option<u32>, dnll: &[R], dlogits: &mut [R]) {
    let width = logits.len() / targets.len().max(1);
    for (row, (&target, &dnll)) in targets.iter().zip(dnll).enumerate() {
        let dx = &mut dlogits[row * width..(row + 1) * width];
        if ignore == Some(target) {
            dx.fill(R::ZERO);
            continue;
        }
        let (_, total) = exponentials(&logits[row * width..(row + 1) * width], dx);
        let scale = R::Lanes::splat(dnll / total);
        each!(width, |i| i.put(dx, i.get(dx) * scale));
        dx[target as usize] -= dnll;
    }
}

/// Index of the largest number, the lowest of equals; 0 for an empty row.
pub fn argmax<R: Real>(x: &[R]) -> usize {
    let mut best = 0;
    for (i, value) in x.iter().enumerate() {
        if *value > x[best] {
            best = i;
        }
    }
    best
}

/// y [N] = 1 where the largest logit is the target's (ties to the lowest id), else 0.
pub fn argmax_equals<R: Real>(logits: &[R], targets: &[u32], y: &mut [R]) {
    let width = logits.len() / targets.len().max(1);
    for (row, (&target, y)) in targets.iter().zip(y).enumerate() {
        let hit = argmax(&logits[row * width..(row + 1) * width]) == target as usize;
        *y = if hit { R::ONE } else { R::ZERO };
    }
}

/// y [N] = 1 where the id differs from `value`, else 0.
pub fn not_equal<R: Real>(ids: &[u32], value: u32, y: &mut [R]) {
    for (&id, y) in ids.iter().zip(y) {
        *y = if id == value { R::ZERO } else { R::ONE };
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, ids, numbers, probe, unset, widen};
    use super::*;

    fn value<R: Real>(logits: &[f64], targets: &[u32]) -> Vec<f64> {
        let (mut y, mut scratch) = (unset::<R>(targets.len()), unset::<R>(logits.len()));
        cross_entropy(&cast(logits), targets, Some(0), &mut y, &mut scratch);
        widen(&y)
    }

    fn gradient<R: Real>(logits: &[f64], targets: &[u32], dnll: &[f64]) -> Vec<f64> {
        let mut dx = unset::<R>(logits.len());
        cross_entropy_grad(&cast(logits), targets, Some(0), &cast(dnll), &mut dx);
        widen(&dx)
    }

    #[test]
    fn single_and_double_precision_agree() {
        for (rows, width) in [(1, 1), (7, 2), (33, 7), (7, 130)] {
            let x: Vec<f64> = numbers(1, rows * width).iter().map(|x| 16.0 * x).collect();
            let (targets, dnll) = (ids(2, rows, width as u32), numbers(3, rows));
            assert_close(&value::<f32>(&x, &targets), &value::<f64>(&x, &targets), 1e-6);
            assert_close(&gradient::<f32>(&x, &targets, &dnll), &gradient::<f64>(&x, &targets, &dnll), 1e-6);
            let alone = x.chunks(width).zip(&targets).flat_map(|(x, target)| value::<f32>(x, &[*target]));
            assert_eq!(value::<f32>(&x, &targets), alone.collect::<Vec<_>>());
        }
    }

    #[test]
    fn gradient_matches_differences_and_ignored_rows_do_not_count() {
        let (x, targets, dnll) = (numbers(1, 21), [2, 0, 6], numbers(3, 3));
        let dx = gradient::<f64>(&x, &targets, &dnll);
        assert_gradient(&x, &dx, |x| probe(&value::<f64>(x, &targets), &dnll));
        assert_eq!(value::<f64>(&x, &targets)[1], 0.0);
        assert_eq!(dx[7..14], [0.0; 7]);
    }

    #[test]
    fn hits_and_differences() {
        let mut y = unset::<f32>(3);
        argmax_equals(&[1.0, 3.0, 3.0, 2.0, 1.0, 0.0, 5.0, 6.0, 7.0], &[1, 1, 2], &mut y);
        assert_eq!(y, [1.0, 0.0, 1.0]);
        not_equal(&[0, 4, 0], 0, &mut y);
        assert_eq!(y, [0.0, 1.0, 0.0]);
    }
}
