//! The same model as a PyTorch program, with the settings filled in.

mod classifier;
mod encoder_decoder;
mod state_space;
mod transformer;

use crate::engine::cell::Cell;
use crate::spec::{Architecture, ModelSpec, OptimiserKind, Task, limits};

/// A program that trains what `spec` says.
pub fn program(spec: &ModelSpec) -> String {
    let [data, model] = match spec.model {
        Architecture::Recurrent => [data(spec), model(spec)],
        Architecture::Transformer => [data(spec), transformer::model(spec)],
        Architecture::EncoderDecoder => [encoder_decoder::data(spec), encoder_decoder::model(spec)],
        Architecture::Classifier => [classifier::data(spec), classifier::model(spec)],
        Architecture::S4d => [data(spec), state_space::s4d(spec)],
        Architecture::Mamba => [data(spec), state_space::mamba(spec)],
        Architecture::FeedForward => [data(spec), feed_forward(spec)],
    };
    let parts = [imports(spec), data, model, training(spec)];
    parts.join("\n\n")
}

/// As many layers as there are timesteps, which reads a whole sequence at once.
fn feed_forward(spec: &ModelSpec) -> String {
    let ModelSpec { hidden, sequence_length: length, .. } = *spec;
    format!(
        "class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 widths = [{length} * inputs] + [{hidden}] * {length}\n        \
                 self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))\n        \
                 self.out = nn.Linear({hidden}, outputs)\n\n    \
             def forward(self, x):\n        \
                 h = x.flatten(1)\n        \
                 for layer in self.layers:\n            \
                     h = torch.tanh(layer(h))\n        \
                 return self.out(h)\n\n\
         model = Model()"
    )
}

/// Whether the model embeds the tokens it reads.
fn embeds(spec: &ModelSpec) -> bool {
    let always = spec.model != Architecture::Recurrent;
    spec.task != Task::Adding && (always || spec.embedding > 0)
}

fn imports(spec: &ModelSpec) -> String {
    format!(
        "{}import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\ntorch.manual_seed({})",
        if spec.task == Task::Labels { "import csv\nimport random\n\n" } else { "" },
        spec.seed
    )
}

/// What is read and what is wanted: `batch()` gives both, batch first.
fn data(spec: &ModelSpec) -> String {
    let (batch, length, symbols) = (spec.batch, spec.sequence_length, spec.symbols);
    let read =
        |tokens: &str| if embeds(spec) { tokens.to_owned() } else { format!("F.one_hot({tokens}, inputs).float()") };
    match spec.task {
        Task::Text => {
            let targets = if spec.bidirectional {
                "F.pad(windows[:, 1:-1], (0, 1), value=-100)  # the last is nowhere to be read"
            } else {
                "windows[:, 1:]"
            };
            format!(
                "text = open(\"text.txt\", encoding=\"utf-8\").read()\n\
             alphabet = sorted(set(text))\n\
             inputs = outputs = len(alphabet)\n\
             tokens = torch.tensor([alphabet.index(c) for c in text])\n\n\
             def batch():\n    \
                 starts = torch.randint(len(tokens) - {length}, ({batch},))\n    \
                 windows = torch.stack([tokens[s : s + {length} + 1] for s in starts])\n    \
                 return {}, {targets}",
                read("windows[:, :-1]")
            )
        }
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
                 return {}, torch.stack(seen, dim=-1)",
            read("x")
        ),
        Task::Lookup => format!(
            "# Tokens: a blank, the vowels, each vowel with each accent. The tag of a bare vowel is the accent it had.\n\
             vowels, symbols = 5, {symbols}\n\
             inputs, outputs = 1 + vowels * (1 + symbols), symbols\n\n\
             def batch():\n    \
                 places = torch.rand({batch}, {length} // 2).argsort(1)[:, :vowels]\n    \
                 accents = torch.randint(symbols, ({batch}, vowels))\n    \
                 x = torch.zeros({batch}, {length}, dtype=torch.long)\n    \
                 x.scatter_(1, places, 1 + vowels + symbols * torch.arange(vowels) + accents)\n    \
                 vowel = torch.randint(vowels, x.shape)\n    \
                 seen = places.gather(1, vowel) < torch.arange({length})\n    \
                 asked = (x == 0) & seen & (torch.rand(x.shape) < 0.5)\n    \
                 x = torch.where(asked, 1 + vowel, x)\n    \
                 return {}, torch.where(asked, accents.gather(1, vowel), -100)",
            read("x")
        ),
        Task::SelectiveCopy => format!(
            "# Tokens: a blank, the question, {symbols} letters. The questions ask for the letters in order.\n\
             copied, symbols = {}, {symbols}\n\
             inputs, outputs = 2 + symbols, symbols\n\n\
             def batch():\n    \
                 x = torch.zeros({batch}, {length}, dtype=torch.long)\n    \
                 y = torch.full_like(x, -100)\n    \
                 x[:, -copied:] = 1\n    \
                 y[:, -copied:] = torch.randint(symbols, ({batch}, copied))\n    \
                 for row, tags in zip(x, y):\n        \
                     places = torch.randperm({length} - copied)[:copied].sort().values\n        \
                     row[places] = 2 + tags[-copied:]\n    \
                 return {}, y",
            limits::COPIED,
            read("x")
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
                 return {}, y",
            read("x")
        ),
    }
}

/// A recurrent module as PyTorch has it.
struct Module {
    name: &'static str,
    options: String,
    note: &'static str,
}

fn recurrent(spec: &ModelSpec) -> Module {
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
    Module { name, options, note }
}

/// The lines that set an LSTM's forget gate biases, if they are to be set.
fn forget_bias(spec: &ModelSpec, module: &str) -> String {
    let (Cell::Lstm, Some(bias)) = (spec.cell, spec.forget_bias) else { return String::new() };
    format!(
        "\nwith torch.no_grad():  # rows i, f, g, o\n    \
             for name, p in model.{module}.named_parameters():\n        \
                 if \"bias\" in name:\n            \
                     p[{0} : 2 * {0}] = {bias} if \"_ih_\" in name else 0.0",
        spec.hidden
    )
}

fn model(spec: &ModelSpec) -> String {
    let Module { name, options, note } = recurrent(spec);
    let width = if spec.bidirectional { format!("2 * {}", spec.hidden) } else { spec.hidden.to_string() };
    let head = if spec.task == Task::Adding { "self.out(states[:, -1])" } else { "self.out(states)" };
    let (embedding, reads, x) = if embeds(spec) {
        (
            format!("self.embed = nn.Embedding(inputs, {0})\n        ", spec.embedding),
            spec.embedding.to_string(),
            "self.embed(x)",
        )
    } else {
        (String::new(), "inputs".to_owned(), "x")
    };
    format!(
        "{note}class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 {embedding}self.rnn = nn.{name}({reads}, {}, batch_first=True{options})\n        \
                 self.out = nn.Linear({width}, outputs)\n\n    \
             def forward(self, x):\n        \
                 states, _ = self.rnn({x})\n        \
                 return {head}\n\n\
         model = Model(){}",
        spec.hidden,
        forget_bias(spec, "rnn"),
    )
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
        Task::Labels | Task::Majority => "F.cross_entropy(model(x), y)",
        Task::Recall => "F.cross_entropy(model(x).reshape(-1, symbols), y.reshape(-1), ignore_index=-100)",
        _ => "F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=-100)",
    };
    let clip = spec
        .clip
        .map_or_else(String::new, |clip| format!("    nn.utils.clip_grad_norm_(model.parameters(), {clip})\n"));
    let end = if spec.model == Architecture::Classifier {
        "\nmodel.eval()  # no dropout\n\
         with torch.no_grad():\n    \
             x, y = held_out\n    \
             print(\"held out:\", (model(x).argmax(-1) == y).float().mean().item())\n"
    } else {
        ""
    };
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
                 print(step, loss.item())\n{end}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Attention, Choice, Discretisation, Positions, Scan};

    /// Every program is there to be read: `SEQLAB_PROGRAMS=folder cargo test --lib code` writes them, to be run by Python.
    fn keep(name: &str, program: &str) {
        if let Some(folder) = std::env::var_os("SEQLAB_PROGRAMS") {
            std::fs::write(std::path::Path::new(&folder).join(name).with_extension("py"), program).expect("a folder");
        }
    }

    #[test]
    fn a_program_says_what_the_spec_says() {
        let mut spec = ModelSpec { hidden: 33, layers: 2, dropout: 0.25, clip: Some(0.5), ..ModelSpec::default() };
        for task in [Task::Text, Task::Adding, Task::Recall, Task::Ahead, Task::Lookup, Task::SelectiveCopy] {
            for cell in Cell::ALL {
                for bidirectional in [false, true] {
                    spec = ModelSpec { task, cell, bidirectional, ..spec };
                    let program = program(&spec);
                    for part in [
                        "33, batch_first=True",
                        "num_layers=2, dropout=0.25",
                        "clip_grad_norm_(model.parameters(), 0.5)",
                    ] {
                        assert!(program.contains(part), "{part} is missing in\n{program}");
                    }
                    assert_eq!(program.contains("bidirectional=True"), bidirectional);
                    keep(&format!("{task:?}_{cell:?}_{bidirectional}"), &program);
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
                    let program = program(&spec);
                    assert!(program.contains("nn.Embedding(vocabulary, 9)"), "{program}");
                    assert_eq!(program.contains("def attend"), *attention != Attention::None);
                    keep(&format!("{task:?}_{attention:?}_{cell:?}"), &program);
                }
            }
        }
        for task in [Task::Text, Task::Recall, Task::Lookup, Task::SelectiveCopy] {
            for positions in [Positions::Learned, Positions::Sinusoidal] {
                let model = Architecture::Transformer;
                spec = ModelSpec { model, task, positions, hidden: 36, heads: 3, embedding: 7, ..spec };
                let program = program(&spec);
                assert!(program.contains("nn.TransformerEncoderLayer(36, 3, 4 * 36") && !program.contains("one_hot"));
                keep(&format!("{task:?}_{positions:?}"), &program);
            }
        }
        let embedded = ModelSpec { model: Architecture::Recurrent, ..spec.clone() };
        assert!(program(&embedded).contains("self.rnn(self.embed(x))"));
        for task in [Task::Text, Task::SelectiveCopy] {
            let spec = ModelSpec { task, hidden: 20, state_size: 5, layers: 2, ..spec.clone() };
            let mamba = program(&ModelSpec { model: Architecture::Mamba, ..spec.clone() });
            assert!(mamba.contains("self.x_proj = nn.Linear(inner, 2 + 2 * 5, bias=False)"), "{mamba}");
            keep(&format!("{task:?}_mamba"), &mamba);
            for discretisation in Discretisation::ALL {
                for scan in Scan::ALL {
                    let (model, discretisation, scan) = (Architecture::S4d, *discretisation, *scan);
                    let s4d = program(&ModelSpec { model, discretisation, scan, ..spec.clone() });
                    assert_eq!(s4d.contains("torch.fft"), scan == Scan::Convolution);
                    keep(&format!("{task:?}_s4d_{discretisation:?}_{scan:?}"), &s4d);
                }
            }
        }
        let deep = ModelSpec { model: Architecture::FeedForward, task: Task::Adding, sequence_length: 12, ..spec };
        assert!(program(&deep).contains("widths = [12 * inputs]"));
        keep("feed_forward", &program(&deep));
    }

    #[test]
    fn a_classifier_is_the_questions_with_these_settings() {
        let spec =
            ModelSpec { model: Architecture::Classifier, embedding: 12, hidden: 20, layers: 2, ..ModelSpec::default() };
        for task in [Task::Labels, Task::Majority] {
            for (cell, states) in [
                (Cell::Lstm, "_, (h_n, _) = self.lstm"),
                (Cell::Gru, "_, h_n = self.gru"),
                (Cell::Rnn, "_, h_n = self.rnn"),
            ] {
                for (bidirectional, width) in [(true, "nn.Linear(2 * 20, 20)"), (false, "nn.Linear(20, 20)")] {
                    let spec =
                        ModelSpec { task, cell, bidirectional, dropout: 0.3, forget_bias: Some(1.0), ..spec.clone() };
                    let program = program(&spec);
                    for part in [
                        states,
                        width,
                        "nn.Embedding(tokens, 12, padding_idx=0)",
                        "nn.Dropout(0.3)",
                        "enforce_sorted=False",
                    ] {
                        assert!(program.contains(part), "{part} is missing in\n{program}");
                    }
                    assert_eq!(program.contains("h_n[-2], h_n[-1]"), bidirectional);
                    assert_eq!(program.contains("rows i, f, g, o"), cell == Cell::Lstm);
                    keep(&format!("classifier_{task:?}_{cell:?}_{bidirectional}"), &program);
                }
            }
        }
    }
}
