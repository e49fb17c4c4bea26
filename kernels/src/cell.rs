//! The recurrent cells and what everybody needs to know of them. The registry is [`Cell::ALL`].

/// A recurrent cell. Names follow `torch.nn`; see each variant for the equations' convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// `nn.RNN(nonlinearity="tanh")`: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).
    Rnn,
    /// `nn.RNN(nonlinearity="relu")`.
    RnnRelu,
    /// `nn.LSTM` (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000), gate rows i, f, g, o.
    Lstm,
    /// `nn.GRU`, rows r, z, n: reset after the matrix product, z = 1 keeps the state.
    Gru,
    /// The GRU of Cho et al. (2014), rows r, z, n: reset before the matrix product, z = 1 replaces the state.
    GruTextbook,
}

/// A gate or state of a cell as the views show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The symbol in the equations: `f`.
    pub symbol: &'static str,
    /// The name in words: `forget gate`.
    pub name: &'static str,
    /// Whether its values lie in -1..1 (tanh; diverging palette) or in 0..1 (sigmoid; sequential palette).
    pub signed: bool,
}

const fn gate(symbol: &'static str, name: &'static str) -> Signal {
    Signal { symbol, name, signed: false }
}

const fn state(symbol: &'static str, name: &'static str) -> Signal {
    Signal { symbol, name, signed: true }
}

impl Cell {
    /// Every cell, in the order menus and tests go through them.
    pub const ALL: [Cell; 5] = [Cell::Rnn, Cell::RnnRelu, Cell::Lstm, Cell::Gru, Cell::GruTextbook];

    /// The name a learner reads.
    pub const fn name(self) -> &'static str {
        match self {
            Cell::Rnn => "RNN",
            Cell::RnnRelu => "RNN (ReLU)",
            Cell::Lstm => "LSTM",
            Cell::Gru => "GRU",
            Cell::GruTextbook => "GRU (reset before)",
        }
    }

    /// Row blocks of weight_ih and weight_hh, in PyTorch's order: weights are (gates * hidden, ...).
    pub const fn gates(self) -> usize {
        match self {
            Cell::Rnn | Cell::RnnRelu => 1,
            Cell::Lstm => 4,
            Cell::Gru | Cell::GruTextbook => 3,
        }
    }

    /// Whether there is a cell state c besides the hidden state h.
    pub const fn has_cell_state(self) -> bool {
        matches!(self, Cell::Lstm)
    }

    /// Blocks of width `hidden` in the recorded gates tensor `[T, B, recorded * H]`; 0 when h says all.
    /// LSTM i, f, g, o; GRU r, z, n, q with q = W_hn h + b_hn; textbook GRU r, z, n, s with s = r * h.
    pub const fn recorded(self) -> usize {
        self.recorded_symbols().len()
    }

    /// The symbols of the recorded gates, in their order in the tensor.
    pub const fn recorded_symbols(self) -> &'static [&'static str] {
        match self {
            Cell::Rnn | Cell::RnnRelu => &[],
            Cell::Lstm => &["i", "f", "g", "o"],
            Cell::Gru => &["r", "z", "n", "q"],
            Cell::GruTextbook => &["r", "z", "n", "s"],
        }
    }

    /// What the views show, in order: first the recorded gates, then c where there is one, then h.
    pub const fn signals(self) -> &'static [Signal] {
        const RNN: &[Signal] = &[state("h", "hidden state")];
        const LSTM: &[Signal] = &[
            gate("i", "input gate"),
            gate("f", "forget gate"),
            state("g", "candidate"),
            gate("o", "output gate"),
            state("c", "cell state"),
            state("h", "hidden state"),
        ];
        const GRU: &[Signal] =
            &[gate("r", "reset gate"), gate("z", "update gate"), state("n", "candidate"), state("h", "hidden state")];
        match self {
            Cell::Rnn | Cell::RnnRelu => RNN,
            Cell::Lstm => LSTM,
            Cell::Gru | Cell::GruTextbook => GRU,
        }
    }

    /// Parameters of one layer: weight_ih, weight_hh and the two biases.
    pub const fn parameters(self, input: usize, hidden: usize) -> usize {
        self.gates() * hidden * (input + hidden + 2)
    }
}
