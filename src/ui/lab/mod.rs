//! The lab: the one state that all views read and all controls change. What a person does is in [`commands`], what
//! the worker says in [`events`], and [`frames`] draws.

pub mod address;
mod commands;
mod events;
mod files;
mod frames;
mod look;
mod measure;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use js_sys::ArrayBuffer;
use leptos::prelude::*;

use crate::engine::cell::Cell;
use crate::labs::{Lesson, PLAYGROUND, View};
use crate::protocol::{Edit, ModelInfo};
use crate::spec::{Architecture, ModelSpec, SpecError, Task};
use crate::ui::charts::palette::Theme;
use crate::ui::equation::Site;
use crate::ui::link::Link;
use crate::ui::setup::{Doings, Focus, Layout, PageState, Setup, Trial};
use crate::ui::shell::Stage;
use crate::ui::store::FrameStore;
use crate::ui::theme;
use crate::ui::undo::Timeline;

/// The numbers beside the run button.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readout {
    pub step: u64,
    pub loss: Option<f32>,
    pub accuracy: Option<f32>,
    pub gradient: Option<f32>,
    pub tokens_per_second: f32,
    pub step_ms: f32,
}

/// Something the learner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub id: u32,
    pub message: String,
    /// Whether a reset helps.
    pub reset: bool,
}

/// The timestep and unit that is pointed at; marked in every view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub step: usize,
    pub unit: usize,
}

/// Called once with the outcome.
pub type Waiter = Box<dyn FnOnce(Result<(), String>)>;

/// Called once with a probed tensor.
pub type ProbeWaiter = Box<dyn FnOnce(Result<(Vec<usize>, Vec<f32>), String>)>;

/// Numbers that were asked for by path, the latest answer each.
pub type Measured = HashMap<String, Arc<Vec<f32>>>;

/// The signals of one model in training, and of the page it is on; copied freely. A lab with several models has one of
/// these for each, with the page's part in common: see [`Lab::runs`].
#[derive(Clone, Copy)]
pub struct Lab {
    /// The lab as its author wrote it; `None` is the free instrument.
    pub lesson: Option<&'static Lesson>,
    /// Which of the lab's models this is.
    pub place: usize,
    /// What the controls say, for all models.
    pub setup: RwSignal<Setup>,
    /// What is looked at.
    pub focus: RwSignal<Focus>,
    /// Which of the models is looked into.
    pub shown: RwSignal<usize>,
    /// Whether this model trains.
    pub running: RwSignal<bool>,
    /// What was measured of this model.
    pub measured: RwSignal<Measured>,
    /// The model that stands.
    pub model: RwSignal<Option<Arc<ModelInfo>>>,
    /// Values that were refused, by control.
    pub errors: RwSignal<Vec<SpecError>>,
    /// What to tell the learner.
    pub notices: RwSignal<Vec<Notice>>,
    /// Counts drawn frames: views that draw depend on it.
    pub frame: RwSignal<u64>,
    /// Counts animation frames in which any of the lab's models had something new: what draws several depends on it.
    pub any_frame: RwSignal<u64>,
    /// The numbers beside the run button, some times a second.
    pub readout: RwSignal<Readout>,
    /// The latest sample, some times a second.
    pub sample: RwSignal<(u64, String)>,
    /// The symbols of the probe text as the model sees them.
    pub probe_symbols: RwSignal<Arc<Vec<String>>>,
    /// What the pointer or the keyboard points at.
    pub mark: RwSignal<Option<Mark>>,
    /// Whose equation is open.
    pub equation: RwSignal<Option<Site>>,
    /// What was done to the copy of this model that the views show.
    pub edits: RwSignal<Vec<Edit>>,
    /// What is tried out with a channel of S4D.
    pub trial: RwSignal<Trial>,
    /// The parameter whose numbers are shown to be edited.
    pub examined: RwSignal<Option<String>>,
    /// Whether a model is on its way.
    pub building: RwSignal<bool>,
    /// Which other model is shown beside the one that is looked into.
    pub beside: RwSignal<Option<usize>>,
    /// Whether there is something to undo and to redo.
    pub undoable: RwSignal<(bool, bool)>,
    /// Whether it trains one step a second, each stage shown.
    pub slow: RwSignal<bool>,
    /// The stage of a step in slow motion.
    pub stage: RwSignal<Stage>,
    /// Whether type is large, for a lecture hall.
    pub presenter: RwSignal<bool>,
    /// Light or dark.
    pub theme: RwSignal<Theme>,
    /// This lab's models, this one among them.
    all: StoredValue<Vec<Lab>>,
    /// How far each signed signal's colour scale reaches, for every model that shows it.
    reaches: StoredValue<HashMap<(&'static str, usize), f32>>,
    inner: StoredValue<Inner, LocalStorage>,
}

/// What only the lab itself touches.
struct Inner {
    link: Option<Link>,
    /// Whether the worker listens.
    ready: bool,
    /// Whether it has had something to show.
    answered: bool,
    store: FrameStore,
    /// Of the whole lab: it is the first model's that counts.
    timeline: Timeline<Doings>,
    /// The setup of the model that stands.
    built: Option<Setup>,
    /// Setups sent and not yet answered.
    building: VecDeque<(Setup, Option<Waiter>)>,
    /// Waiting for a step to be done.
    stepping: Vec<(u64, Waiter)>,
    probes: HashMap<u32, ProbeWaiter>,
    next_id: u32,
    flow: frames::Flow,
    buffer: Option<ArrayBuffer>,
    layout: Layout,
    /// Whether the edits are a link's: what does not fit is told as of a link.
    linked: bool,
    on_built: Vec<Waiter>,
    last_change: f64,
    resume: bool,
}

impl Lab {
    /// The lab of an address; nothing runs yet.
    pub fn new(state: PageState) -> Lab {
        let count = state.models();
        let PageState { lesson, setup, focus, edits, look, beside, running, presenter, layout } = state;
        let first = Lab::first(lesson, setup, focus, running, layout);
        first.presenter.set(presenter);
        first.shown.set(look.min(count.max(1) - 1));
        first.beside.set(beside.filter(|place| *place < count));
        let all = std::iter::once(first).chain((1..count).map(|place| first.another(place))).collect();
        first.all.set_value(all);
        for (run, edits) in first.runs().into_iter().zip(edits) {
            run.edits.set(edits);
            run.inner.update_value(|inner| inner.linked = true);
        }
        let doings = first.doings();
        first.inner.update_value(|inner| inner.timeline = Timeline::new(doings));
        first
    }

    /// Another model of the same lab: all that the page shows once is in common.
    fn another(self, place: usize) -> Lab {
        let (setup, running) = (self.setup.get_untracked(), self.running.get_untracked());
        let own = Lab::first(self.lesson, setup, Focus::default(), running, Layout::default());
        Lab {
            place,
            setup: self.setup,
            focus: self.focus,
            shown: self.shown,
            beside: self.beside,
            any_frame: self.any_frame,
            errors: self.errors,
            notices: self.notices,
            mark: self.mark,
            trial: self.trial,
            undoable: self.undoable,
            slow: self.slow,
            stage: self.stage,
            presenter: self.presenter,
            theme: self.theme,
            all: self.all,
            reaches: self.reaches,
            ..own
        }
    }

    fn first(lesson: Option<&'static Lesson>, setup: Setup, focus: Focus, running: bool, layout: Layout) -> Lab {
        let inner = Inner {
            link: None,
            ready: false,
            answered: false,
            store: FrameStore::default(),
            timeline: Timeline::new(Doings::of(setup.clone(), 1)),
            built: None,
            building: VecDeque::new(),
            stepping: Vec::new(),
            probes: HashMap::new(),
            next_id: 0,
            flow: frames::Flow::default(),
            buffer: None,
            layout,
            linked: false,
            on_built: Vec::new(),
            last_change: 0.0,
            resume: false,
        };
        // Until the model has read it, so that nothing moves when it has.
        let probe_symbols = setup.probe_text().chars().map(String::from).collect();
        Lab {
            lesson,
            place: 0,
            setup: RwSignal::new(setup),
            focus: RwSignal::new(focus),
            shown: RwSignal::new(0),
            running: RwSignal::new(running),
            measured: RwSignal::new(Measured::new()),
            all: StoredValue::new(Vec::new()),
            model: RwSignal::new(None),
            errors: RwSignal::new(Vec::new()),
            notices: RwSignal::new(Vec::new()),
            frame: RwSignal::new(0),
            any_frame: RwSignal::new(0),
            readout: RwSignal::new(Readout::default()),
            sample: RwSignal::new((0, String::new())),
            probe_symbols: RwSignal::new(Arc::new(probe_symbols)),
            mark: RwSignal::new(None),
            equation: RwSignal::new(None),
            edits: RwSignal::new(Vec::new()),
            trial: RwSignal::new(Trial::default()),
            examined: RwSignal::new(None),
            building: RwSignal::new(true),
            beside: RwSignal::new(None),
            undoable: RwSignal::new((false, false)),
            slow: RwSignal::new(false),
            stage: RwSignal::new(Stage::default()),
            presenter: RwSignal::new(false),
            theme: RwSignal::new(theme::current()),
            reaches: StoredValue::new(HashMap::new()),
            inner: StoredValue::new_local(inner),
        }
    }

    /// Starts each model's frame loop, and the address's upkeep.
    pub fn start(self) {
        for run in self.runs() {
            run.keep_watching();
            run.keep_measuring();
        }
        frames::start(self);
        self.keep_address();
    }

    /// Whether the page is inside another.
    pub fn is_embedded(self) -> bool {
        self.first_run().inner.with_value(|inner| inner.layout.embedded)
    }

    /// Whether a part of the page, or a property's control, is to be seen: whoever embeds the page may hide it.
    pub fn shows(self, key: &str) -> bool {
        self.first_run().inner.with_value(|inner| inner.layout.shows(key))
    }

    /// The models that are trained side by side.
    pub fn runs(self) -> Vec<Lab> {
        self.all.get_value()
    }

    /// The model that is looked into.
    pub fn shown_run(self) -> Lab {
        let shown = self.shown.get();
        self.all.with_value(|all| all[shown.min(all.len() - 1)])
    }

    /// The model that is shown beside the one that is looked into.
    pub fn run_beside(self) -> Option<Lab> {
        let place = self.beside.get().filter(|place| *place != self.shown.get())?;
        self.all.with_value(|all| all.get(place).copied())
    }

    /// Whether views look into this model.
    pub fn is_looked_into(self) -> bool {
        self.shown_run().place == self.place || self.run_beside().is_some_and(|beside| beside.place == self.place)
    }

    /// The first of the models, which keeps what the page has once.
    fn first_run(self) -> Lab {
        self.all.with_value(|all| all[0])
    }

    /// The name of this model beside the others; empty where there is only one.
    pub fn name(self) -> &'static str {
        if self.is_playground() {
            return if self.all.with_value(Vec::len) < 2 { "" } else { ["A", "B"][self.place.min(1)] };
        }
        self.lesson.and_then(|lesson| lesson.runs.get(self.place)).map_or("", |run| run.name)
    }

    /// Whether everything can be set; on the start page too.
    pub fn is_playground(self) -> bool {
        self.lesson.is_none_or(Lesson::is_playground)
    }

    /// What is seen of this model.
    pub fn views(self) -> &'static [View] {
        self.spec(|spec| self.lesson.unwrap_or(&PLAYGROUND).views_of(spec))
    }

    /// What the controls say, with what this model has of its own.
    ///
    /// # Errors
    /// Values that do not go together.
    pub fn setup_of(self, chosen: &Setup) -> Result<Setup, SpecError> {
        let spec = match self.lesson {
            Some(lesson) if !lesson.is_playground() => lesson.run_spec(self.place, &chosen.spec)?,
            _ if self.place > 0 => chosen.second_spec(),
            _ => chosen.spec.clone(),
        };
        Ok(Setup { spec, ..chosen.clone() })
    }

    /// The spec of the model that stands, or of the one to come.
    fn spec<T>(self, read: impl Fn(&ModelSpec) -> T) -> T {
        let standing = self.model.with(|model| model.as_ref().map(|model| read(&model.spec)));
        standing.unwrap_or_else(|| {
            self.setup.with(|setup| self.setup_of(setup).map_or_else(|_| read(&setup.spec), |own| read(&own.spec)))
        })
    }

    /// The lab of the component that asks.
    pub fn here() -> Lab {
        expect_context::<Lab>()
    }

    /// Reads the latest frame and the curves.
    pub fn with_store<T>(self, read: impl FnOnce(&FrameStore) -> T) -> T {
        self.inner.with_value(|inner| read(&inner.store))
    }

    /// The state of the page as a link carries it.
    pub fn page_state(self) -> PageState {
        PageState {
            lesson: self.lesson,
            setup: self.setup.get(),
            focus: self.focus.get(),
            edits: self.runs().iter().map(|run| run.edits.get()).collect(),
            look: self.shown.get(),
            beside: self.beside.get(),
            running: self.any_running(),
            presenter: self.presenter.get(),
            layout: self.inner.with_value(|inner| inner.layout.clone()),
        }
    }

    /// The cell of the model that stands, or of the one to come.
    pub fn cell(self) -> Cell {
        self.spec(|spec| spec.cell)
    }

    /// The kind of the model that stands, or of the one to come.
    pub fn architecture(self) -> Architecture {
        self.spec(|spec| spec.model)
    }

    /// What the model that stands, or the one to come, learns.
    pub fn task(self) -> Task {
        self.spec(|spec| spec.task)
    }

    /// Whether the model has the gates and states that the views are about.
    pub fn is_recurrent(self) -> bool {
        self.architecture() == Architecture::Recurrent
    }

    /// Layers and hidden units of the model that stands.
    pub fn dimensions(self) -> (usize, usize) {
        self.spec(|spec| (spec.layers, spec.hidden))
    }

    /// The message of a refused value.
    pub fn error(self, key: &str) -> Option<String> {
        self.errors.with(|errors| errors.iter().find(|error| error.key == key).map(|error| error.message.clone()))
    }

    /// Tells the learner something; a message is told once.
    pub fn tell(self, message: impl Into<String>, reset: bool) {
        let message = message.into();
        // Of the page's one list.
        let id = self.first_run().new_id();
        self.notices.update(|notices| {
            notices.retain(|notice| notice.message != message);
            notices.push(Notice { id, message, reset });
        });
    }

    /// Takes a notice away.
    pub fn dismiss(self, id: u32) {
        self.notices.update(|notices| notices.retain(|notice| notice.id != id));
    }

    fn new_id(self) -> u32 {
        self.inner
            .try_update_value(|inner| {
                inner.next_id += 1;
                inner.next_id
            })
            .unwrap_or_default()
    }
}
