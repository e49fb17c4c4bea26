//! The lab: the one state that all views read and all controls change. What a person does is in [`commands`], what
//! the worker says in [`events`], and [`frames`] draws.

pub mod address;
mod commands;
mod events;
mod frames;
mod look;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use js_sys::ArrayBuffer;
use leptos::prelude::*;

use crate::engine::cell::Cell;
use crate::protocol::ModelInfo;
use crate::spec::{Architecture, SpecError};
use crate::ui::charts::palette::Theme;
use crate::ui::equation::Site;
use crate::ui::link::Link;
use crate::ui::setup::{Focus, PageState, Setup};
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

/// The lab's signals; copied freely.
#[derive(Clone, Copy)]
pub struct Lab {
    /// What the controls say.
    pub setup: RwSignal<Setup>,
    /// What is looked at.
    pub focus: RwSignal<Focus>,
    /// Whether the model trains.
    pub running: RwSignal<bool>,
    /// The model that stands.
    pub model: RwSignal<Option<Arc<ModelInfo>>>,
    /// Values that were refused, by control.
    pub errors: RwSignal<Vec<SpecError>>,
    /// What to tell the learner.
    pub notices: RwSignal<Vec<Notice>>,
    /// Counts drawn frames: views that draw depend on it.
    pub frame: RwSignal<u64>,
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
    /// Whether there is something to undo and to redo.
    pub undoable: RwSignal<(bool, bool)>,
    /// Light or dark.
    pub theme: RwSignal<Theme>,
    /// How far each signed signal's colour scale reaches.
    reaches: StoredValue<HashMap<&'static str, f32>>,
    inner: StoredValue<Inner, LocalStorage>,
}

/// What only the lab itself touches.
struct Inner {
    link: Option<Link>,
    ready: bool,
    store: FrameStore,
    timeline: Timeline<Setup>,
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
    layout: Vec<(String, String)>,
    on_built: Vec<Waiter>,
    last_change: f64,
    resume: bool,
}

impl Lab {
    /// The lab of an address; nothing runs yet.
    pub fn new(state: PageState) -> Lab {
        let PageState { setup, focus, running, layout } = state;
        let inner = Inner {
            link: None,
            ready: false,
            store: FrameStore::default(),
            timeline: Timeline::new(setup.clone()),
            built: None,
            building: VecDeque::new(),
            stepping: Vec::new(),
            probes: HashMap::new(),
            next_id: 0,
            flow: frames::Flow::default(),
            buffer: None,
            layout,
            on_built: Vec::new(),
            last_change: 0.0,
            resume: false,
        };
        // Until the model has read it, so that nothing moves when it has.
        let probe_symbols = setup.probe_text().chars().map(String::from).collect();
        Lab {
            setup: RwSignal::new(setup),
            focus: RwSignal::new(focus),
            running: RwSignal::new(running),
            model: RwSignal::new(None),
            errors: RwSignal::new(Vec::new()),
            notices: RwSignal::new(Vec::new()),
            frame: RwSignal::new(0),
            readout: RwSignal::new(Readout::default()),
            sample: RwSignal::new((0, String::new())),
            probe_symbols: RwSignal::new(Arc::new(probe_symbols)),
            mark: RwSignal::new(None),
            equation: RwSignal::new(None),
            undoable: RwSignal::new((false, false)),
            theme: RwSignal::new(theme::current()),
            reaches: StoredValue::new(HashMap::new()),
            inner: StoredValue::new_local(inner),
        }
    }

    /// Starts the worker, the frame loop and the address's upkeep.
    pub fn start(self) {
        self.start_worker();
        self.keep_watching();
        self.keep_address();
        frames::start(self);
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
            setup: self.setup.get(),
            focus: self.focus.get(),
            running: self.running.get(),
            layout: self.inner.with_value(|inner| inner.layout.clone()),
        }
    }

    /// The cell of the model that stands, or of the one to come.
    pub fn cell(self) -> Cell {
        let standing = self.model.with(|model| model.as_ref().map(|model| model.spec.cell));
        standing.unwrap_or_else(|| self.setup.with(|setup| setup.spec.cell))
    }

    /// The kind of the model that stands, or of the one to come.
    pub fn architecture(self) -> Architecture {
        let standing = self.model.with(|model| model.as_ref().map(|model| model.spec.model));
        standing.unwrap_or_else(|| self.setup.with(|setup| setup.spec.model))
    }

    /// Whether the model has the gates and states that the views are about.
    pub fn is_recurrent(self) -> bool {
        self.architecture() == Architecture::Recurrent
    }

    /// Layers and hidden units of the model that stands.
    pub fn dimensions(self) -> (usize, usize) {
        let standing = self.model.with(|model| model.as_ref().map(|model| (model.spec.layers, model.spec.hidden)));
        standing.unwrap_or_else(|| self.setup.with(|setup| (setup.spec.layers, setup.spec.hidden)))
    }

    /// The message of a refused value.
    pub fn error(self, key: &str) -> Option<String> {
        self.errors.with(|errors| errors.iter().find(|error| error.key == key).map(|error| error.message.clone()))
    }

    /// Tells the learner something; a message is told once.
    pub fn tell(self, message: impl Into<String>, reset: bool) {
        let message = message.into();
        let id = self.new_id();
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
