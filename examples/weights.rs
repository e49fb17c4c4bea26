//! Weights to PyTorch and back, checked by the logits they give; `tests/torch/README.md` has the three commands.
//!
//!     cargo run --example weights -- write <folder>    models as <name>.safetensors, their logits as <name>.here.safetensors
//!     cargo run --example weights -- check <folder>    <name>.back.safetensors gives the logits of <name>.torch.safetensors

use std::collections::BTreeMap;
use std::path::Path;

use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Flat, Graph, Kind};
use seqlab::engine::plan::Plan;
use seqlab::nn::initialise::{Initialisation, initial_parameters};
use seqlab::nn::language_model::LanguageModel;
use seqlab::trainer::weights::safetensors::{File, write};
use seqlab::trainer::weights::{export, import};

/// Steps and sequences that the logits are for.
const SIZE: [usize; 2] = [9, 3];
/// How far logits may be apart, as a share of the largest.
const TOLERANCE: f32 = 1e-5;

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, folder] = &arguments[..] else { return Err("write <folder> or check <folder>".into()) };
    std::fs::create_dir_all(folder)?;
    for (name, model) in models() {
        match command.as_str() {
            "write" => write_one(Path::new(folder), &name, &model)?,
            "check" => check_one(Path::new(folder), &name, &model)?,
            _ => return Err("write <folder> or check <folder>".into()),
        }
    }
    Ok(())
}

/// Every cell that `torch.nn` has, with an embedding and without.
fn models() -> Vec<(String, LanguageModel)> {
    let mut models = Vec::new();
    for cell in [Cell::Rnn, Cell::RnnRelu, Cell::Lstm, Cell::Gru] {
        for (layers, hidden) in [(1, 33), (2, 7), (4, 12)] {
            for embedding in [None, Some(5)] {
                let word = if embedding.is_some() { "embedding" } else { "one_hot" };
                let model = LanguageModel {
                    cell,
                    layers,
                    vocabulary: 11,
                    embedding,
                    hidden,
                    bidirectional: false,
                    dropout: 0.0,
                };
                models.push((format!("{}_{layers}x{hidden}_{word}", cell_word(cell)), model));
            }
        }
    }
    models
}

fn cell_word(cell: Cell) -> &'static str {
    match cell {
        Cell::Lstm => "lstm",
        Cell::Gru => "gru",
        Cell::RnnRelu => "relu",
        _ => "rnn",
    }
}

fn tokens(vocabulary: usize) -> Vec<u32> {
    (0..SIZE[0] * SIZE[1]).map(|at| (at * at + 3 * at) as u32 % vocabulary as u32).collect()
}

/// The model's graph, and its logits (T, B, V) with these parameters; the initial ones where none are given.
fn logits(
    model: &LanguageModel,
    flat: Option<&[f32]>,
) -> Result<(Graph, Vec<f32>, Vec<f32>), Box<dyn std::error::Error>> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("logits");
    let ids = graph.input("tokens", SIZE, Kind::Ids);
    let states = model.states(&mut graph, "logits", SIZE[1]);
    let pass = model.forward(&mut graph, &parameters, ids, &states)?;
    graph.name(pass.logits, "logits");
    let all = graph.flat(Flat::Parameters);
    let initial = || initial_parameters(&graph, 5, Initialisation::default());
    let flat = flat.map_or_else(initial, <[f32]>::to_vec);
    let mut machine = CpuExecutable::<f32>::new(Plan::new(graph.clone(), usize::MAX)?, &[]);
    machine.write(all, &flat)?;
    machine.write_ids(ids, &tokens(model.vocabulary))?;
    machine.run(0)?;
    let logits = machine.view(pass.logits)?.to_vec();
    Ok((graph, flat, logits))
}

fn write_one(folder: &Path, name: &str, model: &LanguageModel) -> Done {
    let (graph, flat, logits) = logits(model, None)?;
    std::fs::write(folder.join(format!("{name}.safetensors")), export(&graph, &flat, model.cell.name()))?;
    let tokens: Vec<f32> = tokens(model.vocabulary).into_iter().map(|token| token as f32).collect();
    let shape = [SIZE.to_vec(), vec![model.vocabulary]].concat();
    let tensors = [("tokens".to_owned(), SIZE.to_vec(), &tokens[..]), ("logits".to_owned(), shape, &logits)];
    std::fs::write(folder.join(format!("{name}.here.safetensors")), write(&BTreeMap::new(), &tensors))?;
    println!("{name}: {} parameters", graph.parameters().iter().map(|parameter| parameter.len).sum::<usize>());
    Ok(())
}

fn check_one(folder: &Path, name: &str, model: &LanguageModel) -> Done {
    let (graph, before, _) = logits(model, None)?;
    let file = std::fs::read(folder.join(format!("{name}.back.safetensors")))?;
    let flat = import(&graph, &file, model.cell.name()).map_err(|errors| format!("{name}: {errors:?}"))?;
    let (_, _, ours) = logits(model, Some(&flat))?;
    let file = std::fs::read(folder.join(format!("{name}.torch.safetensors")))?;
    let theirs = File::parse(&file)?.tensors["logits"].numbers().ok_or("logits of an unknown type")?;
    let largest = theirs.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let off = ours.iter().zip(&theirs).fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs())) / largest;
    println!("{name}: logits {off:.1e} from PyTorch's");
    match ours.len() == theirs.len() && off <= TOLERANCE && flat != before {
        true => Ok(()),
        false => Err(format!("{name}: {off} is more than {TOLERANCE}, or nothing came back").into()),
    }
}
