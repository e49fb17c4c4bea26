//! Dropout (Srivastava et al. 2014; `torch.nn.Dropout`), its masks drawn from the counter-based generator, so that they
//! are the same on every backend and in the backward pass.

use super::real::Real;
use super::rng::{Rng, Stream};

/// A number is dropped where the upper 24 bits of its random integer are below this.
pub fn threshold(p: f32) -> u32 {
    (f64::from(p) * 16_777_216.0).round() as u32
}

/// What the others are multiplied by: 1 / (1 - p).
pub fn scale(p: f32) -> f64 {
    1.0 / (1.0 - f64::from(p))
}

/// y [N] = x / (1 - p) or 0, by the mask of this stream and key (seed, step). Four numbers share a block of the
/// generator; for four zeros none is drawn, so that padding costs nothing.
pub fn dropout<R: Real>(p: f32, stream: u32, key: &[u32], x: &[R], y: &mut [R]) {
    let rng = Rng::new(key[0], Stream::Dropout(stream));
    let (threshold, scale) = (threshold(p), R::from_f64(scale(p)));
    for (at, (x, y)) in x.chunks(4).zip(y.chunks_mut(4)).enumerate() {
        if x.iter().all(|x| *x == R::ZERO) {
            y.fill(R::ZERO);
            continue;
        }
        let words = rng.block_of_step(at as u64, key[1]);
        for ((x, y), word) in x.iter().zip(y).zip(words) {
            *y = if word >> 8 < threshold { R::ZERO } else { *x * scale };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::unset;
    use super::*;

    fn mask(p: f32, stream: u32, key: [u32; 2]) -> Vec<f32> {
        let mut y = unset(10_001);
        dropout(p, stream, &key, &[1.0; 10_001], &mut y);
        y
    }

    #[test]
    fn masks_have_the_right_mean_and_are_drawn_anew() {
        for p in [0.0, 0.1, 0.5, 0.9] {
            let y = mask(p, 0, [1, 1]);
            let kept = y.iter().filter(|y| **y != 0.0).count() as f32 / 10_001.0;
            assert!((kept - (1.0 - p)).abs() < 0.02, "{p}: {kept} kept");
            assert!(y.iter().all(|y| *y == 0.0 || *y == (1.0 / (1.0 - f64::from(p))) as f32));
        }
        let first = mask(0.5, 0, [1, 1]);
        assert_eq!(first, mask(0.5, 0, [1, 1]));
        for other in [mask(0.5, 1, [1, 1]), mask(0.5, 0, [2, 1]), mask(0.5, 0, [1, 2])] {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!((4_500..5_500).contains(&same), "{same} of 10001 are the same");
        }
    }

    #[test]
    fn padding_stays_zero() {
        let mut y = unset::<f64>(9);
        dropout(0.5, 0, &[1, 1], &[0.0; 9], &mut y);
        assert_eq!(y, [0.0; 9]);
    }
}
