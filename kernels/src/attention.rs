//! Attention: the energies of additive attention, forward and backward, masks, and one query against a cache of keys.
//!
//! Sequences are [T, B, F]: I queries, J keys.

use super::lanes::{At, Lanes, each};
use super::real::Real;
use super::reduce::dot;

/// Queries I, sequences B, keys J and the width A of additive attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Energies {
    /// I.
    pub queries: usize,
    /// B.
    pub batch: usize,
    /// J.
    pub keys: usize,
    /// A.
    pub width: usize,
}

/// energies [I, B, J] = v . tanh(query [I, B, A] + keys [J, B, A]); `tanh` [I, B, J, A] is kept for the backward pass
/// and for the views.
pub fn additive_energy<R: Real>(dims: Energies, [query, keys, v]: [&[R]; 3], energies: &mut [R], tanh: &mut [R]) {
    let Energies { batch, keys: count, width, .. } = dims;
    let rows = query.chunks_exact(width).zip(energies.chunks_exact_mut(count));
    for (row, ((query, energies), tanh)) in rows.zip(tanh.chunks_exact_mut(count * width)).enumerate() {
        for (j, (energy, tanh)) in energies.iter_mut().zip(tanh.chunks_exact_mut(width)).enumerate() {
            let key = &keys[(j * batch + row % batch) * width..][..width];
            let mut sum = R::Lanes::splat(R::ZERO);
            each!(width, |at| {
                let value = (at.get(query) + at.get(key)).tanh();
                at.put(tanh, value);
                sum = sum + value * at.get(v);
            });
            *energy = sum.sum();
        }
    }
}

/// From tanh [I, B, J, A], v and dL/d(energies) [I, B, J]: d_query [I, B, A], d_keys [J, B, A], d_v [A].
///
/// With s = dL/d(energy): d_v = sum s tanh; the others are sums of s (1 - tanh^2) v over keys and over queries.
pub fn additive_energy_grad<R: Real>(
    dims: Energies,
    [tanh, v, d_energies]: [&[R]; 3],
    [d_query, d_keys, d_v]: [&mut [R]; 3],
) {
    let Energies { batch, keys, width, .. } = dims;
    d_v.fill(R::ZERO);
    let rows = d_query.chunks_exact_mut(width).zip(tanh.chunks_exact(keys * width)).zip(d_energies.chunks_exact(keys));
    for (row, ((d_query, tanh), s)) in rows.enumerate() {
        d_query.fill(R::ZERO);
        let mut places = d_keys.chunks_exact_mut(batch * width).map(|keys| &mut keys[row % batch * width..][..width]);
        let mut tanh = tanh.chunks_exact(width);
        let mut keys = s.chunks_exact(NEAR);
        let first = row < batch;
        for s in &mut keys {
            add_keys::<R, NEAR>(first, s, v, tanh.by_ref(), places.by_ref(), [d_query, d_v]);
        }
        for s in keys.remainder().chunks_exact(1) {
            add_keys::<R, 1>(first, s, v, tanh.by_ref(), places.by_ref(), [d_query, d_v]);
        }
        each!(width, |at| at.put(d_query, at.get(d_query) * at.get(v)));
    }
}

/// Keys worked on at a time, so that the sums over keys are read and written less often.
const NEAR: usize = 4;

/// What the next N keys add for one query; its sum is still without the factor v. `first`: d_keys is set, not added to.
#[inline(always)]
fn add_keys<'a, R: Real, const N: usize>(
    first: bool,
    s: &[R],
    v: &[R],
    tanh: &mut impl Iterator<Item = &'a [R]>,
    d_keys: &mut impl Iterator<Item = &'a mut [R]>,
    [d_query, d_v]: [&mut [R]; 2],
) {
    let width = v.len();
    let tanh: [&[R]; N] = std::array::from_fn(|_| tanh.next().map_or(&[][..], |row| &row[..width]));
    let d_keys: [&mut [R]; N] =
        std::array::from_fn(|_| d_keys.next().map_or(Default::default(), |row| &mut row[..width]));
    let (d_query, d_v) = (&mut d_query[..width], &mut d_v[..width]);
    each!(width, |at| {
        let (factor, mut query, mut sum) = (at.get(v), at.get(d_query), at.get(d_v));
        for key in 0..N {
            let (s, tanh) = (R::Lanes::splat(s[key]), at.get(tanh[key]));
            let along = s * tanh;
            let slope = s - along * tanh;
            sum = sum + along;
            query = query + slope;
            let before = if first { R::Lanes::splat(R::ZERO) } else { at.get(d_keys[key]) };
            at.put(d_keys[key], before + slope * factor);
        }
        at.put(d_query, query);
        at.put(d_v, sum);
    });
}

/// y [B, J] is 1 before a sequence's length and 0 from there on.
pub fn length_mask<R: Real>(lengths: &[u32], steps: usize, y: &mut [R]) {
    for (length, y) in lengths.iter().zip(y.chunks_exact_mut(steps)) {
        let (kept, rest) = y.split_at_mut((*length as usize).min(steps));
        kept.fill(R::ONE);
        rest.fill(R::ZERO);
    }
}

/// cache [L, B, F] takes x [1, B, F] at each sequence's position (the last place, if it is beyond).
pub fn cache_write<R: Real>(x: &[R], position: &[u32], cache: &mut [R]) {
    let (batch, width) = (position.len(), x.len() / position.len().max(1));
    let longest = cache.len() / x.len().max(1);
    for (b, (x, position)) in x.chunks_exact(width).zip(position).enumerate() {
        let at = (*position as usize).min(longest - 1);
        cache[(at * batch + b) * width..][..width].copy_from_slice(x);
    }
}

/// For each sequence and head: weights [B, heads, L] = softmax(query [1, B, D] . keys [L, B, D]) over the keys up to the
/// position, 0 beyond; y [1, B, D] = the values weighted so.
pub fn cached_attention<R: Real>(
    heads: usize,
    [query, keys, values]: [&[R]; 3],
    position: &[u32],
    y: &mut [R],
    weights: &mut [R],
) {
    let (batch, all) = (position.len(), query.len());
    let (longest, width) = (keys.len() / all, all / (batch * heads));
    for (at, (query, y)) in query.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
        let count = (position[at / heads] as usize + 1).min(longest);
        let (seen, beyond) = weights[at * longest..][..longest].split_at_mut(count);
        for (j, weight) in seen.iter_mut().enumerate() {
            *weight = dot(query, &keys[j * all + at * width..][..width]);
        }
        super::softmax::softmax_in_place(seen);
        beyond.fill(R::ZERO);
        y.fill(R::ZERO);
        for (j, weight) in seen.iter().enumerate() {
            let (weight, value) = (R::Lanes::splat(*weight), &values[j * all + at * width..][..width]);
            each!(width, |at| at.put(y, at.get(y) + weight * at.get(value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};
    use super::*;

    fn energies<R: Real>(dims: Energies, query: &[f64], keys: &[f64], v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let count = dims.queries * dims.batch * dims.keys;
        let (mut energies, mut tanh) = (unset::<R>(count), unset::<R>(count * dims.width));
        additive_energy(dims, [&cast(query), &cast(keys), &cast(v)], &mut energies, &mut tanh);
        (widen(&energies), widen(&tanh))
    }

    fn gradient<R: Real>(dims: Energies, tanh: &[f64], v: &[f64], dy: &[f64]) -> [Vec<f64>; 3] {
        let row = dims.batch * dims.width;
        let (mut query, mut keys) = (unset::<R>(dims.queries * row), unset::<R>(dims.keys * row));
        let mut d_v = unset::<R>(dims.width);
        additive_energy_grad(dims, [&cast(tanh), &cast(v), &cast(dy)], [&mut query, &mut keys, &mut d_v]);
        [widen(&query), widen(&keys), widen(&d_v)]
    }

    #[test]
    fn additive_energies_and_their_gradients() {
        for (queries, batch, keys, width) in [(1, 1, 1, 1), (2, 3, 5, 7), (1, 2, 3, 33), (3, 1, 4, 8), (2, 2, 2, 21)] {
            let dims = Energies { queries, batch, keys, width };
            let (query, key) = (numbers(1, queries * batch * width), numbers(2, keys * batch * width));
            let (v, dy) = (numbers(3, width), numbers(4, queries * batch * keys));
            let (energy, tanh) = energies::<f64>(dims, &query, &key, &v);
            assert_close(&energies::<f32>(dims, &query, &key, &v).0, &energy, 1e-6);
            let loss = |query: &[f64], key: &[f64], v: &[f64]| probe(&energies::<f64>(dims, query, key, v).0, &dy);
            let exact = gradient::<f64>(dims, &tanh, &v, &dy);
            assert_gradient(&query, &exact[0], |x| loss(x, &key, &v));
            assert_gradient(&key, &exact[1], |x| loss(&query, x, &v));
            assert_gradient(&v, &exact[2], |x| loss(&query, &key, x));
            for (single, double) in gradient::<f32>(dims, &tanh, &v, &dy).iter().zip(&exact) {
                assert_close(single, double, 1e-5);
            }
        }
    }

    #[test]
    fn a_cache_is_attended_up_to_the_position() {
        let (longest, batch, heads, width) = (5, 2, 2, 3);
        let row = batch * heads * width;
        let (query, keys) = (numbers(1, row), numbers(2, longest * row));
        let (mut y, mut weights) = (unset::<f64>(row), unset::<f64>(batch * heads * longest));
        let mut values = vec![0.0; longest * row];
        cache_write(&vec![1.0; row], &[0, 7], &mut values);
        cached_attention(heads, [&query, &keys, &values], &[0, 7], &mut y, &mut weights);
        assert_eq!(weights[..5], [1.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(weights.chunks(longest).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
        assert_eq!(y[..6], [1.0; 6]);
        assert!((y[6] - weights[14]).abs() < 1e-12);
    }

    #[test]
    fn lengths_become_masks() {
        let mut y = unset::<f64>(9);
        length_mask(&[0, 2, 5], 3, &mut y);
        assert_eq!(y, [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
    }
}
