//! The one source of randomness: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011),
//! a counter-based generator of 32-bit integers, so that any number of any stream can be had at once and a run
//! repeats bit for bit on every platform.

use super::real::Real;

/// What a stream of random numbers is for; streams of one seed are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Initial parameters; one stream for each, by its place.
    Initialisation(u32),
    /// Which windows of the text make a batch.
    Batches,
    /// Sampling text.
    Sampling,
    /// Synthetic data.
    Task,
    /// The masks of dropout; one stream for each place in a model where numbers are dropped.
    Dropout(u32),
    /// Examples kept for evaluation.
    Evaluation,
    /// Whether a decoder in training is fed the truth.
    TeacherForcing,
    /// Sampling of the tokens that a decoder in training feeds itself, and of REINFORCE's sequences.
    Feedback,
}

impl Stream {
    /// The second half of the generator's key.
    pub fn id(self) -> u32 {
        match self {
            Stream::Batches => 0,
            Stream::Sampling => 1,
            Stream::Task => 2,
            Stream::Evaluation => 5,
            Stream::TeacherForcing => 3,
            Stream::Feedback => 4,
            Stream::Initialisation(place) => 16 + place,
            Stream::Dropout(place) => (1 << 31) + place,
        }
    }
}

/// A stream of random numbers, read by index.
#[derive(Clone, Copy, Debug)]
pub struct Rng {
    key: [u32; 2],
}

impl Rng {
    /// The stream of this seed.
    pub fn new(seed: u32, stream: Stream) -> Self {
        Rng { key: [seed, stream.id()] }
    }

    /// Four uniformly distributed integers for the counter `index`.
    pub fn block(&self, index: u64) -> [u32; 4] {
        philox([index as u32, (index >> 32) as u32, 0, 0], self.key)
    }

    /// As [`Rng::block`], another for every `step`.
    pub fn block_of_step(&self, index: u64, step: u32) -> [u32; 4] {
        philox([index as u32, (index >> 32) as u32, 2, step], self.key)
    }

    /// A uniformly distributed integer.
    pub fn integer(&self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// A number in 0 .. 1 (1 excluded) with 24 random bits.
    pub fn uniform(&self, index: u64) -> f32 {
        (self.integer(index) >> 8) as f32 / 16_777_216.0
    }

    /// An integer in 0 .. `below`, which must not be 0; its bias is below 2^-32 * `below`.
    pub fn below(&self, index: u64, below: u32) -> u32 {
        ((u64::from(self.integer(index)) * u64::from(below)) >> 32) as u32
    }

    /// A standard normal number: Marsaglia's polar method on the pairs of the block `index`.
    pub fn normal(&self, index: u64) -> f32 {
        let mut counter = [index as u32, (index >> 32) as u32, 1, 0];
        loop {
            let words = philox(counter, self.key);
            let signed = |word: u32| (word >> 8) as f32 / 8_388_608.0 - 1.0;
            let (u, v) = (signed(words[0]), signed(words[1]));
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                return u * (-2.0 * Real::ln(square) / square).sqrt();
            }
            counter[3] += 1;
        }
    }
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let low = u64::from(counter[0]) * 0xD251_1F53;
        let high = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let rng = Rng::new(7, Stream::Task);
        let numbers: Vec<f64> = (0..20_000).map(|at| f64::from(rng.normal(at))).collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
