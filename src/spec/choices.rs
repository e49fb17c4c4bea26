//! What can be chosen by name in a [`ModelSpec`](super::ModelSpec): each enumeration with its keys and labels.

use crate::engine::cell::Cell;
use crate::wire::Wire;

/// An enumeration a property chooses from.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every value, in the order of the menu.
    const ALL: &'static [Self];
    /// Key and label of each, in the same order.
    const NAMES: &'static [(&'static str, &'static str)];

    /// The key in the address.
    fn key(self) -> &'static str {
        let at = Self::ALL.iter().position(|known| *known == self);
        at.map_or("", |at| Self::NAMES[at].0)
    }
}

/// Names the values of an enumeration that exists.
macro_rules! names {
    ($type:ty { $($value:expr => $key:literal, $label:expr;)* }) => {
        impl Choice for $type {
            const ALL: &'static [Self] = &[$($value),*];
            const NAMES: &'static [(&'static str, &'static str)] = &[$(($key, $label)),*];
        }
        by_place!($type);
    };
}

/// Sends a choice as its place in `ALL`.
macro_rules! by_place {
    ($type:ty) => {
        impl Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                let place = <Self as Choice>::ALL.iter().position(|known| known == self);
                to.push(place.map_or(u8::MAX, |place| place as u8));
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                <Self as Choice>::ALL.get(usize::from(u8::read(from)?)).copied()
            }
        }
    };
}

/// An enumeration of its own with the names of its values.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident => $key:literal, $label:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$value_doc])* $value,)*
        }
        names!($name { $($name::$value => $key, $label;)* });
    };
}

names!(bool { false => "off", "Off"; true => "on", "On"; });

impl Choice for Cell {
    const ALL: &'static [Self] = &Cell::ALL;
    const NAMES: &'static [(&'static str, &'static str)] = &{
        let mut names = [("", ""); Cell::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            let described = Cell::ALL[at].description();
            names[at] = (described.key, described.name);
            at += 1;
        }
        names
    };
}
by_place!(Cell);

choices! {
    /// What is trained.
    Architecture {
        /// Stacked recurrent layers and a linear layer at every timestep.
        Recurrent => "recurrent", "Recurrent network";
        /// Causal pre-LN Transformer blocks.
        Transformer => "transformer", "Transformer";
        /// Blocks of diagonal state-space layers.
        S4d => "s4d", "S4D";
        /// Blocks of selective state-space layers.
        Mamba => "mamba", "Mamba";
        /// A recurrent encoder and a recurrent decoder, with or without attention.
        EncoderDecoder => "encoder-decoder", "Encoder-decoder";
        /// A recurrent network whose final states go through a multi-layer perceptron.
        Classifier => "classifier", "Classifier";
        /// As many layers as there are timesteps, each with a matrix of its own; it reads the whole sequence at once.
        FeedForward => "feed-forward", "Feed-forward network";
    }
}

choices! {
    /// What is learnt, and where its examples come from.
    Task {
        /// The next character of the learner's text.
        Text => "text", "Next character of your text";
        /// To write a random string again.
        Copy => "copy", "Copy a string";
        /// To write a random string backwards.
        Reverse => "reverse", "Reverse a string";
        /// To write a string backwards in which most letters follow their predecessor in the alphabet.
        Chain => "chain", "Reverse a string of neighbours";
        /// To write a date as ISO 8601 does.
        Dates => "dates", "Write a date as ISO 8601 does";
        /// To name the letter a random string has most of.
        Majority => "majority", "Name the most frequent letter";
        /// To label a text: names by language, or the learner's own table.
        Labels => "labels", "Label a text";
        /// At every timestep to name the random symbols seen some timesteps ago.
        Recall => "recall", "Recall what was seen some steps ago";
        /// To add the two numbers of a sequence that are marked (Hochreiter & Schmidhuber 1997).
        Adding => "adding", "Add the two marked numbers";
        /// To tag every position of a string with the capital that comes next.
        Ahead => "ahead", "Name the capital that comes next";
        /// To name the accent that a vowel had when it was last seen with one: what attention does in one step.
        Lookup => "lookup", "Name the accent a vowel had";
        /// To write the letters that stand among blanks, in order (Gu and Dao 2023: selective copying).
        SelectiveCopy => "selective-copy", "Copy the letters among blanks";
    }
}

choices! {
    /// How a decoder looks at the states of the encoder.
    Attention {
        /// Not at all: the encoder's final state is all it has.
        None => "none", "None";
        /// Additive (Bahdanau et al. 2015), query = the current state, context joined at the prediction.
        BahdanauCurrent => "bahdanau", "Bahdanau, current state";
        /// Additive, query = the previous state, context fed to the cell.
        BahdanauPrevious => "bahdanau-previous", "Bahdanau, previous state";
        /// Dot product (Luong et al. 2015).
        LuongDot => "luong-dot", "Luong, dot";
        /// With a matrix between (Luong et al. 2015).
        LuongGeneral => "luong-general", "Luong, general";
    }
}

choices! {
    /// What is added to embeddings so that a Transformer knows their order.
    Positions {
        /// A parameter for every position.
        Learned => "learned", "Learned";
        /// Sines and cosines (Vaswani et al. 2017).
        Sinusoidal => "sinusoidal", "Sinusoidal";
    }
}

choices! {
    /// How a continuous system becomes a recurrence.
    Discretisation {
        /// Zero-order hold.
        ZeroOrderHold => "zoh", "Zero-order hold";
        /// Bilinear (Tustin).
        Bilinear => "bilinear", "Bilinear";
    }
}

choices! {
    /// How a linear state-space layer is computed.
    Scan {
        /// State by state.
        Recurrence => "recurrence", "Recurrence";
        /// As one long convolution.
        Convolution => "convolution", "Convolution";
    }
}

choices! {
    /// What a training step of a decoder raises.
    Objective {
        /// The likelihood of the target.
        CrossEntropy => "cross-entropy", "Cross entropy";
        /// The reward of what it samples (Williams 1992).
        Reinforce => "reinforce", "REINFORCE";
    }
}

choices! {
    /// How teacher forcing falls from always to the ratio (Bengio et al. 2015).
    Schedule {
        /// The ratio from the first step on.
        Constant => "constant", "Constant";
        /// In a straight line.
        Linear => "linear", "Linear";
        /// By a factor each step.
        Exponential => "exponential", "Exponential";
        /// Slowly, then quickly, then slowly.
        InverseSigmoid => "inverse-sigmoid", "Inverse sigmoid";
    }
}

choices! {
    /// What a decoder reads where it is not fed the truth.
    Feedback {
        /// Its most probable symbol.
        Argmax => "argmax", "Most probable";
        /// A symbol drawn by its probabilities.
        Sample => "sample", "Sampled";
    }
}

choices! {
    /// What a REINFORCE reward is compared with.
    Baseline {
        /// A moving average of rewards.
        Moving => "moving", "Moving average";
        /// A value head that predicts the reward.
        Learned => "learned", "Learned";
    }
}

choices! {
    /// Where the engine runs.
    BackendKind {
        /// The WebAssembly SIMD engine.
        Cpu => "cpu", "CPU";
        /// WebGPU; falls back to the CPU, saying so, where there is no adapter.
        Gpu => "gpu", "GPU";
    }
}

choices! {
    /// The optimiser; formulas as in `torch.optim`, with its default coefficients.
    OptimiserKind {
        /// Plain stochastic gradient descent.
        Sgd => "sgd", "SGD";
        /// SGD with momentum 0.9.
        Momentum => "momentum", "SGD, momentum 0.9";
        /// RMSprop, alpha 0.99, eps 1e-8.
        RmsProp => "rmsprop", "RMSprop";
        /// Adam (Kingma & Ba 2015), betas 0.9 and 0.999, eps 1e-8.
        Adam => "adam", "Adam";
        /// AdamW (Loshchilov & Hutter 2019), weight decay 0.01.
        AdamW => "adamw", "AdamW";
    }
}

choices! {
    /// What a generated sequence is worth; larger is better.
    Reward {
        /// 1 for the reference itself, else 0.
        ExactMatch => "exact-match", "Exact match";
        /// Places with the reference's token, as a share of the longer sequence; 1 for two empty ones.
        TokenAccuracy => "token-accuracy", "Token accuracy";
        /// Minus the Levenshtein distance, as a share of the reference's length (of 1 where it is empty).
        NegativeEditDistance => "edit-distance", "Negative edit distance";
        /// Sentence BLEU (Papineni et al. 2002).
        SentenceBleu => "bleu", "Sentence BLEU";
    }
}
