//! Encoder-decoders in PyTorch, with and without attention, under the names that the exported weights have.

use crate::engine::cell::Cell;
use crate::spec::{Attention, ModelSpec, Objective, Task};

/// The model.
pub fn model(spec: &ModelSpec) -> String {
    attention(spec).unwrap_or_else(|| plain(spec))
}

/// What the loss is, and what a reader should know about the training.
pub fn loss(spec: &ModelSpec) -> (&'static str, &'static str) {
    let note = if spec.objective == Objective::Reinforce {
        "# The page raises a reward by REINFORCE; this is the teacher forcing before it.\n"
    } else if spec.teacher_forcing < 1.0 {
        "# The page feeds the decoder its own symbols now and then (scheduled sampling); this always feeds the truth.\n"
    } else {
        ""
    };
    ("F.cross_entropy(model(source, given).flatten(0, 1), target.flatten(), ignore_index=PAD)", note)
}

/// `batch()` gives sources, targets after BOS, and targets.
pub fn data(spec: &ModelSpec) -> String {
    let (batch, length, symbols) = (spec.batch, spec.sequence_length, spec.symbols);
    let answer = match spec.task {
        Task::Copy => "s",
        _ => "s.flip(0)",
    };
    let draw = match spec.task {
        Task::Dates => return dates(batch),
        Task::Chain => format!(
            "steps = torch.ones(n, dtype=torch.long)\n    \
             free = torch.rand(n) < 0.2\n    \
             steps[free] = torch.randint({symbols}, (int(free.sum()),))\n    \
             return 3 + (torch.randint({symbols}, (1,)) + steps.cumsum(0)) % {symbols}"
        ),
        _ => format!("return torch.randint(3, 3 + {symbols}, (n,))"),
    };
    format!(
        "PAD, BOS, EOS, vocabulary = 0, 1, 2, {}\n\n\
         def string(n):\n    {draw}\n\n\
         {}",
        3 + symbols,
        batches(
            &format!("[string(int(n)) for n in torch.randint(1, {length} + 1, ({batch},))]"),
            &format!("[{answer} for s in sources]")
        )
    )
}

/// The function that makes a batch of two lists.
fn batches(sources: &str, targets: &str) -> String {
    format!(
        "def batch():\n    \
             sources = {sources}\n    \
             targets = {targets}\n    \
             pad = lambda rows: nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)\n    \
             given = pad([torch.cat([torch.tensor([BOS]), t]) for t in targets])\n    \
             target = pad([torch.cat([t, torch.tensor([EOS])]) for t in targets])\n    \
             return pad(sources), given, target"
    )
}

fn dates(batch: usize) -> String {
    format!(
        "import datetime, random\n\n\
         alphabet = \"{}\"\n\
         PAD, BOS, EOS, vocabulary = 0, 1, 2, 3 + len(alphabet)\n\
         tokens = lambda text: torch.tensor([3 + alphabet.index(c) for c in text.lower()])\n\n\
         def written(d):\n    \
             forms = (\"{{0.day}} {{0:%B}} {{0.year}}\", \"{{0:%B}} {{0.day}}, {{0.year}}\", \"{{0.day}}.{{0.month}}.{{0.year}}\", \"{{0.year}}/{{0.month}}/{{0.day}}\")\n    \
             return random.choice(forms).format(d)\n\n\
         {}",
        crate::data::dates::SYMBOLS,
        batches("[tokens(written(d)) for d in days]", "[tokens(d.isoformat()) for d in days]").replacen(
            "    ",
            &format!(
                "    days = [datetime.date.fromordinal(random.randint(693_600, 766_600)) for _ in range({batch})]\n    "
            ),
            1
        )
    )
}

/// The cell's layer, its one-step module, and the module's name.
fn cell(spec: &ModelSpec) -> (&'static str, &'static str) {
    match spec.cell {
        Cell::Rnn | Cell::RnnRelu => ("RNN", "rnn"),
        Cell::Lstm => ("LSTM", "lstm"),
        Cell::Gru | Cell::GruTextbook => ("GRU", "gru"),
    }
}

fn plain(spec: &ModelSpec) -> String {
    let (module, _) = cell(spec);
    let (embedding, hidden) = (spec.embedding, spec.hidden);
    let (width, directions) = if spec.bidirectional { (2 * hidden, ", bidirectional=True") } else { (hidden, "") };
    let join = if spec.bidirectional {
        "\n        join = lambda s: torch.cat([s[0], s[1]], dim=-1)[None]\n        \
         state = tuple(map(join, state)) if isinstance(state, tuple) else join(state)"
    } else {
        ""
    };
    format!(
        "class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.encoder_embed = nn.Embedding(vocabulary, {embedding})\n        \
                 self.decoder_embed = nn.Embedding(vocabulary, {embedding})\n        \
                 self.encoder = nn.{module}({embedding}, {hidden}, batch_first=True{directions})\n        \
                 self.decoder = nn.{module}({embedding}, {width}, batch_first=True)\n        \
                 self.output_proj = nn.Linear({width}, vocabulary)\n\n    \
             def forward(self, source, given):\n        \
                 lengths = (source != PAD).sum(1)\n        \
                 packed = nn.utils.rnn.pack_padded_sequence(\n            \
                     self.encoder_embed(source), lengths, batch_first=True, enforce_sorted=False)\n        \
                 _, state = self.encoder(packed)  # the context: all that the decoder gets{join}\n        \
                 states, _ = self.decoder(self.decoder_embed(given), state)\n        \
                 return self.output_proj(states)\n\n\
         model = Model()"
    )
}

fn attention(spec: &ModelSpec) -> Option<String> {
    let (module, name) = cell(spec);
    let (embedding, hidden) = (spec.embedding, spec.hidden);
    let (width, directions) = if spec.bidirectional { (2 * hidden, ", bidirectional=True") } else { (hidden, "") };
    let (parameters, energy) = match spec.attention {
        Attention::None => return None,
        Attention::BahdanauCurrent | Attention::BahdanauPrevious => (
            format!(
                "self.W_1 = nn.Linear({width}, {width}, bias=False)\n        \
                 self.W_2 = nn.Linear({width}, {width}, bias=False)\n        \
                 self.v = nn.Parameter(torch.randn({width}) / {width} ** 0.5)"
            ),
            "torch.tanh(self.W_1(s)[:, None] + self.W_2(memory)) @ self.v",
        ),
        Attention::LuongDot => (String::new(), "(memory @ s[:, :, None])[:, :, 0]"),
        Attention::LuongGeneral => (
            format!("self.W_a = nn.Linear({width}, {width}, bias=False)"),
            "(self.W_a(memory) @ s[:, :, None])[:, :, 0]",
        ),
    };
    let previous = spec.attention == Attention::BahdanauPrevious;
    let luong = matches!(spec.attention, Attention::LuongDot | Attention::LuongGeneral);
    let input = if previous { embedding + width } else { embedding };
    let (joined, read) = if luong {
        (format!("\n        self.W_c = nn.Linear(2 * {width}, {width}, bias=False)"), format!("{width}"))
    } else {
        (String::new(), format!("2 * {width}"))
    };
    let answer =
        if luong { "self.out(torch.tanh(self.W_c(torch.cat([c, s], -1))))" } else { "self.out(torch.cat([s, c], -1))" };
    let step = if previous {
        "c = attend(s)\n            state = self.CELL(torch.cat([y, c], -1), state)\n            s = state[0] if isinstance(state, tuple) else state"
    } else {
        "state = self.CELL(y, state)\n            s = state[0] if isinstance(state, tuple) else state\n            c = attend(s)"
    }
    .replace("CELL", name);
    let join = if spec.bidirectional { "torch.cat([s[0], s[1]], dim=-1)" } else { "s[0]" };
    Some(format!(
        "class Decoder(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.embed = nn.Embedding(vocabulary, {embedding})\n        \
                 self.{name} = nn.{module}Cell({input}, {width})\n        \
                 {parameters}{joined}\n        \
                 self.out = nn.Linear({read}, vocabulary)\n\n    \
             def forward(self, given, state, memory, padding):\n        \
                 s = state[0] if isinstance(state, tuple) else state\n\n        \
                 def attend(s):\n            \
                     e = {energy}  # alignment energies\n            \
                     a = e.masked_fill(padding, float(\"-inf\")).softmax(-1)\n            \
                     return (a[:, None] @ memory)[:, 0]\n\n        \
                 logits = []\n        \
                 for y in self.embed(given).unbind(1):\n            \
                     {step}\n            \
                     logits.append({answer})\n        \
                 return torch.stack(logits, dim=1)\n\n\
         class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.encoder_embed = nn.Embedding(vocabulary, {embedding})\n        \
                 self.encoder = nn.{module}({embedding}, {hidden}, batch_first=True{directions})\n        \
                 self.decoder = Decoder()\n\n    \
             def forward(self, source, given):\n        \
                 lengths = (source != PAD).sum(1)\n        \
                 packed = nn.utils.rnn.pack_padded_sequence(\n            \
                     self.encoder_embed(source), lengths, batch_first=True, enforce_sorted=False)\n        \
                 states, last = self.encoder(packed)\n        \
                 memory, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)\n        \
                 first = lambda s: {join}\n        \
                 state = tuple(map(first, last)) if isinstance(last, tuple) else first(last)\n        \
                 return self.decoder(given, state, memory, source == PAD)\n\n\
         model = Model()"
    ))
}
