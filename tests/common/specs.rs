//! Random specs, within the limits of each property and of their combinations.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use seqlab::spec::{Architecture, Baseline, Choice, Control, ModelSpec, PROPERTIES, Property, Task, limits};

/// The same cases at every run; others with PROPTEST_RNG_SEED, more with PROPTEST_CASES.
pub fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { default.rng_seed };
    ProptestConfig { cases, rng_seed, ..default }
}

/// Any value of a choice.
fn any_of<T: Choice + std::fmt::Debug>() -> impl Strategy<Value = T> {
    select(T::ALL)
}

/// Specs within the limits of each property and of their combinations: every property drawn as its control has it, then
/// what contradicts another is put right.
pub fn spec() -> impl Strategy<Value = ModelSpec> {
    let written = |property: &'static Property| match property.control {
        Control::Choice(choices) => select(choices).prop_map(|(key, _)| key.to_owned()).boxed(),
        Control::Integer(low, high) => (low..=high).prop_map(|number| number.to_string()).boxed(),
        Control::Number(low, high) => (low..=high).prop_map(|number| number.to_string()).boxed(),
        Control::OptionalNumber(low, high) => proptest::option::of(low..=high)
            .prop_map(|number| number.map_or_else(|| "off".to_owned(), |number| number.to_string()))
            .boxed(),
    };
    let values: Vec<_> = PROPERTIES.iter().map(written).collect();
    (values, any_of::<Task>()).prop_map(|(values, task)| {
        let mut spec = ModelSpec::default();
        for (property, value) in PROPERTIES.iter().zip(values) {
            property.write(&mut spec, &value).expect("the control's range is the property's");
        }
        let tasks: Vec<Task> = Task::ALL.iter().copied().filter(|task| spec.model.learns(*task)).collect();
        spec.task = if spec.model.learns(task) { task } else { tasks[0] };
        if spec.task.makes_strings() {
            spec.sequence_length = spec.sequence_length.min(*limits::STRING_LENGTH.end());
            spec.embedding = spec.embedding.max(1);
        }
        if matches!(spec.task, Task::Lookup | Task::SelectiveCopy) {
            spec.symbols = spec.symbols.min(limits::ACCENTS);
            spec.sequence_length = spec.sequence_length.max(16);
        }
        if spec.pretraining > 0 {
            spec.baseline = Baseline::Moving;
        }
        if spec.model == Architecture::FeedForward {
            spec.sequence_length = spec.sequence_length.min(limits::DEPTH);
        }
        spec.heads = spec.heads.min(limits::HIDDEN.start() / 2);
        spec.hidden = (spec.hidden / spec.heads).max(limits::HIDDEN.start().div_ceil(spec.heads)) * spec.heads;
        spec
    })
}
