//! The two directions in which a cloud of vectors spreads most.

/// Rounds of the power iteration.
const ROUNDS: usize = 60;

/// The coordinates of N vectors, rows of `width` numbers, along their first two principal components, and the share of the
/// variance that each explains. By power iteration on the covariance from a fixed start, so that the picture turns no more
/// than the vectors do; the larger loading of a component is positive.
pub fn principal(rows: &[f32], width: usize) -> (Vec<[f64; 2]>, [f64; 2]) {
    let count = rows.len() / width.max(1);
    if count == 0 {
        return (Vec::new(), [0.0; 2]);
    }
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(mean, number)| *mean += f64::from(*number) / count as f64);
    }
    let centred: Vec<f64> = rows.iter().enumerate().map(|(at, number)| f64::from(*number) - mean[at % width]).collect();
    let mut covariance = vec![0.0; width * width];
    for row in centred.chunks_exact(width) {
        for (into, left) in covariance.chunks_exact_mut(width).zip(row) {
            into.iter_mut().zip(row).for_each(|(sum, right)| *sum += left * right / count as f64);
        }
    }
    let total: f64 = (0..width).map(|at| covariance[at * width + at]).sum();
    let mut found = Vec::new();
    let mut shares = [0.0; 2];
    for share in &mut shares {
        let (direction, variance) = leading(&covariance, width);
        for (row, left) in covariance.chunks_exact_mut(width).zip(&direction) {
            row.iter_mut().zip(&direction).for_each(|(entry, right)| *entry -= variance * left * right);
        }
        *share = if total > 0.0 { variance / total } else { 0.0 };
        found.push(direction);
    }
    let along = |row: &[f64], direction: &[f64]| row.iter().zip(direction).map(|(a, b)| a * b).sum();
    let points = centred.chunks_exact(width).map(|row| [along(row, &found[0]), along(row, &found[1])]).collect();
    (points, shares)
}

/// The share of the variance of N vectors, rows of `width` numbers, that is between groups: 1 where the group says all, about
/// (groups - 1) / (N - 1) where it says nothing.
pub fn explained(rows: &[f32], width: usize, groups: &[usize]) -> f64 {
    let count = groups.len();
    let most = groups.iter().max().map_or(0, |group| group + 1);
    let (mut sums, mut sizes) = (vec![0.0; most * width], vec![0.0; most]);
    let (mut all, mut squares) = (vec![0.0; width], 0.0);
    for (row, group) in rows.chunks_exact(width.max(1)).zip(groups) {
        sizes[*group] += 1.0;
        for (at, number) in row.iter().enumerate() {
            let number = f64::from(*number);
            sums[group * width + at] += number;
            all[at] += number;
            squares += number * number;
        }
    }
    let middle = all.iter().map(|sum| sum * sum).sum::<f64>() / (count as f64).max(1.0);
    let of_group = |(at, size): (usize, &f64)| {
        let sum = &sums[at * width..][..width];
        if *size > 0.0 { sum.iter().map(|sum| sum * sum).sum::<f64>() / size } else { 0.0 }
    };
    let between = sizes.iter().enumerate().map(of_group).sum::<f64>() - middle;
    let total = squares - middle;
    if total > 0.0 { between / total } else { 0.0 }
}

/// The eigenvector of the largest eigenvalue of a symmetric matrix, and that eigenvalue.
fn leading(matrix: &[f64], width: usize) -> (Vec<f64>, f64) {
    // No component is likely to stand at a right angle to this.
    let mut vector: Vec<f64> = (0..width).map(|at| 1.0 + (at as f64 * 0.7).sin()).collect();
    let mut value = 0.0;
    for _ in 0..ROUNDS {
        let next: Vec<f64> =
            matrix.chunks_exact(width).map(|row| row.iter().zip(&vector).map(|(a, b)| a * b).sum()).collect();
        value = next.iter().map(|number| number * number).sum::<f64>().sqrt();
        if value <= 0.0 {
            return (vec![0.0; width], 0.0);
        }
        vector = next.into_iter().map(|number| number / value).collect();
    }
    let largest = vector
        .iter()
        .copied()
        .fold(0.0, |largest: f64, number| if number.abs() > largest.abs() { number } else { largest });
    if largest < 0.0 {
        vector.iter_mut().for_each(|number| *number = -*number);
    }
    (vector, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_cloud_is_seen_from_its_broad_side() {
        let place = |at: usize| (3.0 * (at as f64 * 1.3).sin(), (at as f64 * 2.1).cos());
        // In the plane of (1, 0, 1, 0) and (0, 1, 0, -1), somewhere.
        let rows: Vec<f32> = (0..200)
            .flat_map(|at| {
                let (long, short) = place(at);
                [5.0 + long, short, long, 2.0 - short].map(|number| number as f32)
            })
            .collect();
        let (points, shares) = principal(&rows, 4);
        assert!((shares[0] - 0.9).abs() < 0.02 && (shares[0] + shares[1] - 1.0).abs() < 1e-6, "{shares:?}");
        let spread = |axis: usize| (points.iter().map(|point| point[axis] * point[axis]).sum::<f64>() / 200.0).sqrt();
        assert!((spread(0) - 3.0).abs() < 0.1 && (spread(1) - 1.0).abs() < 0.1, "{} {}", spread(0), spread(1));
        let side: Vec<usize> = points.iter().map(|point| usize::from(point[0] > 0.0)).collect();
        let said = explained(&rows, 4, &side);
        assert!((0.5..0.9).contains(&said), "the side of the long axis says most: {said}");
        let nothing: Vec<usize> = (0..200).map(|at| at / 5 % 2).collect();
        assert!(explained(&rows, 4, &nothing) < 0.1 && explained(&rows, 4, &[0; 200]).abs() < 1e-9);
        let own: Vec<usize> = (0..200).collect();
        assert!((explained(&rows, 4, &own) - 1.0).abs() < 1e-6 && explained(&[], 4, &[]) == 0.0);
        assert_eq!(principal(&[], 4).0.len(), 0);
        assert_eq!(principal(&[1.0; 8], 4), (vec![[0.0; 2]; 2], [0.0; 2]));
    }
}
