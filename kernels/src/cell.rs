//! The recurrent cells: [`cells`] is the registry, a cell's file beside it has its equations and its [`Description`].

use super::{gru, gru_textbook, lstm, rnn};

/// The registry, in the order menus and tests go through it: hands `(arguments) Variant => file::Type; ..` to a macro. A
/// cell's name in files and addresses is the variant's in kebab case.
macro_rules! cells {
    ($then:ident $arguments:tt) => {
        $then! { $arguments
            /// `nn.RNN(nonlinearity="tanh")`: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).
            Rnn => rnn::Tanh;
            /// `nn.LSTM` (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000), gate rows i, f, g, o.
            Lstm => lstm::Lstm;
            /// `nn.GRU`, rows r, z, n: reset after the matrix product, z = 1 keeps the state.
            Gru => gru::Gru;
            /// `nn.RNN(nonlinearity="relu")`.
            RnnRelu => rnn::Relu;
            /// The GRU of Cho et al. (2014), rows r, z, n: reset before the matrix product, z = 1 replaces the state.
            GruTextbook => gru_textbook::GruTextbook;
        }
    };
}
pub(crate) use cells;

macro_rules! enumeration {
    (() $($(#[$doc:meta])* $cell:ident => $file:ident::$equations:ident;)*) => {
        /// A recurrent cell. Names follow `torch.nn`; see each variant for the equations' convention.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cell { $($(#[$doc])* $cell,)* }

        impl Cell {
            /// Every cell, in the order menus and tests go through them.
            pub const ALL: [Cell; [$(stringify!($cell)),*].len()] = [$(Cell::$cell),*];

            /// What its file says of it.
            pub const fn description(self) -> &'static Description {
                match self { $(Cell::$cell => &<$file::$equations as Described>::DESCRIPTION,)* }
            }
        }
    };
}
cells!(enumeration());

/// What everybody but the equations needs to know of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Description {
    /// The name a learner reads.
    pub name: &'static str,
    /// The name in files and addresses.
    pub key: &'static str,
    /// PyTorch's module, in lower case: what its parameters are named after.
    pub module: &'static str,
    /// G: blocks of H rows of weight_ih and weight_hh, in PyTorch's order.
    pub gates: usize,
    /// The first so many blocks of weight_hh read the state before, the others the last recorded block.
    pub reads_state: usize,
    /// Whether the gradient of W_hh h + b_hh differs from that of W_ih x + b_ih.
    pub products_differ: bool,
    /// Whether there is a cell state c besides the hidden state h.
    pub has_cell_state: bool,
    /// The symbols of the blocks of H numbers that are recorded of each step.
    pub recorded: &'static [&'static str],
    /// What the views show, in order: first the recorded gates, then c where there is one, then h.
    pub signals: &'static [Signal],
    /// The shaders of the forward and the backward pass, and the constants that both get.
    pub shaders: [&'static str; 2],
    /// See `shaders`.
    pub constants: &'static [(&'static str, usize)],
}

/// The type with a cell's equations has its description too.
pub trait Described {
    /// Of the cell.
    const DESCRIPTION: Description;
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

impl Signal {
    /// One in 0..1.
    pub const fn gate(symbol: &'static str, name: &'static str) -> Signal {
        Signal { symbol, name, signed: false }
    }

    /// One in -1..1.
    pub const fn state(symbol: &'static str, name: &'static str) -> Signal {
        Signal { symbol, name, signed: true }
    }
}

impl Cell {
    /// The name a learner reads.
    pub const fn name(self) -> &'static str {
        self.description().name
    }

    /// Row blocks of weight_ih and weight_hh, in PyTorch's order: weights are (gates * hidden, ...).
    pub const fn gates(self) -> usize {
        self.description().gates
    }

    /// Whether there is a cell state c besides the hidden state h.
    pub const fn has_cell_state(self) -> bool {
        self.description().has_cell_state
    }

    /// Blocks of width `hidden` in the recorded gates tensor `[T, B, recorded * H]`; 0 when h says all.
    pub const fn recorded(self) -> usize {
        self.recorded_symbols().len()
    }

    /// The symbols of the recorded gates, in their order in the tensor.
    pub const fn recorded_symbols(self) -> &'static [&'static str] {
        self.description().recorded
    }

    /// What the views show, in order: first the recorded gates, then c where there is one, then h.
    pub const fn signals(self) -> &'static [Signal] {
        self.description().signals
    }

    /// Parameters of one layer: weight_ih, weight_hh and the two biases.
    pub const fn parameters(self, input: usize, hidden: usize) -> usize {
        self.gates() * hidden * (input + hidden + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_distinct_words_for_files_and_addresses() {
        for (at, cell) in Cell::ALL.iter().enumerate() {
            let key = cell.description().key;
            assert!(key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'), "{key}");
            assert!(Cell::ALL[..at].iter().all(|other| other.description().key != key), "{key}");
        }
    }

    #[test]
    fn descriptions_agree_with_themselves() {
        for cell in Cell::ALL {
            let Description { gates, reads_state, recorded, signals, .. } = *cell.description();
            assert!(reads_state == gates || (reads_state < gates && !recorded.is_empty()), "{cell:?}");
            assert_eq!(signals.last().map(|signal| signal.symbol), Some("h"), "{cell:?}");
        }
    }
}
