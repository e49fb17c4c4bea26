//! Workloads measured one after the other while the lab stands still.

use leptos::prelude::*;

use super::{Session, measure};
use crate::protocol::{BenchResult, Workload};
use crate::ui::lab::Lab;

/// What became of one measurement.
pub type Outcome = Option<Result<BenchResult, String>>;

/// The measurements of one visit; copied freely.
#[derive(Clone, Copy)]
pub struct Queue {
    lab: Lab,
    /// What became of each, in order.
    pub outcomes: RwSignal<Vec<Outcome>>,
    /// The one under way.
    pub job: RwSignal<Option<usize>>,
    workloads: StoredValue<Vec<Workload>>,
    session: StoredValue<Option<Session>, LocalStorage>,
}

impl Queue {
    /// Nothing yet.
    pub fn new(lab: Lab) -> Queue {
        Queue {
            lab,
            outcomes: RwSignal::new(Vec::new()),
            job: RwSignal::new(None),
            workloads: StoredValue::new(Vec::new()),
            session: StoredValue::new_local(None),
        }
    }

    /// Measures these.
    pub fn start(self, workloads: Vec<Workload>) {
        self.outcomes.set(vec![None; workloads.len()]);
        self.workloads.set_value(workloads);
        self.lab.hold();
        self.go(0);
    }

    /// Whether something is measured.
    pub fn busy(self) -> bool {
        self.job.with(Option::is_some)
    }

    /// The outcome of a job.
    pub fn outcome(self, job: usize) -> Outcome {
        self.outcomes.with(|outcomes| outcomes.get(job).cloned().flatten())
    }

    fn go(self, job: usize) {
        let Some(workload) = self.workloads.with_value(|workloads| workloads.get(job).cloned()) else {
            return self.end();
        };
        self.job.set(Some(job));
        match measure(workload, move |outcome| self.done(job, outcome)) {
            Ok(session) => self.session.set_value(Some(session)),
            Err(message) => self.done(job, Err(message)),
        }
    }

    fn done(self, job: usize, outcome: Result<BenchResult, String>) {
        let wanted = self.workloads.with_value(|workloads| workloads[job].backend);
        let outcome = outcome.and_then(|result| {
            if result.backend == wanted { Ok(result) } else { Err("There is no usable GPU here.".to_owned()) }
        });
        self.outcomes.update(|outcomes| outcomes[job] = Some(outcome));
        self.go(job + 1);
    }

    fn end(self) {
        if self.job.get_untracked().is_some() {
            self.job.set(None);
            self.lab.release();
        }
    }

    /// Leaves the rest unmeasured.
    pub fn stop(self) {
        let session = self.session.try_update_value(Option::take).flatten();
        if let Some(session) = session {
            session.stop();
        }
        self.end();
    }
}
