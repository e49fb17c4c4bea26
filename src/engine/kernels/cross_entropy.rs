//! Losses over rows of logits [N, V] with targets [N]: `torch.nn.functional.cross_entropy(reduction="none")`.

use super::lanes::{Lanes, each};
use super::real::Real;
use super::softmax::{largest, sum_exp};

/// nll [N] = ln sum exp(logits) - logits[target]; 0 where the target is `ignore`. Scratch: V numbers.
pub fn cross_entropy<R: Real>(logits: &[R], targets: &[u32], ignore: Option<u32>, nll: &mut [R], scratch: &mut [R]) {
    let width = logits.len() / targets.len().max(1);
    for (row, (&target, nll)) in targets.iter().zip(nll).enumerate() {
        let x = &logits[row * width..(row + 1) * width];
        *nll = if ignore == Some(target) {
            R::ZERO
        } else {
            sum_exp(x, &mut scratch[..width]).ln() - (x[target as usize] - largest(x))
        };
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
        let total = sum_exp(&logits[row * width..(row + 1) * width], dx);
        let scale = R::Lanes::splat(dnll / total);
        each(width, |i| i.put(dx, i.get(dx) * scale));
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
