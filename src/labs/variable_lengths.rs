//! Question 9: how are sequences of unequal length handled?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "variable-lengths",
    number: 9,
    title: "Sequences of unequal length",
    question: "How do you handle variable-length sequences in PyTorch?",
    summary: "One ragged batch, packed and padded: which last state is right, by how much the other is wrong, and what it costs.",
    story: &[
        Block::Text(
            "A batch is a rectangle; sentences are not. So the short ones are filled up with a padding symbol until all are as \
             long as the longest. That makes the shapes fit and nothing else: a recurrent network does not know that padding \
             means nothing. It reads it as it reads everything, and its state goes on changing after the sentence has ended.",
        ),
        Block::Equation(
            "<mrow><msub><mi>h</mi><mi>n</mi></msub><mo>=</mo><msub><mi>h</mi><msub><mi>T</mi><mi>b</mi></msub></msub><mo>\u{2260}</mo><msub><mi>h</mi><msub><mi>T</mi><mi>max</mi></msub></msub><mspace width=\"2em\"/><mtext>saved</mtext><mo>=</mo><mn>1</mn><mo>\u{2212}</mo><mfrac><mrow><munder><mo>\u{2211}</mo><mi>b</mi></munder><msub><mi>T</mi><mi>b</mi></msub></mrow><mrow><mi>B</mi><msub><mi>T</mi><mi>max</mi></msub></mrow></mfrac></mrow>",
        ),
        Block::Text(
            "*Packing* tells the layer how long each sequence is. Sequence b then stops after its own T_b steps, and h_n holds, \
             for each, the state after its own last real step, the same as if it had been run alone. That is the state to \
             classify with. output[:, -1] is not: for every sequence but the longest it lies in the padding, where packing \
             leaves zeros and plain padding leaves a state that has read blanks.",
        ),
        Block::Text(
            "You will read that the batch must be *sorted* by length. Packing lays the sequences out step by step, longest \
             first, so that those still running are always the first rows; pack_padded_sequence demands this order only while \
             enforce_sorted is True. With enforce_sorted=False it sorts for you and puts the results back in your order. The \
             lengths must be on the CPU either way.",
        ),
        Block::Text(
            "Packing the input does not mask the *loss*. Averaged over the whole rectangle, the loss also asks what follows a \
             blank, and the answer, another blank, is no part of the data: the mean is wrong, and the gradient teaches the \
             network to predict padding. Use ignore_index, or weights of zero, and divide by the number of real targets. \
             Going backwards it is worse still: a reverse layer without lengths reads the padding *first*.",
        ),
        Block::Text(
            "What is skipped need not be computed: the steps saved are exactly the share of the rectangle that is padding. The \
             time saved is another matter, and measured here. A CPU may take less than its share for a step of one sequence; \
             a GPU would have computed the others at the same time, and may save little. Edit the lines and see; to lose \
             less in the first place, put sequences of similar length into the same batch.",
        ),
    ],
    prediction: Prediction {
        asks: "A line of four letters is padded with blanks to the length of the longest line and read without a mask. What \
               becomes of its last state?",
        answers: &["It stays as it was when the line ended", "It becomes zero", "It drifts on to another state"],
        right: 2,
        because: "To the layer a blank is a symbol like any other: it goes on updating. Packed, the state is that of the line alone.",
    },
    set: &[("cell", "lstm"), ("hidden", "48"), ("length", "32"), ("batch", "16"), ("lr", "0.005")],
    runs: &[Run { name: "LSTM", set: &[] }],
    views: &[View::Ragged, View::Learning],
    claims: &[
        Claim {
            says: "Largest difference between a packed line\u{2019}s last state and that of the line alone",
            reads: &[(0, "ragged/difference")],
            number: packed,
            bound: Bound::AtMost(1e-5),
        },
        Claim {
            says: "The same of the lines that were padded without a mask: the one that changed least",
            reads: &[(0, "ragged/difference"), (0, "ragged/lengths")],
            number: padded,
            bound: Bound::AtLeast(0.1),
        },
        Claim {
            says: "Share of all steps that packing leaves out",
            reads: &[(0, "ragged/saved")],
            number: super::single,
            bound: Bound::AtLeast(0.5),
        },
        Claim {
            says: "Time of a packed run, as a share of a padded one\u{2019}s",
            reads: &[(0, "ragged/time")],
            number: time,
            bound: Bound::AtMost(0.9),
        },
        Claim {
            says: "By how much a mean over the padding too misses the loss of the lines, in nats",
            reads: &[(0, "ragged/loss")],
            number: unmasked,
            bound: Bound::AtLeast(0.2),
        },
    ],
    steps: 300,
    controls: &["probe", "hidden", "layers", "bidirectional", "lr", "seed"],
    probe: "snow\nthe river is still.\nOne bell rings over the frozen mill,\nand the wind says, \"Wait, for the days are slow.\"\nring",
};

/// The largest of the first half of `ragged/difference`.
fn packed(values: &[&[f32]]) -> f32 {
    let differences = values.first().copied().unwrap_or_default();
    differences[..differences.len() / 2].iter().copied().fold(0.0, f32::max)
}

/// The smallest of its second half among the lines that are padded at all.
fn padded(values: &[&[f32]]) -> f32 {
    let [differences, lengths] = values[..] else { return f32::NAN };
    let longest = lengths.iter().copied().fold(0.0, f32::max);
    let padded = differences.iter().skip(lengths.len()).zip(lengths).filter(|(_, length)| **length < longest);
    padded.map(|(difference, _)| *difference).reduce(f32::min).unwrap_or(f32::NAN)
}

fn time(values: &[&[f32]]) -> f32 {
    match values[..] {
        [&[packed, padded]] => packed / padded,
        _ => f32::NAN,
    }
}

fn unmasked(values: &[&[f32]]) -> f32 {
    match values[..] {
        [&[masked, plain]] => (plain - masked).abs(),
        _ => f32::NAN,
    }
}
