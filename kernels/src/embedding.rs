//! Rows of a table (`torch.nn.Embedding`).

use super::lanes::{At, each};
use super::real::Real;

/// y [N, width] = weight [V, width] at rows ids [N].
pub fn embedding<R: Real>(width: usize, ids: &[u32], weight: &[R], y: &mut [R]) {
    for (&id, y) in ids.iter().zip(y.chunks_exact_mut(width)) {
        y.copy_from_slice(&weight[id as usize * width..][..width]);
    }
}

/// dweight [V, width] = sum of the rows of dy [N, width] by id, in the order of the ids; zero for `padding`.
pub fn embedding_grad<R: Real>(width: usize, ids: &[u32], dy: &[R], padding: Option<u32>, dweight: &mut [R]) {
    dweight.fill(R::ZERO);
    for (&id, dy) in ids.iter().zip(dy.chunks_exact(width)) {
        if padding != Some(id) {
            let row = &mut dweight[id as usize * width..][..width];
            each!(width, |i| i.put(row, i.get(row) + i.get(dy)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, probe, unset};
    use super::*;

    #[test]
    fn rows_and_their_gradient() {
        for width in [1, 7, 33] {
            let (ids, weight, dy) = ([3, 0, 3, 1], numbers(1, 5 * width), numbers(2, 4 * width));
            let (mut y, mut dweight) = (unset(4 * width), unset(5 * width));
            embedding(width, &ids, &weight, &mut y);
            assert_eq!(y[..width], weight[3 * width..4 * width]);
            embedding_grad(width, &ids, &dy, None, &mut dweight);
            assert!((probe(&y, &dy) - probe(&weight, &dweight)).abs() < 1e-13);
            embedding_grad(width, &ids, &dy, Some(3), &mut dweight);
            assert!(dweight[3 * width..].iter().all(|&d| d == 0.0));
        }
    }
}
