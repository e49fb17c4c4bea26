//! Cases of a reference folder (`tests/reference/README.md`), built from graph ops, run and compared.

mod attention;
mod beams;
mod classifier;
mod compare;
mod feedback;
mod format;
mod generator;
mod operations;
mod optimisers;
mod policies;
mod recurrent;
mod seq2seq;
mod sheet;
mod spectra;
mod state_space;
mod traces;
mod transformer;

use std::collections::BTreeMap;
use std::fmt;

use seqlab::engine::backend::{Answer, Executable};
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::ValueId;
use seqlab::engine::plan::Plan;

use format::{Case, Read};

/// Something that runs plans.
pub struct Backend {
    /// As the report has it.
    pub name: &'static str,
    /// How many times the manifest's tolerance it may take.
    pub allowance: f64,
    /// A plan on it, with the values to journal.
    pub load: Load,
}

/// Puts a plan on a backend; asynchronous, as opening a GPU is in a browser.
pub type Load = fn(Plan, Vec<ValueId>) -> Answer<'static, Box<dyn Executable>>;

/// Why a case gave no numbers.
pub enum Refusal {
    /// It asks for something the engine does not have (yet).
    Unknown(String),
    /// The engine refused what it should know.
    Failed(String),
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Refusal::Failed(error.to_string())
    }
}

/// What the engine computed for a case.
#[derive(Default)]
pub struct Produced {
    /// Numbers by tensor name, in the file's layout.
    pub tensors: BTreeMap<String, Vec<f64>>,
    /// Parts of the case the engine does not know: how their tensors are recognised by name, and why.
    pub unknown: Vec<(String, String)>,
    /// Tensors whose rows (places of the first axis) are compared each by itself, because they differ in size by decades.
    pub by_row: Vec<String>,
}

/// What came out of a folder.
#[derive(Default)]
pub struct Report {
    /// A line a case.
    pub lines: Vec<String>,
    /// Cases and parts of cases the engine does not know, with the reason.
    pub unknown: Vec<String>,
    /// What was wrong.
    pub failures: Vec<String>,
    /// Tensors to compare, by the manifest.
    pub due: usize,
    /// Tensors compared.
    pub compared: usize,
}

impl Report {
    /// Everything that keeps the folder from being met, an unknown case or option among it.
    pub fn problems(&self) -> Vec<String> {
        let unknown = self.unknown.iter().map(|what| format!("not known: {what}"));
        let mut problems: Vec<String> = self.failures.iter().cloned().chain(unknown).collect();
        if self.compared < self.due || self.due == 0 {
            problems.push(format!("{} of {} tensors were compared", self.compared, self.due));
        }
        problems
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(formatter, "  {line}"))?;
        writeln!(formatter, "  {} of {} tensors compared", self.compared, self.due)
    }
}

/// Runs the cases of a folder on `backend`: all, or those named, each of which must be there.
pub async fn check_folder(read: &Read, only: Option<&[&str]>, backend: &Backend) -> Report {
    let mut report = Report::default();
    let mut cases = match format::manifest(read) {
        Ok(manifest) => manifest.cases,
        Err(message) => {
            report.failures.push(message);
            return report;
        }
    };
    if let Some(only) = only {
        let absent = only.iter().filter(|id| !cases.iter().any(|case| case.id == **id));
        report.failures.extend(absent.map(|id| format!("{id}: the manifest does not have it")));
        cases.retain(|case| only.contains(&case.id.as_str()));
    }
    for entry in cases {
        let id = entry.id.clone();
        report.due += entry.due();
        match run(read, entry, backend).await {
            Ok((case, produced)) => check_case(&case, &produced, backend, &mut report),
            Err(Refusal::Unknown(reason)) => report.unknown.push(format!("{id} ({reason})")),
            Err(Refusal::Failed(message)) => report.failures.push(format!("{id}: {message}")),
        }
    }
    report
}

async fn run(read: &Read, entry: format::CaseEntry, backend: &Backend) -> Result<(Case, Produced), Refusal> {
    let case = Case::load(read, entry).map_err(Refusal::Failed)?;
    let produced = produce(&case, backend).await?;
    Ok((case, produced))
}

/// What kind of case it is can be told from its hyper-parameters.
async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    let has = |key: &str| case.hyper.contains_key(key);
    match () {
        () if has("ops") => operations::produce(case, backend).await,
        () if has("widths") => beams::produce(case, backend).await,
        () if has("entropy_beta") => policies::produce(case, backend).await,
        () if has("rho") => spectra::produce(case, backend).await,
        () if has("tgt_lengths") && case.has("in/teacher") => feedback::produce(case, backend).await,
        () if has("runs") => optimisers::produce(case, backend).await,
        () if has("src_vocab") && has("tgt_vocab") => seq2seq::produce(case, backend).await,
        () if has("classes") => classifier::produce(case, backend).await,
        () if has("kind") && has("vocab") && has("optimizer") => traces::produce(case, backend).await,
        () if has("feed_forward") => transformer::produce(case, backend).await,
        () if has("head_dim") => transformer::produce_attention(case, backend).await,
        () if has("hidden") && has("src_lengths") && !has("src_vocab") => attention::produce(case, backend).await,
        () if has("kind") && has("convention") => recurrent::produce(case, backend).await,
        () if has("modes") && has("discretisation") => state_space::s4d(case, backend).await,
        () if has("state") && has("gated") => state_space::selective(case, backend).await,
        () if has("state") && has("dt_rank") => state_space::mamba(case, backend).await,
        () => Err(Refusal::Unknown("no such kind of case".to_owned())),
    }
}

fn check_case(case: &Case, produced: &Produced, backend: &Backend, report: &mut Report) {
    let is_unknown = |name: &str| produced.unknown.iter().any(|(part, _)| name.contains(part.as_str()));
    let mut worst: Option<compare::Distance> = None;
    let mut count = 0;
    for (name, entry) in case.expected() {
        if is_unknown(name) {
            continue;
        }
        let Some(got) = produced.tensors.get(name) else {
            report.failures.push(format!("{}: {name} was not produced", case.id));
            continue;
        };
        let by_row = produced.by_row.iter().any(|known| known == name);
        match compare::distance(case, name, entry, got, backend.allowance, by_row) {
            Ok(None) => {}
            Ok(Some(distance)) => {
                count += 1;
                if !distance.is_met() {
                    report.failures.push(format!("{}: {distance}", case.id));
                }
                worst = compare::worse(worst, distance);
            }
            Err(message) => report.failures.push(format!("{}: {name}: {message}", case.id)),
        }
    }
    let unknown = produced.unknown.iter().map(|(_, reason)| format!("{} ({reason})", case.id));
    report.unknown.extend(unknown);
    report.compared += count;
    let worst = worst.map_or_else(String::new, |worst| format!(", worst {:.3} of {}", worst.share(), worst.tensor));
    report.lines.push(format!("{:24} {count:4} tensors{worst}", case.id));
}
