//! What the page knows of the run: the latest frame and the curves so far. All views draw from here.

use crate::protocol::FrameHeader;
use crate::ui::history::{History, Stat};

/// The columns of [`FrameStore::history`]; the parameters' gradient norms follow.
pub mod column {
    /// Nats per character.
    pub const LOSS: usize = 0;
    /// Share of next characters guessed right.
    pub const ACCURACY: usize = 1;
    /// Total gradient norm before clipping.
    pub const GRADIENT: usize = 2;
    /// The first parameter's gradient norm.
    pub const PARAMETERS: usize = 3;
}

/// A text the model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Steps the model had trained.
    pub step: u64,
    /// What it wrote.
    pub text: String,
}

/// A tensor of the latest frame.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    /// Its shape.
    pub shape: &'a [usize],
    /// Its values, row after row.
    pub values: &'a [f32],
}

impl<'a> Tensor<'a> {
    /// Rows and columns of a matrix; a vector is one column, and inner dimensions count as one.
    pub fn size(&self) -> (usize, usize) {
        match self.shape {
            [] => (0, 0),
            [rows, inner @ ..] => (*rows, inner.iter().product()),
        }
    }

    /// Row `at` of a matrix.
    pub fn row(&self, at: usize) -> &'a [f32] {
        let width = self.size().1;
        self.values.get(at * width..(at + 1) * width).unwrap_or(&[])
    }

    /// The value at a row and a column.
    pub fn at(&self, row: usize, column: usize) -> Option<f32> {
        self.row(row).get(column).copied()
    }
}

/// The latest frame, the curves and the milestones among the samples.
#[derive(Debug, Default)]
pub struct FrameStore {
    /// The latest frame's header.
    pub header: FrameHeader,
    data: Vec<f32>,
    /// Loss, accuracy and gradient norms against step.
    pub history: History,
    /// Texts sampled along the way, each after about twice the steps of the one before.
    pub samples: Vec<Sample>,
}

impl FrameStore {
    /// Takes a frame in; `fill` copies the message's numbers.
    pub fn accept(&mut self, header: FrameHeader, fill: impl FnOnce(&mut Vec<f32>)) {
        if header.step < self.header.step {
            // As far as one can go forth again, the rows stay, until training goes on from here.
            let last = header.snapshots.last().copied().unwrap_or_default();
            self.history.rewind(last.max(header.step));
            self.samples.retain(|sample| sample.step <= header.step);
        }
        self.header = header;
        self.data.clear();
        fill(&mut self.data);
        self.take_history();
        self.take_sample();
    }

    /// Forgets the run.
    pub fn clear(&mut self) {
        self.header = FrameHeader::default();
        self.history.clear();
        self.samples.clear();
        self.data.clear();
    }

    /// The value of a column of the history at the present step.
    pub fn latest(&self, column: usize) -> Option<Stat> {
        self.history.at(self.header.step, column)
    }

    /// Seconds that a step of training took, on the average of the run.
    pub fn seconds_per_step(&self) -> f64 {
        f64::from(self.header.seconds) / (self.header.step as f64).max(1.0)
    }

    /// The tensor at `path`, where the frame has it whole.
    pub fn tensor(&self, path: &str) -> Option<Tensor<'_>> {
        let section = self.header.sections.iter().find(|section| section.path == path)?;
        let values = self.data.get(section.offset..section.offset.checked_add(section.length())?)?;
        Some(Tensor { shape: &section.shape, values })
    }

    fn take_history(&mut self) {
        let mut history = std::mem::take(&mut self.history);
        if let Some(rows) = self.tensor("history") {
            let (count, width) = rows.size();
            for row in (0..count).map(|at| rows.row(at)).filter(|row| row.len() == width && width > 1) {
                history.push(row[0] as u64, &row[1..]);
            }
        }
        self.history = history;
    }

    fn take_sample(&mut self) {
        let (step, text) = (self.header.sample_step, &self.header.sample);
        let due = match self.samples.last() {
            None => true,
            Some(last) => step >= (last.step * 2).max(last.step + 1),
        };
        if due && !text.is_empty() {
            self.samples.push(Sample { step, text: text.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Section;

    fn frame(step: u64, rows: &[f32]) -> (FrameHeader, Vec<f32>) {
        let section = Section { path: "history".into(), shape: vec![rows.len() / 5, 5], offset: 0 };
        (
            FrameHeader { step, sections: vec![section], sample: "a".into(), sample_step: step, ..Default::default() },
            rows.into(),
        )
    }

    #[test]
    fn collects_history_and_starts_over() {
        let mut store = FrameStore::default();
        let (header, rows) = frame(2, &[1.0, 3.0, 0.1, 1.0, 1.0, 2.0, 2.5, 0.2, 1.0, 1.0]);
        store.accept(header, |data| data.extend(&rows));
        assert_eq!(store.history.len(), 2);
        assert_eq!(store.latest(column::LOSS).unwrap().mean, 2.5);
        let (header, rows) = frame(1, &[1.0, 3.0, 0.1, 1.0, 1.0]);
        store.accept(header, |data| data.extend(&rows));
        assert_eq!(store.history.len(), 1);
    }

    #[test]
    fn what_one_can_go_forth_to_stays_until_training_goes_on() {
        let row = |step: u64, loss: f32| [step as f32, loss, 0.1, 1.0, 1.0];
        let mut store = FrameStore::default();
        let mut take = |step: u64, snapshots: &[u64], rows: &[f32]| {
            let (mut header, rows) = frame(step, rows);
            header.snapshots = snapshots.to_vec();
            store.accept(header, |data| data.extend(&rows));
            (store.history.last_step(), store.latest(column::LOSS).map(|stat| stat.mean))
        };
        let rows: Vec<f32> = (1..=4).flat_map(|step| row(step, step as f32)).collect();
        assert_eq!(take(4, &[0, 2], &rows), (4, Some(4.0)));
        assert_eq!(take(2, &[0, 2, 4], &[]), (4, Some(2.0)), "back");
        assert_eq!(take(4, &[0, 2, 4], &[]), (4, Some(4.0)), "forth");
        assert_eq!(take(2, &[0, 2, 4], &[]), (4, Some(2.0)));
        assert_eq!(take(3, &[0, 2], &row(3, 9.0)), (3, Some(9.0)), "another future");
        assert_eq!(take(0, &[0], &[]), (0, None), "a reset");
    }

    #[test]
    fn a_short_buffer_is_no_tensor() {
        let mut store = FrameStore::default();
        let (header, _) = frame(2, &[0.0; 10]);
        store.accept(header, |data| data.push(1.0));
        assert!(store.tensor("history").is_none() && store.tensor("probe").is_none());
    }
}
