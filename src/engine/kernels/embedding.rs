//! Rows of a table (`torch.nn.Embedding`).

use super::lanes::each;
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
            each(width, |i| i.put(row, i.get(row) + i.get(dy)));
        }
    }
}
