//! Cases of a reference folder (`tests/reference/README.md`), built from graph ops, run and compared.

mod classifier;
mod compare;
mod format;
mod operations;
mod optimisers;
mod recurrent;
mod seq2seq;
mod sheet;
mod traces;

use std::collections::BTreeMap;
use std::path::Path;

use seqlab::engine::backend::{Answer, Executable};
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::ValueId;
use seqlab::engine::plan::Plan;

use format::Case;

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
    /// Tensors compared.
    pub compared: usize,
}

/// Runs every case of the folder on `backend`.
pub async fn check_folder(folder: &Path, backend: &Backend) -> Report {
    let mut report = Report::default();
    let manifest = match format::manifest(folder) {
        Ok(manifest) => manifest,
        Err(message) => {
            report.failures.push(message);
            return report;
        }
    };
    for entry in manifest.cases {
        let id = entry.id.clone();
        let outcome = run(folder, entry, backend).await;
        match outcome {
            Ok((case, produced)) => check_case(&case, &produced, backend, &mut report),
            Err(Refusal::Unknown(reason)) => report.unknown.push(format!("{id} ({reason})")),
            Err(Refusal::Failed(message)) => report.failures.push(format!("{id}: {message}")),
        }
    }
    report
}

async fn run(folder: &Path, entry: format::CaseEntry, backend: &Backend) -> Result<(Case, Produced), Refusal> {
    let case = Case::load(folder, entry).map_err(Refusal::Failed)?;
    let produced = produce(&case, backend).await?;
    Ok((case, produced))
}

/// What kind of case it is can be told from its hyper-parameters.
async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    let has = |key: &str| case.hyper.contains_key(key);
    match () {
        () if has("ops") => operations::produce(case, backend).await,
        () if has("runs") => optimisers::produce(case, backend).await,
        () if has("src_vocab") && has("tgt_vocab") => seq2seq::produce(case, backend).await,
        () if has("classes") => classifier::produce(case, backend).await,
        () if has("kind") && has("vocab") && has("optimizer") => traces::produce(case, backend).await,
        () if has("kind") && has("convention") => recurrent::produce(case, backend).await,
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
        match compare::distance(case, name, entry, got, backend.allowance) {
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
