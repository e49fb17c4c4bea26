//! The classifier of labelled sequences in PyTorch.

use super::{Module, forget_bias, recurrent};
use crate::engine::cell::Cell;
use crate::spec::{ModelSpec, Task};

/// Labelled sequences of unequal length: `batch()` gives tokens, padded with 0, with their lengths, and labels; `held_out`
/// is the same of what is kept for the end.
pub fn data(spec: &ModelSpec) -> String {
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

pub fn model(spec: &ModelSpec) -> String {
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
