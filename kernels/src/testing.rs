//! What the kernels' tests share.

use super::real::Real;

/// `len` numbers in [-1, 1), the same for the same seed, exact in `f32`.
pub fn numbers(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / (1u64 << 23) as f64 - 1.0
    };
    next();
    (0..len).map(|_| next()).collect()
}

/// Ids below `count`.
pub fn ids(seed: u64, len: usize, count: u32) -> Vec<u32> {
    numbers(seed, len).iter().map(|x| ((x + 1.0) / 2.0 * f64::from(count)) as u32).collect()
}

/// These numbers in R.
pub fn cast<R: Real>(x: &[f64]) -> Vec<R> {
    x.iter().map(|&x| R::from_f64(x)).collect()
}

/// Memory nobody has written to yet.
pub fn unset<R: Real>(len: usize) -> Vec<R> {
    vec![R::from_f64(f64::NAN); len]
}

/// These numbers as doubles.
pub fn widen<R: Real>(x: &[R]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// |a - b| <= tolerance * max(1, max|b|), and nothing is NaN.
#[track_caller]
pub fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0f64, |top, b| top.max(b.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "[{i}] {a:e} instead of {b:e}, scale {scale:e}");
    }
}

/// The gradient of `loss` at `x` is `gradient`, by central differences in double precision.
#[track_caller]
pub fn assert_gradient(x: &[f64], gradient: &[f64], loss: impl Fn(&[f64]) -> f64) {
    const STEP: f64 = 1e-5;
    let difference = |i: usize| {
        let mut moved = x.to_vec();
        moved[i] += STEP;
        let above = loss(&moved);
        moved[i] -= 2.0 * STEP;
        (above - loss(&moved)) / (2.0 * STEP)
    };
    let numeric: Vec<f64> = (0..x.len()).map(difference).collect();
    assert_close(gradient, &numeric, 1e-8);
}

/// sum of a[i] b[i]: a loss that makes every gradient non-trivial.
pub fn probe(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
