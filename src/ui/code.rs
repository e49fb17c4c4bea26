//! The same model as a PyTorch program, with the settings filled in.

mod encoder_decoder;

use crate::engine::cell::Cell;
use crate::spec::{Architecture, ModelSpec, OptimiserKind, Task};

/// A program that trains what `spec` says; `None` for kinds of models it is not written for yet.
pub fn program(spec: &ModelSpec) -> Option<String> {
    if spec.model == Architecture::EncoderDecoder {
        let parts = [imports(spec), encoder_decoder::data_and_model(spec), training(spec)];
        return Some(parts.join("\n\n"));
    }
    if spec.model != Architecture::Recurrent {
        return None;
    }
    let parts = [imports(spec), data(spec), model(spec), training(spec)];
    Some(parts.join("\n\n"))
}

fn imports(spec: &ModelSpec) -> String {
    format!(
        "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\ntorch.manual_seed({})",
        spec.seed
    )
}

/// What is read and what is wanted: `batch()` gives both, batch first.
fn data(spec: &ModelSpec) -> String {
    let (batch, length, symbols) = (spec.batch, spec.sequence_length, spec.symbols);
    match spec.task {
        Task::Text => format!(
            "text = open(\"text.txt\", encoding=\"utf-8\").read()\n\
             alphabet = sorted(set(text))\n\
             inputs = outputs = len(alphabet)\n\
             tokens = torch.tensor([alphabet.index(c) for c in text])\n\n\
             def batch():\n    \
                 starts = torch.randint(len(tokens) - {length}, ({batch},))\n    \
                 windows = torch.stack([tokens[s : s + {length} + 1] for s in starts])\n    \
                 return F.one_hot(windows[:, :-1], inputs).float(), windows[:, 1:]"
        ),
        Task::Adding => format!(
            "inputs, outputs = 2, 1\n\n\
             def batch():\n    \
                 values = torch.rand({batch}, {length})\n    \
                 marks = torch.zeros({batch}, {length})\n    \
                 half = {length} // 2\n    \
                 marks[torch.arange({batch}), torch.randint(half, ({batch},))] = 1\n    \
                 marks[torch.arange({batch}), half + torch.randint({length} - half, ({batch},))] = 1\n    \
                 return torch.stack([values, marks], dim=-1), (values * marks).sum(1, keepdim=True)"
        ),
        Task::Recall => format!(
            "symbols = {symbols}\n\
             lags = [lag for lag in (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56) if lag < {length}]\n\
             inputs, outputs = symbols, symbols * len(lags)\n\n\
             def batch():\n    \
                 x = torch.randint(symbols, ({batch}, {length}))\n    \
                 seen = [F.pad(x, (lag, 0), value=-100)[:, :{length}] for lag in lags]\n    \
                 return F.one_hot(x, symbols).float(), torch.stack(seen, dim=-1)"
        ),
        _ => format!(
            "# Lower-case letters and {symbols} capitals; the tag of a place is the next capital after it.\n\
             inputs, outputs = 26 + {symbols}, {symbols}\n\n\
             def batch():\n    \
                 x = torch.randint(26, ({batch}, {length}))\n    \
                 marks = torch.rand({batch}, {length}) < 0.2\n    \
                 x[marks] = 26 + torch.randint({symbols}, (int(marks.sum()),))\n    \
                 y = torch.full_like(x, -100)\n    \
                 for t in reversed(range({length} - 1)):\n        \
                     y[:, t] = torch.where(x[:, t + 1] >= 26, x[:, t + 1] - 26, y[:, t + 1])\n    \
                 return F.one_hot(x, inputs).float(), y"
        ),
    }
}

fn model(spec: &ModelSpec) -> String {
    let (name, extra) = match spec.cell {
        Cell::Rnn => ("RNN", ""),
        Cell::RnnRelu => ("RNN", ", nonlinearity=\"relu\""),
        Cell::Lstm => ("LSTM", ""),
        Cell::Gru | Cell::GruTextbook => ("GRU", ""),
    };
    let note = if spec.cell == Cell::GruTextbook {
        "# nn.GRU resets after the matrix product; the cell in the page resets before it.\n"
    } else {
        ""
    };
    let mut options = String::from(extra);
    if spec.layers > 1 {
        options.push_str(&format!(", num_layers={}", spec.layers));
        if spec.dropout > 0.0 {
            options.push_str(&format!(", dropout={}", spec.dropout));
        }
    }
    if spec.bidirectional {
        options.push_str(", bidirectional=True");
    }
    let width = if spec.bidirectional { format!("2 * {}", spec.hidden) } else { spec.hidden.to_string() };
    let head = if spec.task == Task::Adding { "self.out(states[:, -1])" } else { "self.out(states)" };
    let mut program = format!(
        "{note}class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.rnn = nn.{name}(inputs, {}, batch_first=True{options})\n        \
                 self.out = nn.Linear({width}, outputs)\n\n    \
             def forward(self, x):\n        \
                 states, _ = self.rnn(x)\n        \
                 return {head}\n\n\
         model = Model()",
        spec.hidden
    );
    if let (Cell::Lstm, Some(bias)) = (spec.cell, spec.forget_bias) {
        program.push_str(&format!(
            "\nwith torch.no_grad():  # rows i, f, g, o\n    \
                 for name, p in model.rnn.named_parameters():\n        \
                     if \"bias\" in name:\n            \
                         p[{0} : 2 * {0}] = {bias} if \"_ih_\" in name else 0.0",
            spec.hidden
        ));
    }
    program
}

fn training(spec: &ModelSpec) -> String {
    let rate = spec.learning_rate;
    let optimiser = match spec.optimiser {
        OptimiserKind::Sgd => format!("SGD(model.parameters(), lr={rate})"),
        OptimiserKind::Momentum => format!("SGD(model.parameters(), lr={rate}, momentum=0.9)"),
        OptimiserKind::RmsProp => format!("RMSprop(model.parameters(), lr={rate})"),
        OptimiserKind::Adam => format!("Adam(model.parameters(), lr={rate})"),
        OptimiserKind::AdamW => format!("AdamW(model.parameters(), lr={rate})"),
    };
    let decodes = spec.model == Architecture::EncoderDecoder;
    let batch = if decodes { "source, given, target" } else { "x, y" };
    let (of_decoder, note) = encoder_decoder::loss(spec);
    let note = if decodes { note } else { "" };
    let loss = match spec.task {
        _ if decodes => of_decoder,
        Task::Adding => "F.mse_loss(model(x), y)",
        Task::Recall => "F.cross_entropy(model(x).reshape(-1, symbols), y.reshape(-1), ignore_index=-100)",
        _ => "F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=-100)",
    };
    let clip = spec
        .clip
        .map_or_else(String::new, |clip| format!("    nn.utils.clip_grad_norm_(model.parameters(), {clip})\n"));
    format!(
        "{note}optimiser = torch.optim.{optimiser}\n\
         for step in range(1, 2001):\n    \
             {batch} = batch()\n    \
             loss = {loss}\n    \
             optimiser.zero_grad()\n    \
             loss.backward()\n\
         {clip}    \
             optimiser.step()\n    \
             if step % 100 == 0:\n        \
                 print(step, loss.item())\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Attention, Choice};

    fn write(name: &str, program: &str) {
        if let Some(folder) = std::env::var_os("SEQLAB_PROGRAMS") {
            let path = std::path::Path::new(&folder).join(format!("{name}.py"));
            std::fs::write(path, program).expect("a folder");
        }
    }

    /// Every program is there to be read: `SEQLAB_PROGRAMS=folder cargo test --lib code` writes them, to be run by Python.
    #[test]
    fn a_program_says_what_the_spec_says() {
        let mut spec = ModelSpec { hidden: 33, layers: 2, dropout: 0.25, clip: Some(0.5), ..ModelSpec::default() };
        for task in [Task::Text, Task::Adding, Task::Recall, Task::Ahead] {
            for cell in Cell::ALL {
                for bidirectional in [false, true] {
                    spec = ModelSpec { task, cell, bidirectional, ..spec };
                    let program = program(&spec).expect("recurrent networks are written");
                    for part in [
                        "33, batch_first=True",
                        "num_layers=2, dropout=0.25",
                        "clip_grad_norm_(model.parameters(), 0.5)",
                    ] {
                        assert!(program.contains(part), "{part} is missing in\n{program}");
                    }
                    assert_eq!(program.contains("bidirectional=True"), bidirectional);
                    write(&format!("{task:?}_{cell:?}_{bidirectional}"), &program);
                }
            }
        }
        for task in [Task::Copy, Task::Reverse, Task::Chain, Task::Dates] {
            for attention in Attention::ALL {
                for cell in [Cell::Lstm, Cell::Gru] {
                    let bidirectional = task == Task::Reverse;
                    let model = Architecture::EncoderDecoder;
                    let embedding = 9;
                    let spec = ModelSpec {
                        model,
                        task,
                        attention: *attention,
                        cell,
                        bidirectional,
                        embedding,
                        ..spec.clone()
                    };
                    let program = program(&spec).expect("encoder-decoders are written");
                    assert!(program.contains("nn.Embedding(vocabulary, 9)"), "{program}");
                    assert_eq!(program.contains("def attend"), *attention != Attention::None);
                    write(&format!("{task:?}_{attention:?}_{cell:?}"), &program);
                }
            }
        }
        assert_eq!(program(&ModelSpec { model: Architecture::Mamba, ..spec }), None);
    }
}
