//! The playground: any model, any task, any size within the limits, one model or two; no question, no claims.

use super::{Lesson, Prediction, View};
use crate::spec::{Architecture, ModelSpec, Task};

/// The playground. It has no runs of its own: the second model is what the learner makes of the first.
pub static PLAYGROUND: Lesson = Lesson {
    slug: "playground",
    number: 0,
    title: "Playground",
    question: "What would you like to know?",
    summary: "Any model, any task, any size, your own text or table; one model, or two side by side.",
    story: &[],
    prediction: Prediction { asks: "", answers: &[], right: 0, because: "" },
    set: &[],
    runs: &[],
    views: &[],
    claims: &[],
    steps: 0,
    controls: &[],
    probe: "",
};

/// What there is to see of a model besides how it learns.
pub fn views(spec: &ModelSpec) -> &'static [View] {
    match (spec.model, spec.task) {
        (Architecture::Recurrent, Task::Recall) => &[View::Recall, View::Signals, View::Gradients],
        (Architecture::Recurrent, Task::Ahead) => &[View::Tagging, View::Signals, View::Gradients],
        (Architecture::Recurrent, Task::Adding) => &[View::Signals, View::Gradients],
        (Architecture::Recurrent, _) => &[View::Writing, View::Signals, View::Gradients],
        (Architecture::Classifier, _) => &[View::Typing, View::Confusion, View::Gradients, View::Tensors],
        (Architecture::FeedForward, _) => &[View::Tensors],
        (Architecture::EncoderDecoder, Task::Dates) => &[View::Answers, View::Attention, View::Exposure, View::Beam],
        (Architecture::EncoderDecoder, _) => {
            &[View::Answers, View::Attention, View::Lengths, View::Exposure, View::Contexts, View::Beam]
        }
        (Architecture::Transformer | Architecture::S4d | Architecture::Mamba, _) => &[View::Writing, View::Tensors],
    }
}
