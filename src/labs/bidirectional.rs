//! Question 5: when is a bidirectional RNN right, and when is it cheating?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, difference, single};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "bidirectional",
    number: 5,
    title: "Both directions: when it helps, when it cheats",
    question: "What is a bidirectional RNN? When is it appropriate, and when is it not?",
    summary: "Naming what comes later needs both directions; guessing the next character with both is reading the answer.",
    story: &[
        Block::Text(
            "A bidirectional layer is two layers. One reads from the first step to the last, the other from the last to the \
             first, each with weights of its own; at every step their states are put side by side, so what follows can use \
             the whole sequence, past and future.",
        ),
        Block::Equation(
            "<mrow><msub><mi>h</mi><mi>t</mi></msub><mo>=</mo><mo>[</mo><mover><msub><mi>h</mi><mi>t</mi></msub><mo>\u{2192}</mo></mover><mo>;</mo><mover><msub><mi>h</mi><mi>t</mi></msub><mo>\u{2190}</mo></mover><mo>]</mo></mrow>",
        ),
        Block::Text(
            "The first task asks at every letter: which capital comes next? The answer lies in the future. A forward network \
             cannot know it, however large and however long it is trained, and stays at chance; only towards the end it \
             gains a little, by guessing that no capital is left. The bidirectional network is right within seconds.",
        ),
        Block::Text(
            "That is the rule: use both directions where the whole input is there before the answer is due, as in tagging, \
             classifying, or encoding a sentence to be translated. Do not where outputs are needed as input arrives, or \
             where the output *is* the future of the input.",
        ),
        Block::Text(
            "The other two runs break the rule. A language model is asked for the next character; the backward half has just \
             read it. (Only the last character of a window has its successor outside; there it is not asked.) The loss falls to \
             almost nothing, on held-out windows too, and no test of that kind gives it away. But to *write*, there is no future \
             to read: given half a window, it goes on with text that is right no more often than by chance, while the \
             forward model, with the far higher loss, goes on as the text does. (BERT reads both ways and hides the words it must \
             guess: that is how one does train such a model.)",
        ),
    ],
    prediction: Prediction {
        asks: "Of the two language models, the bidirectional one has by far the lower loss. Which writes better?",
        answers: &["The bidirectional one", "The forward one", "They write equally well"],
        right: 1,
        because: "When it writes there is no next character to look at, and looking there is all that it has learnt.",
    },
    set: &[
        ("cell", "gru"),
        ("task", "ahead"),
        ("symbols", "4"),
        ("length", "32"),
        ("hidden", "32"),
        ("batch", "16"),
        ("lr", "0.01"),
    ],
    runs: &[
        Run { name: "Both directions", set: &[("bidirectional", "on")] },
        Run { name: "Forwards", set: &[("bidirectional", "off")] },
        Run {
            name: "Language model, both directions",
            set: &[("bidirectional", "on"), ("task", "text"), ("length", "96"), ("hidden", "48"), ("batch", "6")],
        },
        Run {
            name: "Language model, forwards",
            set: &[("bidirectional", "off"), ("task", "text"), ("length", "96"), ("hidden", "48"), ("batch", "6")],
        },
    ],
    views: &[View::Tagging, View::Learning, View::Writing, View::Signals],
    claims: &[
        Claim {
            says: "Both directions: share of positions whose next capital is named",
            reads: &[(0, "evaluation/accuracy")],
            number: single,
            bound: Bound::AtLeast(0.99),
        },
        Claim {
            says: "Forwards: how far above chance on the first half",
            reads: &[(1, "evaluation/first_half_accuracy"), (1, "evaluation/chance")],
            number: difference,
            bound: Bound::AtMost(0.1),
        },
        Claim {
            says: "The bidirectional language model\u{2019}s loss, in nats per character: it sees the answer",
            reads: &[(2, "evaluation/loss")],
            number: single,
            bound: Bound::AtMost(0.1),
        },
        Claim {
            says: "What it writes on its own: share of characters right, above chance",
            reads: &[(2, WRITING), (2, "evaluation/chance")],
            number: difference,
            bound: Bound::AtMost(0.0),
        },
        Claim {
            says: "The forward model writes: how much larger its share of characters right",
            reads: &[(3, WRITING), (2, WRITING)],
            number: difference,
            bound: Bound::AtLeast(0.3),
        },
    ],
    steps: 500,
    controls: &["cell", "symbols", "layers", "lr", "seed"],
    probe: "",
};

const WRITING: &str = "evaluation/writing_accuracy";
