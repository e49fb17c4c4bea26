//! What a lab shows and does: everything that is in the address and nothing else.

use std::sync::Arc;

use crate::labs::Lesson;
use crate::protocol::Edit;
use crate::spec::{ModelSpec, SpecError, limits, property};
use crate::ui::stop::Stop;
use crate::ui::text;

/// What decides the run and its probes.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The model and its training.
    pub spec: ModelSpec,
    /// The training text.
    pub text: Arc<str>,
    /// The text whose gates are shown; `None` is the beginning of the training text.
    pub probe: Option<String>,
    /// The sampling temperature.
    pub temperature: f32,
    /// When the run stops by itself.
    pub stop: Stop,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            spec: ModelSpec::default(),
            text: text::BUILT_IN.into(),
            probe: None,
            temperature: 0.7,
            stop: Stop::default(),
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
            "text" => self.text = text::from_str(value)?.into(),
            "probe" if value.is_empty() => self.probe = None,
            "probe" => {
                text::check_probe(value)?;
                self.probe = Some(value.to_owned());
            }
            "temperature" => self.temperature = text::temperature(value)?,
            _ => match (property(key), self.stop.write(key, value)) {
                (Some(property), _) => property.write(&mut self.spec, value)?,
                (None, Some(set)) => set?,
                (None, None) => return Err(SpecError::new(key, "There is no setting of this name.")),
            },
        }
        Ok(())
    }

    /// The probe text that is used.
    pub fn probe_text(&self) -> String {
        self.probe.clone().unwrap_or_else(|| text::default_probe(&self.text))
    }

    /// Whether the training text is the learner's own.
    pub fn own_text(&self) -> bool {
        &*self.text != text::BUILT_IN
    }

    /// Whether going from `self` to `next` needs a new model: more than live properties and probes differ.
    pub fn needs_build(&self, next: &Setup) -> bool {
        let live = ModelSpec { learning_rate: next.spec.learning_rate, clip: next.spec.clip, ..self.spec.clone() };
        live != next.spec || self.text != next.text
    }
}

/// All that a person can undo: the settings, and what is done to the copy of each model that the views show.
#[derive(Clone, Debug, PartialEq)]
pub struct Doings {
    /// The settings.
    pub setup: Setup,
    /// The edits of every model, in the order of the lab's runs.
    pub edits: Vec<Vec<Edit>>,
}

impl Doings {
    /// The settings of so many models that nothing is done to.
    pub fn of(setup: Setup, runs: usize) -> Doings {
        Doings { setup, edits: vec![Vec::new(); runs] }
    }

    /// The same with other settings. A new model begins whole.
    pub fn with(&self, setup: Setup) -> Doings {
        let edits =
            if self.setup.needs_build(&setup) { vec![Vec::new(); self.edits.len()] } else { self.edits.clone() };
        Doings { setup, edits }
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
            focus: Focus::default(),
            running: true,
            presenter: false,
            layout: Layout::default(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cell::Cell;

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
    fn edits_last_as_long_as_their_model() {
        let edit = Edit::Zero { layer: 0, unit: 3 };
        let doings = Doings { edits: vec![vec![edit], Vec::new()], ..Doings::of(Setup::default(), 2) };
        let mut next = doings.setup.clone();
        next.write("lr", "0.1").unwrap();
        assert_eq!(doings.with(next.clone()).edits, doings.edits);
        next.write("hidden", "32").unwrap();
        assert_eq!(doings.with(next).edits, vec![Vec::new(); 2]);
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
