//! One loop draws everything: once per animation frame, and only if a new frame came from the worker.

use std::sync::Arc;

use leptos::prelude::*;

use super::{Lab, Readout};
use crate::ui::dom;
use crate::ui::store::{FrameStore, column};

/// Numbers that are read change this often.
const READOUT_MS: f64 = 120.0;

/// Where less motion is wished, views are drawn this often.
const CALM_MS: f64 = 500.0;

/// A request that is not answered for so long is made again.
const LOST_MS: f64 = 2_000.0;

/// Frames that are asked for after the last change while nothing trains.
const QUIET_FRAMES: u32 = 3;

/// What is asked of the worker and what came.
#[derive(Default)]
pub struct Flow {
    /// When the frame under way was asked for.
    asked: Option<f64>,
    /// Whether a command was sent since.
    overtaken: bool,
    /// Frames in a row that showed nothing new.
    quiet: u32,
    last: (u64, bool),
    /// Whether a frame waits to be drawn.
    fresh: bool,
    drawn: f64,
    read: f64,
    /// The step that a person asked to be trained to.
    pub target: u64,
}

impl Flow {
    /// A command may change what the next frames show.
    pub fn command_sent(&mut self) {
        self.quiet = 0;
        self.overtaken = self.asked.is_some();
    }

    /// Notes a frame; says whether its `running` is newer than the last command.
    pub fn frame_arrived(&mut self, step: u64, running: bool) -> bool {
        let new = running || (step, running) != self.last || step < self.target;
        self.quiet = if new { 0 } else { self.quiet + 1 };
        self.last = (step, running);
        self.asked = None;
        self.fresh = true;
        !std::mem::take(&mut self.overtaken)
    }

    /// Whether to draw now.
    fn due(&mut self, now: f64, calm: bool) -> bool {
        let due = self.fresh && (!calm || now - self.drawn > CALM_MS);
        if due {
            (self.fresh, self.drawn) = (false, now);
        }
        due
    }

    fn readout_due(&mut self, now: f64) -> bool {
        let due = now - self.read > READOUT_MS || self.quiet > 0;
        if due {
            self.read = now;
        }
        due
    }

    /// Whether to ask for a frame now.
    fn ask(&mut self, now: f64) -> bool {
        let ask = match self.asked {
            Some(asked) => now - asked > LOST_MS,
            None => self.quiet < QUIET_FRAMES && !self.fresh,
        };
        if ask {
            self.asked = Some(now);
        }
        ask
    }
}

/// Starts the loop that draws a lab's models. In a hidden tab there are no animation frames, so nothing is asked for.
pub fn start(lab: Lab) {
    let calm = dom::prefers_less_motion();
    animate(lab, calm);
}

fn animate(lab: Lab, calm: bool) {
    request_animation_frame(move || {
        let drawn = lab.runs().into_iter().map(|run| draw(run, calm)).fold(false, |any, drawn| any | drawn);
        if drawn {
            lab.any_frame.update(|frame| *frame += 1);
        }
        animate(lab, calm);
    });
}

/// Says whether there was something new.
fn draw(lab: Lab, calm: bool) -> bool {
    let now = dom::now();
    let (due, read, ask) = lab
        .inner
        .try_update_value(|inner| {
            let due = inner.flow.due(now, calm);
            let read = due && inner.flow.readout_due(now);
            (due, read, inner.ready && inner.flow.ask(now))
        })
        .unwrap_or_default();
    if due {
        lab.frame.update(|frame| *frame += 1);
        lab.read_probe();
        lab.stop_if_told();
    }
    if read {
        lab.read_numbers();
    }
    if ask {
        lab.ask_for_frame();
    }
    due
}

impl Lab {
    /// A run that has come to where it was to stop, stops; the lab's others go on.
    fn stop_if_told(self) {
        if !self.running.get_untracked() {
            return;
        }
        let Readout { step, loss, accuracy, .. } = self.with_store(readout);
        if let Some(why) = self.setup.with_untracked(|setup| setup.stop.met(step, loss, accuracy)) {
            self.pause_alone();
            let name = self.name();
            self.tell(if name.is_empty() { why.to_owned() } else { format!("{name}: {why}") }, false);
        }
    }

    fn read_numbers(self) {
        let (readout, sample) = self.with_store(|store| (readout(store), sample(store, self)));
        self.readout.set(readout);
        if let Some(sample) = sample {
            self.sample.set(sample);
        }
    }

    /// The probe's symbols change only with the probe or the vocabulary.
    fn read_probe(self) {
        let symbols = self.model.with_untracked(|model| {
            let vocabulary = &model.as_ref()?.vocabulary;
            self.with_store(|store| {
                let known = self.probe_symbols.get_untracked();
                let tokens = &store.header.probe_tokens;
                let symbol = |token: &u32| vocabulary.get(*token as usize).map_or("\u{fffd}", String::as_str);
                let same =
                    known.len() == tokens.len() && known.iter().zip(tokens).all(|(old, token)| old == symbol(token));
                (!same && !tokens.is_empty()).then(|| tokens.iter().map(|token| symbol(token).to_owned()).collect())
            })
        });
        if let Some(symbols) = symbols {
            self.probe_symbols.set(Arc::new(symbols));
        }
    }
}

fn readout(store: &FrameStore) -> Readout {
    let latest = |column| store.latest(column).map(|stat| stat.mean);
    Readout {
        step: store.header.step,
        loss: latest(column::LOSS),
        accuracy: latest(column::ACCURACY),
        gradient: latest(column::GRADIENT),
        tokens_per_second: store.header.tokens_per_second,
        step_ms: store.header.step_ms,
    }
}

fn sample(store: &FrameStore, lab: Lab) -> Option<(u64, String)> {
    let header = &store.header;
    let known = lab.sample.with_untracked(|(step, text)| *step == header.sample_step && *text == header.sample);
    (!known).then(|| (header.sample_step, header.sample.clone()))
}
