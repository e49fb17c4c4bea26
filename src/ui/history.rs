//! The curves of a run in bounded memory: however long it trains, a chart draws at most [`History::CAPACITY`] points.

/// Rows (loss, accuracy, norms) against step. Neighbouring steps are merged into buckets that keep mean, lowest and
/// highest value; when all buckets are full, pairs of them merge and the bucket size doubles.
#[derive(Clone, Debug, Default)]
pub struct History {
    columns: usize,
    stride: u64,
    last_step: u64,
    buckets: Vec<Bucket>,
    values: Vec<Stat>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    step: u64,
    count: u64,
}

/// What a bucket keeps of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat {
    /// Mean of the merged steps.
    pub mean: f32,
    /// Smallest value.
    pub low: f32,
    /// Largest value.
    pub high: f32,
}

impl Stat {
    fn merge(&mut self, count: u64, other: Stat, other_count: u64) {
        let share = other_count as f32 / (count + other_count) as f32;
        self.mean += (other.mean - self.mean) * share;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

impl History {
    /// The largest number of buckets.
    pub const CAPACITY: usize = 1024;

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = History::default();
    }

    /// Forgets what came after `step`.
    pub fn rewind(&mut self, step: u64) {
        let kept = self.buckets.partition_point(|bucket| bucket.step <= step);
        self.buckets.truncate(kept);
        self.values.truncate(kept * self.columns);
        self.last_step = self.buckets.last().map_or(0, |bucket| bucket.step);
        if kept == 0 {
            self.clear();
        }
    }

    /// Adds the row of `step`. Where that is not after the last one, training went back: what came between is void.
    pub fn push(&mut self, step: u64, row: &[f32]) {
        if row.len() != self.columns {
            self.clear();
        } else if step <= self.last_step {
            self.rewind(step.saturating_sub(1));
        }
        if self.is_empty() {
            self.columns = row.len();
            self.stride = 1;
        }
        self.last_step = step;
        let values = row.iter().map(|&value| Stat { mean: value, low: value, high: value });
        match self.buckets.last_mut() {
            Some(bucket) if bucket.count < self.stride => {
                let first = self.values.len() - self.columns;
                for (stat, value) in self.values[first..].iter_mut().zip(values) {
                    stat.merge(bucket.count, value, 1);
                }
                bucket.step = step;
                bucket.count += 1;
            }
            _ => {
                self.values.extend(values);
                self.buckets.push(Bucket { step, count: 1 });
            }
        }
        if self.buckets.len() == Self::CAPACITY && self.buckets[Self::CAPACITY - 1].count == self.stride {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let columns = self.columns;
        for into in 0..self.buckets.len() / 2 {
            let (left, right) = (self.buckets[2 * into], self.buckets[2 * into + 1]);
            for column in 0..columns {
                let mut stat = self.values[2 * into * columns + column];
                stat.merge(left.count, self.values[(2 * into + 1) * columns + column], right.count);
                self.values[into * columns + column] = stat;
            }
            self.buckets[into] = Bucket { step: right.step, count: left.count + right.count };
        }
        let half = self.buckets.len() / 2;
        self.buckets.truncate(half);
        self.values.truncate(half * columns);
        self.stride *= 2;
    }

    /// Number of buckets.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether no step was taken yet.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The last step.
    pub fn last_step(&self) -> u64 {
        self.last_step
    }

    /// Steps merged into one point.
    pub fn stride(&self) -> u64 {
        self.stride.max(1)
    }

    /// Columns of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The value of `column` at `step`, or the last before it.
    pub fn at(&self, step: u64, column: usize) -> Option<Stat> {
        let last = self.buckets.partition_point(|bucket| bucket.step <= step).checked_sub(1)?;
        self.values[last * self.columns..][..self.columns].get(column).copied()
    }

    /// The points of `column`: step and value.
    pub fn points(
        &self,
        column: usize,
    ) -> impl DoubleEndedIterator<Item = (u64, Stat)> + ExactSizeIterator + Clone + '_ {
        let columns = self.columns.max(1);
        self.buckets.iter().enumerate().map(move |(at, bucket)| (bucket.step, self.values[at * columns + column]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_step_while_there_is_room() {
        let mut history = History::default();
        (1..=100).for_each(|step| history.push(step, &[step as f32, 1.0]));
        assert_eq!(history.len(), 100);
        assert_eq!(history.points(0).nth(41).unwrap().0, 42);
        assert_eq!(history.at(100, 0).unwrap().mean, 100.0);
        assert_eq!((history.at(0, 0), history.at(7, 0).map(|stat| stat.mean)), (None, Some(7.0)));
    }

    #[test]
    fn is_bounded_and_keeps_mean_and_extremes() {
        let mut history = History::default();
        let steps = 1_000_000;
        for step in 1..=steps {
            history.push(step, &[if step == 777 { 50.0 } else { 1.0 }]);
        }
        assert!(history.len() <= History::CAPACITY && history.len() >= History::CAPACITY / 2 - 1);
        assert_eq!(history.points(0).last().unwrap().0, steps);
        let highest = history.points(0).map(|(_, stat)| stat.high).fold(0.0, f32::max);
        assert_eq!(highest, 50.0);
        assert!(history.points(0).skip(1).all(|(_, stat)| (stat.mean - 1.0).abs() < 1e-6));
    }

    #[test]
    fn going_back_voids_what_came_between() {
        let mut history = History::default();
        (1..=10).for_each(|step| history.push(step, &[1.0]));
        history.push(6, &[2.0]);
        assert_eq!((history.len(), history.last_step(), history.at(6, 0).unwrap().mean), (6, 6, 2.0));
        history.push(1, &[2.0]);
        assert_eq!((history.len(), history.last_step()), (1, 1));
        history.rewind(0);
        assert!(history.is_empty());
        history.push(2, &[1.0, 2.0]);
        assert_eq!((history.len(), history.columns()), (1, 2));
    }
}
