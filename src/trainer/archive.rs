//! Time travel: the snapshots of a run that are kept while it trains, dense where little had been learnt and ever sparser
//! later, within a fixed number of bytes.

use super::session::Snapshot;

/// Bytes that the snapshots of a run may take. The first and the newest are kept even where two are larger than that.
pub const BUDGET: usize = 48 << 20;
/// The most snapshots, so that a slider can show each.
pub const MOST: usize = 64;

/// Snapshots by their steps, ascending: always one at least, the first, which is the start of the run.
#[derive(Clone, Debug)]
pub struct Archive {
    snapshots: Vec<Snapshot>,
}

impl Archive {
    /// An archive that begins with this snapshot.
    pub fn new(first: Snapshot) -> Archive {
        Archive { snapshots: vec![first] }
    }

    /// The steps that are kept, ascending.
    pub fn steps(&self) -> impl Iterator<Item = u64> + '_ {
        self.snapshots.iter().map(|snapshot| snapshot.step)
    }

    /// Bytes of all snapshots.
    pub fn bytes(&self) -> usize {
        self.snapshots.iter().map(Snapshot::bytes).sum()
    }

    /// The newest snapshot.
    pub fn newest(&self) -> &Snapshot {
        self.snapshots.last().expect("an archive is never empty")
    }

    /// The newest snapshot at or before a step; the first where there is none so early.
    pub fn at_or_before(&self, step: u64) -> &Snapshot {
        let later = self.snapshots.partition_point(|snapshot| snapshot.step <= step);
        &self.snapshots[later.saturating_sub(1)]
    }

    /// The next step after this one that is to be kept for its place: a quarter further than the newest that is kept.
    pub fn next_due(&self, step: u64) -> u64 {
        let newest = self.at_or_before(step).step;
        (newest + newest / 4).max(step + 1)
    }

    /// Keeps a snapshot in the place of all from its step on, and thins the others out.
    pub fn keep(&mut self, snapshot: Snapshot) {
        self.forget_from(snapshot.step);
        self.snapshots.push(snapshot);
        while self.snapshots.len() > 2 && (self.snapshots.len() > MOST || self.bytes() > BUDGET) {
            self.thin();
        }
    }

    /// Drops the snapshots after a step: training goes on from there, perhaps differently.
    pub fn forget_after(&mut self, step: u64) {
        if self.newest().step > step {
            self.forget_from(step + 1);
        }
    }

    /// Drops the snapshots from a step on.
    fn forget_from(&mut self, step: u64) {
        let kept = self.snapshots.partition_point(|snapshot| snapshot.step < step);
        self.snapshots.truncate(kept);
    }

    /// Drops the snapshot, neither the first nor the newest, whose neighbours are the closest in proportion: the steps that
    /// are left grow by about the same factor from each to the next.
    fn thin(&mut self) {
        let gap = |three: &[Snapshot]| (three[2].step + 1) as f64 / (three[0].step + 1) as f64;
        let gaps = self.snapshots.windows(3).map(gap).enumerate();
        if let Some((before, _)) = gaps.min_by(|(_, a), (_, b)| a.total_cmp(b)) {
            self.snapshots.remove(before + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(step: u64, numbers: usize) -> Snapshot {
        Snapshot::new(step, vec![0.0; numbers], Vec::new())
    }

    fn filled(count: u64, numbers: usize) -> Archive {
        let mut archive = Archive::new(snapshot(0, numbers));
        (1..=count).for_each(|step| {
            archive.keep(snapshot(step, numbers));
            assert!(archive.snapshots.len() <= MOST && (archive.bytes() <= BUDGET || archive.snapshots.len() == 2));
            assert_eq!((archive.steps().next(), archive.newest().step), (Some(0), step));
        });
        archive
    }

    #[test]
    fn thinning_keeps_the_first_the_newest_and_the_bounds() {
        let archive = filled(5_000, 1);
        let steps: Vec<u64> = archive.steps().collect();
        assert_eq!(steps.len(), MOST);
        assert!(steps.is_sorted() && steps[..8] == [0, 1, 2, 3, 4, 5, 6, 7], "{steps:?}");
        let widest = steps[8..].windows(2).map(|two| two[1] as f64 / two[0] as f64).fold(0.0, f64::max);
        assert!(widest < 1.4, "{steps:?}");
        let seven = filled(100, BUDGET / 4 / 7);
        assert!((6..=7).contains(&seven.snapshots.len()));
        assert_eq!(filled(20, BUDGET).steps().collect::<Vec<u64>>(), [0, 20]);
    }

    #[test]
    fn one_goes_back_to_the_newest_that_is_not_later() {
        let mut archive = Archive::new(snapshot(0, 1));
        [10, 20, 30].into_iter().for_each(|step| archive.keep(snapshot(step, 1)));
        let found = [0, 9, 10, 29, 30, u64::MAX].map(|step| archive.at_or_before(step).step);
        assert_eq!(found, [0, 0, 10, 20, 30, 30]);
        archive.forget_after(20);
        assert_eq!(archive.steps().collect::<Vec<u64>>(), [0, 10, 20]);
        archive.keep(snapshot(15, 1));
        assert_eq!(archive.steps().collect::<Vec<u64>>(), [0, 10, 15]);
        archive.keep(snapshot(0, 1));
        assert_eq!(archive.steps().collect::<Vec<u64>>(), [0]);
    }
}
