//! "How fast is my device?": fixed workloads, measured in a fresh worker while the lab stands still.

mod dialog;
mod queue;

use std::cell::RefCell;
use std::rc::Rc;

pub use dialog::BenchDialog;
pub use queue::{Outcome, Queue};

use crate::engine::cell::Cell;
use crate::protocol::{BenchResult, Command, Event, Workload, WorkloadModel};
use crate::spec::BackendKind;
use crate::ui::link::Link;

/// The workloads, by name.
pub const WORKLOADS: [(&str, Workload); 10] = [
    ("LSTM 128", characters(Cell::Lstm, [64, 128, 64, 32])),
    ("LSTM 32", characters(Cell::Lstm, [16, 32, 20, 16])),
    ("GRU 256", characters(Cell::Gru, [64, 256, 64, 32])),
    ("RNN 64", characters(Cell::Rnn, [32, 64, 100, 16])),
    ("LSTM 64, long", characters(Cell::Lstm, [32, 64, 512, 8])),
    ("Attention, Bahdanau", workload(attention(true), Cell::Gru, [40, 64, 12, 32])),
    ("Attention, current state", workload(attention(false), Cell::Gru, [40, 64, 12, 32])),
    ("Mamba block", workload(WorkloadModel::Mamba { state: 16 }, Cell::Rnn, [64, 64, 64, 16])),
    ("S4D block", workload(WorkloadModel::S4d { modes: 16 }, Cell::Rnn, [64, 64, 64, 16])),
    ("Transformer block", workload(TRANSFORMER, Cell::Rnn, [64, 64, 64, 16])),
];

const TRANSFORMER: WorkloadModel = WorkloadModel::Transformer { heads: 4, feed_forward: 256 };

/// How long one workload is measured.
const SECONDS: f32 = 2.0;

const fn workload(model: WorkloadModel, cell: Cell, [vocab, hidden, steps, batch]: [usize; 4]) -> Workload {
    Workload { model, cell, layers: 1, vocab, hidden, steps, batch, backend: BackendKind::Cpu, seconds: SECONDS }
}

const fn characters(cell: Cell, sizes: [usize; 4]) -> Workload {
    workload(WorkloadModel::Characters, cell, sizes)
}

const fn attention(previous: bool) -> WorkloadModel {
    WorkloadModel::Attention { embedding: 32, source: 24, previous }
}

/// Measures a workload in a worker of its own and calls `done` once; dropping the link stops the measurement.
pub fn measure(
    workload: Workload,
    done: impl FnOnce(Result<BenchResult, String>) + 'static,
) -> Result<Session, String> {
    let session = Session::default();
    let answer = Rc::new(RefCell::new(Some(done)));
    let own = session.clone();
    let link = Link::start(move |heard| {
        let result = match heard {
            Ok((Event::Ready { .. }, _)) => {
                return own.send(&Command::Bench { id: 1, workload: workload.clone() });
            }
            Ok((Event::Bench { result, .. }, _)) => Ok(result),
            Ok((Event::Failed { message, .. }, _)) | Err(message) => Err(message),
            Ok(_) => return,
        };
        let waiting = answer.borrow_mut().take();
        own.stop();
        if let Some(done) = waiting {
            done(result);
        }
    })?;
    *session.link.borrow_mut() = Some(link);
    Ok(session)
}

/// A measurement under way.
#[derive(Clone, Default)]
pub struct Session {
    link: Rc<RefCell<Option<Link>>>,
}

impl Session {
    fn send(&self, command: &Command) {
        if let Some(link) = &*self.link.borrow() {
            link.send(command, None);
        }
    }

    /// Ends its worker.
    pub fn stop(&self) {
        let link = self.link.borrow_mut().take();
        drop(link);
    }
}
