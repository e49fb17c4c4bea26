//! What a lab shows and does: everything that is in the address and nothing else.

use std::sync::Arc;

use crate::data::built_in;
use crate::labs::Lesson;
use crate::protocol::Edit;
use crate::spec::{ModelSpec, PROPERTIES, Property, SpecError, Task, limits, property};
use crate::ui::stop::Stop;
use crate::ui::text;

/// What decides the run and its probes.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The model and its training.
    pub spec: ModelSpec,
    /// The learner's own text; `None` is the one that the task begins with.
    pub own: Option<Arc<str>>,
    /// The text whose gates are shown; `None` is the beginning of the training text.
    pub probe: Option<String>,
    /// The sampling temperature.
    pub temperature: f32,
    /// When the run stops by itself.
    pub stop: Stop,
    /// What the playground's second model has of its own, in the order of [`PROPERTIES`]; in all else it follows the first.
    /// Where it has nothing of its own there is no second model.
    pub second: Vec<(&'static str, String)>,
}

/// What is before the key of a property of the second model: see [`Property::second_key`].
pub const SECOND: &str = "b.";

impl Default for Setup {
    fn default() -> Self {
        Setup {
            spec: ModelSpec::default(),
            own: None,
            probe: None,
            temperature: 0.7,
            stop: Stop::default(),
            second: Vec::new(),
        }
    }
}

impl Setup {
    /// What a lab begins with; without one, what the free instrument does.
    pub fn of(lesson: Option<&Lesson>) -> Setup {
        let Some(lesson) = lesson else { return Setup::default() };
        let probe = Some(lesson.probe).filter(|probe| !probe.is_empty()).map(str::to_owned);
        Setup { spec: lesson.spec(), probe, ..Setup::default() }
    }

    /// Sets the value named `key`: a property, `text`, `probe`, `temperature` or a condition to [`Stop`].
    ///
    /// # Errors
    /// Says what is wrong with the value, and leaves the setup as it was.
    pub fn write(&mut self, key: &str, value: &str) -> Result<(), SpecError> {
        match key {
            "text" => {
                let text = text::from_str(value, self.spec.task)?;
                self.own = Some(text).filter(|text| text != built_in(self.spec.task)).map(Arc::from);
            }
            "probe" if value.is_empty() => self.probe = None,
            "probe" => {
                text::check_probe(value)?;
                self.probe = Some(value.to_owned());
            }
            "temperature" => self.temperature = text::temperature(value)?,
            _ if key.starts_with(SECOND) => {
                let unknown = || SpecError::new(key, "There is no setting of this name.");
                let property = property(&key[SECOND.len()..]).ok_or_else(unknown)?;
                let mut spec = self.second_spec();
                property.write(&mut spec, value).map_err(of_second)?;
                self.give_second(property, &spec);
            }
            _ => match (property(key), self.stop.write(key, value)) {
                (Some(property), _) => property.write(&mut self.spec, value)?,
                (None, Some(set)) => set?,
                (None, None) => return Err(SpecError::new(key, "There is no setting of this name.")),
            },
        }
        Ok(())
    }

    /// The text that is learnt from.
    pub fn text(&self) -> &str {
        self.own.as_deref().unwrap_or_else(|| built_in(self.spec.task))
    }

    /// The probe text that is used.
    pub fn probe_text(&self) -> String {
        self.probe.clone().unwrap_or_else(|| text::default_probe(self.text(), self.spec.task))
    }

    /// The second model's spec.
    pub fn second_spec(&self) -> ModelSpec {
        let mut spec = self.spec.clone();
        for (property, value) in self.second.iter().filter_map(|(key, value)| Some((property(key)?, value))) {
            let taken = property.write(&mut spec, value);
            debug_assert_eq!(taken, Ok(()), "it was read from a spec");
        }
        spec
    }

    /// Gives the second model a value of its own, that of this spec.
    fn give_second(&mut self, property: &'static Property, of: &ModelSpec) {
        let mut own = std::mem::take(&mut self.second);
        own.retain(|(key, _)| *key != property.key);
        own.push((property.key, property.read(of)));
        let places = PROPERTIES.iter().filter_map(|row| own.iter().find(|(key, _)| *key == row.key));
        self.second = places.cloned().collect();
    }

    /// Has the second model differ from the first where this spec does.
    pub fn compare_with(&mut self, other: &ModelSpec) {
        let differs = |property: &&Property| property.read(other) != property.read(&self.spec);
        self.second = PROPERTIES.iter().filter(differs).map(|property| (property.key, property.read(other))).collect();
    }

    /// Makes the rest go with what was just set under `key`: see [`ModelSpec::settle`]. A text of another kind of task is
    /// left behind with its task, which was `task`.
    pub fn settle(&mut self, key: &str, task: Task) {
        let changed = key.strip_prefix(SECOND);
        if changed.is_none() {
            self.spec.settle(key);
            if self.spec.task != task {
                (self.own, self.probe) = (None, None);
            }
        }
        let before = self.second_spec();
        let mut second = before.clone();
        if !self.second.is_empty() && second.settle(changed.unwrap_or(key)) {
            let moved = PROPERTIES.iter().filter(|property| property.read(&second) != property.read(&before));
            moved.for_each(|property| self.give_second(property, &second));
        }
    }

    /// Whether going from `self` to `next` needs a new model: more than live properties and probes differ.
    pub fn needs_build(&self, next: &Setup) -> bool {
        let live = ModelSpec { learning_rate: next.spec.learning_rate, clip: next.spec.clip, ..self.spec.clone() };
        live != next.spec || self.text() != next.text() || self.second != next.second
    }
}

fn of_second(error: SpecError) -> SpecError {
    SpecError { key: format!("{SECOND}{}", error.key), ..error }
}

/// A channel of S4D as it is tried out, with another step length or another pole; training knows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// The channel and its mode, from 0; the last that the model has, where there are not so many.
    pub channel: usize,
    pub mode: usize,
    /// The place of the step length's slider; 0 is the learnt one.
    pub factor: i32,
    /// Where the mode's pole was moved.
    pub pole: Option<[f64; 2]>,
}

impl Default for Trial {
    fn default() -> Self {
        // Modes that turn fast tell the rules of discretisation apart.
        Trial { channel: 0, mode: 7, factor: 0, pole: None }
    }
}

impl Trial {
    /// Whether anything is other than it was learnt.
    pub fn is_changed(&self) -> bool {
        self.factor != 0 || self.pole.is_some()
    }

    /// The same channel and mode as they were learnt.
    pub fn as_learnt(&self) -> Trial {
        Trial { factor: 0, pole: None, ..*self }
    }
}

/// All that a person can undo: the settings, what is done to the copy of each model that the views show, and what is tried
/// out with a channel of S4D.
#[derive(Clone, Debug, PartialEq)]
pub struct Doings {
    /// The settings.
    pub setup: Setup,
    /// The edits of every model, in the order of the lab's runs.
    pub edits: Vec<Vec<Edit>>,
    /// What is tried out.
    pub trial: Trial,
}

impl Doings {
    /// The settings of so many models that nothing is done to.
    pub fn of(setup: Setup, runs: usize) -> Doings {
        Doings { setup, edits: vec![Vec::new(); runs], trial: Trial::default() }
    }

    /// The same with other settings. A new model begins whole; what was forced upon the attention was forced upon a text.
    pub fn with(&self, setup: Setup) -> Doings {
        let (mut edits, mut trial) = (self.edits.clone(), self.trial);
        if self.setup.needs_build(&setup) {
            edits.iter_mut().for_each(Vec::clear);
            trial = trial.as_learnt();
        }
        if self.setup.probe != setup.probe {
            edits.iter_mut().for_each(|edits| edits.retain(|edit| !matches!(edit, Edit::Attend { .. })));
        }
        Doings { setup, edits, trial }
    }
}

/// Which unit the views look at. Counted from 0; shown and linked counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// Recurrent layer.
    pub layer: usize,
    /// Symbol of the signal that colours the probe text.
    pub signal: String,
    /// Hidden unit.
    pub unit: usize,
}

impl Default for Focus {
    fn default() -> Self {
        Focus { layer: 0, signal: "h".to_owned(), unit: 0 }
    }
}

impl Focus {
    /// The nearest focus the model of `spec` has.
    pub fn within(mut self, spec: &ModelSpec) -> Focus {
        self.layer = self.layer.min(spec.layers - 1);
        self.unit = self.unit.min(spec.hidden - 1);
        if !spec.cell.signals().iter().any(|signal| signal.symbol == self.signal) {
            "h".clone_into(&mut self.signal);
        }
        self
    }
}

/// The state of the page as a link carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct PageState {
    /// The lab; `None` is the start page with the free instrument.
    pub lesson: Option<&'static Lesson>,
    /// The run.
    pub setup: Setup,
    /// What is looked at.
    pub focus: Focus,
    /// What is done to the copies of the models that the views show, in the order of the lab's runs. Models at the end to
    /// which nothing is done may be missing.
    pub edits: Vec<Vec<Edit>>,
    /// Which of the models is looked into.
    pub look: usize,
    /// Which other model is shown beside it.
    pub beside: Option<usize>,
    /// Whether the model trains.
    pub running: bool,
    /// Whether type is large, for a lecture hall.
    pub presenter: bool,
    /// How the page is laid out where it is embedded.
    pub layout: Layout,
}

impl Default for PageState {
    fn default() -> Self {
        PageState::of(None)
    }
}

impl PageState {
    /// What a lab's page begins with.
    pub fn of(lesson: Option<&'static Lesson>) -> PageState {
        PageState {
            lesson,
            setup: Setup::of(lesson),
            edits: Vec::new(),
            focus: Focus::default(),
            look: 0,
            beside: None,
            running: true,
            presenter: false,
            layout: Layout::default(),
        }
    }

    /// How many models are side by side.
    pub fn models(&self) -> usize {
        match self.lesson {
            Some(lesson) if !lesson.is_playground() => lesson.runs.len(),
            _ => 1 + usize::from(!self.setup.second.is_empty()),
        }
    }

    /// Gives a model edits in place of those it had.
    pub fn give_edits(&mut self, place: usize, edits: Vec<Edit>) {
        while self.edits.len() <= place {
            self.edits.push(Vec::new());
        }
        self.edits[place] = edits;
        while self.edits.last().is_some_and(Vec::is_empty) {
            self.edits.pop();
        }
    }
}

/// The wishes of the page that embeds this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Whether there is one: `embed=1`.
    pub embedded: bool,
    /// Keys of properties, and of parts of the page ([`PARTS`]), that are not shown: `hide=lr,seed,story`.
    pub hidden: Vec<String>,
}

/// Parts of the page that `hide` can take away, besides the controls of properties.
pub const PARTS: [&str; 8] = ["story", "claims", "settings", "transport", "travel", "surgery", "text", "share"];

impl Layout {
    /// Whether a property's control or a part of the page is shown.
    pub fn shows(&self, key: &str) -> bool {
        !self.hidden.iter().any(|hidden| hidden == key)
    }
}

/// The largest focus a link can name.
pub const LARGEST_FOCUS: (usize, usize) = (*limits::LAYERS.end(), *limits::HIDDEN.end());

/// The most models that a page has side by side.
pub const MOST_RUNS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cell::Cell;
    use crate::spec::{Architecture, Choice};

    #[test]
    fn live_properties_need_no_build() {
        let setup = Setup::default();
        let mut next = setup.clone();
        next.write("lr", "0.1").unwrap();
        next.write("clip", "off").unwrap();
        next.write("probe", "abc").unwrap();
        assert!(!setup.needs_build(&next));
        next.write("hidden", "32").unwrap();
        assert!(setup.needs_build(&next));
    }

    #[test]
    fn the_second_model_is_the_first_but_for_what_was_set() {
        let mut setup = Setup::default();
        setup.write("b.hidden", "32").unwrap();
        setup.write("b.cell", "gru").unwrap();
        setup.write("lr", "0.02").unwrap();
        let second = setup.second_spec();
        assert_eq!((second.cell, second.hidden, second.learning_rate), (Cell::Gru, 32, 0.02));
        assert_eq!(setup.second, [("cell", "gru".to_owned()), ("hidden", "32".to_owned())]);
        setup.compare_with(&ModelSpec { layers: 2, ..setup.spec.clone() });
        assert_eq!(setup.second, [("layers", "2".to_owned())]);
        assert_eq!(setup.write("b.hidden", "0").unwrap_err().key, "b.hidden");
        assert_eq!(setup.write("b.nothing", "0").unwrap_err().key, "b.nothing");
    }

    #[test]
    fn models_and_tasks_settle_whatever_is_chosen() {
        let mut setup = Setup::default();
        let mut set = |key: &str, value: &str| {
            let task = setup.spec.task;
            setup.write(key, value).unwrap();
            setup.settle(key, task);
            assert_eq!(setup.spec.validate(), Ok(()), "{key} {value}");
            let second = setup.second_spec();
            assert_eq!(second.validate(), Ok(()), "{key} {value}: the second");
            (setup.spec.clone(), second)
        };
        set("text", "a text of one\u{2019}s own");
        set("b.model", "transformer");
        set("length", "512");
        for (task, _) in Task::NAMES {
            assert_eq!(set("task", task).0.task.key(), *task);
            for (model, _) in Architecture::NAMES {
                assert_eq!(set("model", model).0.model.key(), *model);
                assert_eq!(set("b.model", model).1.model.key(), *model);
                set("b.hidden", "50");
            }
        }
        assert_eq!(setup.own, None);
    }

    #[test]
    fn edits_last_as_long_as_their_model() {
        let edit = Edit::Zero { layer: 0, unit: 3 };
        let trial = Trial { channel: 3, factor: 5, pole: Some([-1.0, 2.0]), ..Trial::default() };
        let doings = Doings { edits: vec![vec![edit], Vec::new()], trial, ..Doings::of(Setup::default(), 2) };
        let mut next = doings.setup.clone();
        next.write("lr", "0.1").unwrap();
        assert_eq!(doings.with(next.clone()), Doings { setup: next.clone(), ..doings.clone() });
        next.write("hidden", "32").unwrap();
        let next = doings.with(next);
        assert_eq!((next.edits, next.trial), (vec![Vec::new(); 2], Trial { channel: 3, ..Trial::default() }));
    }

    #[test]
    fn a_bad_value_changes_nothing() {
        let mut setup = Setup::default();
        for (key, value) in [("hidden", "abc"), ("hidden", "1000000"), ("lr", "0"), ("text", "x"), ("nothing", "1")] {
            assert_eq!(setup.write(key, value).unwrap_err().key, key);
        }
        assert_eq!(setup, Setup::default());
    }

    #[test]
    fn the_focus_stays_inside_the_model() {
        let spec = ModelSpec { cell: Cell::Gru, hidden: 8, ..ModelSpec::default() };
        let focus = Focus { layer: 1, signal: "f".into(), unit: 99 }.within(&spec);
        assert_eq!(focus, Focus { layer: 0, signal: "h".into(), unit: 7 });
    }
}
