//! The same model as a PyTorch program, with the settings filled in.

mod encoder_decoder;

use crate::engine::cell::Cell;
use crate::spec::{Architecture, ModelSpec, OptimiserKind, Task};

/// A program that trains what `spec` says; `None` for kinds of models it is not written for yet.
pub fn program(spec: &ModelSpec) -> Option<String> {
    let parts = match spec.model {
        Architecture::Recurrent => [imports(spec), data(spec), model(spec), training(spec)],
        Architecture::EncoderDecoder => {
            [imports(spec), encoder_decoder::data(spec), encoder_decoder::model(spec), training(spec)]
        }
        Architecture::Classifier => [imports(spec), labelled(spec), classifier(spec), training(spec)],
        _ => return None,
    };
    Some(parts.join("\n\n"))
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

/// Labelled sequences of unequal length: `batch()` gives tokens, padded with 0, with their lengths, and labels; `held_out`
/// is the same of what is kept for the end.
fn labelled(spec: &ModelSpec) -> String {
    let (batch, length, symbols) = (spec.batch, spec.sequence_length, spec.symbols);
    let pad = "def padded(pairs):\n    \
                   texts, labels = zip(*pairs)\n    \
                   lengths = torch.tensor([len(text) for text in texts])\n    \
                   tokens = nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)\n    \
                   return (tokens, lengths), torch.tensor(labels)";
    if spec.task != Task::Labels {
        return format!(
            "# Strings of 1 to {length} letters, each labelled with the letter it has most of, the first of equals.\n\
             tokens, classes = 3 + {symbols}, {symbols}\n\n\
             {pad}\n\n\
             def made():\n    \
                 letters = torch.randint({symbols}, (int(torch.randint(1, {length} + 1, ())),))\n    \
                 return (letters + 3).tolist(), int(torch.bincount(letters, minlength={symbols}).argmax())\n\n\
             def batch():\n    \
                 return padded([made() for _ in range({batch})])\n\n\
             held_out = padded([made() for _ in range(256)])"
        );
    }
    format!(
        "# A table label,text, as in the page. A fifth of it is held out. Token 0 pads, 1 stands for unknown characters.\n\
         rows = list(csv.reader(open(\"names.csv\", encoding=\"utf-8-sig\", newline=\"\")))\n\
         rows = [row for row in rows if row and row != [\"label\", \"text\"]]\n\
         random.Random({seed}).shuffle(rows)\n\
         labels = sorted({{label for label, _ in rows}})\n\
         cut = len(rows) // 5\n\
         alphabet = sorted({{c for _, text in rows[cut:] for c in text[:{length}]}})\n\
         place = {{c: at + 2 for at, c in enumerate(alphabet)}}\n\
         pairs = [([place.get(c, 1) for c in text[:{length}]], labels.index(label)) for label, text in rows]\n\
         tokens, classes = len(alphabet) + 2, len(labels)\n\n\
         {pad}\n\n\
         def batch():\n    \
             return padded(random.choices(pairs[cut:], k={batch}))\n\n\
         held_out = padded(pairs[:cut])",
        seed = spec.seed
    )
}

fn classifier(spec: &ModelSpec) -> String {
    let Module { name, options, note } = recurrent(spec);
    let module = spec.cell.description().module;
    let (hidden, dropout) = (spec.hidden, spec.dropout);
    let both = if spec.bidirectional { "2 * " } else { "" };
    let last = if spec.cell == Cell::Lstm { "(h_n, _)" } else { "h_n" };
    let (states, which) = if spec.bidirectional {
        ("torch.cat([h_n[-2], h_n[-1]], dim=-1)", "the last layer\u{2019}s, forwards and backwards")
    } else {
        ("h_n[-1]", "the last layer\u{2019}s")
    };
    format!(
        "{note}class Classifier(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.embedding = nn.Embedding(tokens, {embedding}, padding_idx=0)\n        \
                 self.{module} = nn.{name}({embedding}, {hidden}, batch_first=True{options})\n        \
                 self.dropout = nn.Dropout({dropout})\n        \
                 self.classifier = nn.Sequential(\n            \
                     nn.Linear({both}{hidden}, {hidden}), nn.ReLU(), nn.Dropout({dropout}), nn.Linear({hidden}, classes)\n        \
                 )\n\n    \
             def forward(self, batch):\n        \
                 tokens, lengths = batch\n        \
                 embedded = self.dropout(self.embedding(tokens))\n        \
                 # The lengths stay on the CPU; enforce_sorted=False sorts and gives the order back.\n        \
                 packed = nn.utils.rnn.pack_padded_sequence(\n            \
                     embedded, lengths.cpu(), batch_first=True, enforce_sorted=False\n        \
                 )\n        \
                 _, {last} = self.{module}(packed)\n        \
                 # h_n (layers * directions, batch, hidden): {which}, each after its own last step.\n        \
                 return self.classifier(self.dropout({states}))\n\n\
         model = Classifier(){forget}",
        embedding = spec.embedding,
        forget = forget_bias(spec, module),
    )
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
    format!(
        "{note}class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.rnn = nn.{name}(inputs, {}, batch_first=True{options})\n        \
                 self.out = nn.Linear({width}, outputs)\n\n    \
             def forward(self, x):\n        \
                 states, _ = self.rnn(x)\n        \
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
    use crate::spec::{Attention, Choice};

    /// Every program is there to be read: `SEQLAB_PROGRAMS=folder cargo test --lib code` writes them, to be run by Python.
    fn keep(name: &str, program: &str) {
        if let Some(folder) = std::env::var_os("SEQLAB_PROGRAMS") {
            std::fs::write(std::path::Path::new(&folder).join(name), program).expect("a folder");
        }
    }

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
                    keep(&format!("{task:?}_{cell:?}_{bidirectional}.py"), &program);
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
                    keep(&format!("{task:?}_{attention:?}_{cell:?}.py"), &program);
                }
            }
        }
        assert_eq!(program(&ModelSpec { model: Architecture::Mamba, ..spec }), None);
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
                    let program = program(&spec).expect("classifiers are written");
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
                    keep(&format!("classifier_{task:?}_{cell:?}_{bidirectional}.py"), &program);
                }
            }
        }
    }
}
