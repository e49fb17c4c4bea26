//! What the worker says.

use std::sync::Arc;

use js_sys::{ArrayBuffer, Float32Array};
use leptos::prelude::*;

use super::commands::all_of;
use super::{Lab, Waiter};
use crate::protocol::{Command, Edit, Event, FrameHeader, ModelInfo};
use crate::spec::SpecError;
use crate::ui::dom;
use crate::ui::edits;
use crate::ui::link::{Heard, Link};
use crate::ui::setup::{Doings, Setup};
use crate::ui::turns;
use crate::ui::undo::Timeline;
use crate::ui::url;

/// What the page's thread needs of a processor while models train.
const PAGE: f32 = 0.3;

impl Lab {
    /// Starts the engine's worker; it is told what to build as soon as it listens. Those of a lab's other models follow.
    pub fn start_worker(self) {
        match Link::start(move |heard| self.hear(heard)) {
            Ok(link) => self.inner.update_value(|inner| inner.link = Some(link)),
            Err(message) => self.tell(message, false),
        }
    }

    fn hear(self, heard: Heard) {
        let begins = matches!(&heard, Ok((Event::Ready { .. } | Event::Built(_), _)));
        match heard {
            Ok((event, buffer)) => self.take(event, buffer),
            Err(message) => self.tell(message, false),
        }
        if !begins {
            self.let_next_start();
        }
    }

    /// The workers of a lab start one after the other, each when the one before has first something to show: all at once they
    /// would leave the page no processor.
    fn let_next_start(self) {
        let first = self.inner.try_update_value(|inner| !std::mem::replace(&mut inner.answered, true)) == Some(true);
        if let Some(next) = self.runs().get(self.place + 1).copied().filter(|_| first) {
            turns::then(move || next.start_worker());
        }
    }

    fn take(self, event: Event, buffer: Option<ArrayBuffer>) {
        match event {
            Event::Ready { .. } => self.begin(),
            Event::Built(model) => self.built(*model),
            Event::Moved(model) => self.model.set(Some(Arc::new(*model))),
            Event::Rejected { errors } => self.rejected(errors),
            Event::EditsRefused { edits, errors } => self.edits_refused(edits, errors),
            Event::Frame(header) => self.take_frame(header, buffer),
            Event::Notice { message } => self.tell(message, false),
            Event::Diverged { step, node, advice } => self.diverged(step, &node, &advice),
            Event::Probe { id, shape, values, error, .. } => self.probed(id, error.map_or(Ok((shape, values)), Err)),
            Event::Failed { id, message } => self.failed(id, message),
            Event::File { name, .. } => self.file_came(&name, buffer),
            Event::Imported { .. } => self.imported(),
            Event::Bench { .. } => {}
        }
    }

    fn begin(self) {
        let asked = self.inner.try_update_value(|inner| {
            inner.ready = true;
            std::mem::take(&mut inner.building)
        });
        self.send(&Command::Share { of: self.share() });
        let waiting: Vec<Waiter> = asked.into_iter().flatten().filter_map(|(_, done)| done).collect();
        self.build_operated(Some(Box::new(move |result| waiting.into_iter().for_each(|done| done(result.clone())))));
    }

    /// The share of the time that each of the lab's workers may train, so that the page is left its own.
    fn share(self) -> f32 {
        let processors = window().navigator().hardware_concurrency() as f32;
        ((processors - PAGE) / self.runs().len() as f32).min(1.0)
    }

    /// Has the worker build this model, which is shown operated from the start.
    fn build_operated(self, done: Option<Waiter>) {
        self.build(done);
        if self.edits.with_untracked(|edits| !edits.is_empty()) {
            self.send_edits();
        }
    }

    fn built(self, model: ModelInfo) {
        let done = self.inner.try_update_value(|inner| {
            let (setup, done) = inner.building.pop_front()?;
            inner.built = Some(setup);
            inner.store.clear();
            inner.flow.target = 0;
            inner.flow.command_sent();
            let waiters = std::mem::take(&mut inner.on_built);
            Some(done.into_iter().chain(waiters).collect::<Vec<Waiter>>())
        });
        self.notices.update(|notices| notices.retain(|notice| !notice.reset));
        self.focus.update(|focus| *focus = std::mem::take(focus).within(&model.spec));
        self.equation.set(None);
        self.mark.set(None);
        self.show_building();
        self.model.set(Some(Arc::new(model)));
        self.clear_run();
        done.flatten().into_iter().flatten().for_each(|waiter| waiter(Ok(())));
    }

    /// A refused probe is only shown; a refused build leaves the old model, and the controls go back to it.
    fn rejected(self, errors: Vec<SpecError>) {
        let message = errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join(" ");
        let errors = self.named(errors);
        let of_build = errors.iter().any(|error| !matches!(error.key.as_str(), "probe" | "temperature"));
        errors.into_iter().for_each(|error| self.refuse(error));
        if !of_build {
            return;
        }
        if self.place > 0 {
            return self.rejected_beside(message);
        }
        let answered = self.inner.try_update_value(|inner| {
            let (refused, done) = inner.building.pop_front()?;
            Some((refused, inner.built.clone(), done))
        });
        self.show_building();
        let Some(Some((refused, built, done))) = answered else { return };
        if self.inner.with_value(|inner| inner.timeline.present().setup == refused) {
            self.forget_last();
        }
        if self.setup.with_untracked(|setup| *setup == refused) {
            match built {
                Some(built) => self.setup.set(built),
                None => self.start_without(refused),
            }
        }
        if let Some(done) = done {
            done(Err(message));
        }
    }

    /// Edits that do not fit are not made. Of a link's this is told as of its other bad parts.
    fn edits_refused(self, edits: Vec<Edit>, mut errors: Vec<SpecError>) {
        self.edits.set(edits);
        let doings = self.doings();
        self.in_timeline(|inner| inner.timeline.amend(doings));
        let linked = self.inner.try_update_value(|inner| std::mem::take(&mut inner.linked)) == Some(true);
        if !linked {
            return errors.into_iter().for_each(|error| self.refuse(error));
        }
        errors.iter_mut().for_each(|error| error.key = edits::key(self.place));
        if let Some(message) = url::explain(&errors) {
            self.tell(message, false);
        }
    }

    /// One of several models could not be built, though its spec was checked; the first one's answer decides.
    fn rejected_beside(self, message: String) {
        let answered = self.inner.try_update_value(|inner| inner.building.pop_front()).flatten();
        self.show_building();
        if let Some((_, Some(done))) = answered {
            done(Err(message));
        }
    }

    /// The last step of undo could not be had: what is done to the models and tried out is what it was before.
    fn forget_last(self) {
        let last = self.in_timeline(|inner| {
            inner.timeline.reject();
            inner.timeline.present().clone()
        });
        if let Some(Doings { edits, trial, .. }) = last {
            self.trial.set(trial);
            self.edit_all(edits, false);
        }
    }

    /// Whether a model is on its way.
    fn show_building(self) {
        self.building.set(self.inner.with_value(|inner| !inner.building.is_empty()));
    }

    /// What a link asked for could not be built: its settings may do with the built-in text, else the defaults will.
    fn start_without(self, refused: Setup) {
        let default = Setup::of(self.lesson);
        let next = if refused.own.is_some() { Setup { own: None, ..refused.clone() } } else { default };
        if next != refused {
            let runs = self.runs();
            let doings = Doings::of(next.clone(), runs.len());
            runs.iter().for_each(|run| run.edits.set(Vec::new()));
            self.in_timeline(|inner| inner.timeline = Timeline::new(doings));
            self.setup.set(next);
            runs.into_iter().filter(|run| run.is_ready()).for_each(|run| run.build(None));
        }
    }

    fn take_frame(self, header: FrameHeader, buffer: Option<ArrayBuffer>) {
        let running = header.running;
        if header.step > 0 {
            dom::mark_once("training");
        }
        let (trust, stepped) = self
            .inner
            .try_update_value(|inner| {
                let step = header.step;
                let length = header.sections.iter().map(|section| section.offset + section.length()).max();
                inner.store.accept(header, |data| copy(buffer.as_ref(), length.unwrap_or(0), data));
                inner.buffer = buffer;
                let trust = inner.flow.frame_arrived(step, running);
                let (done, waiting) =
                    inner.stepping.drain(..).partition(|(target, _)| trust && !running && *target <= step);
                inner.stepping = waiting;
                (trust, done)
            })
            .unwrap_or_default();
        if trust && !self.slow.get_untracked() && self.running.get_untracked() != running {
            self.running.set(running);
        }
        stepped.into_iter().for_each(|(_, waiter): (u64, Waiter)| waiter(Ok(())));
    }

    fn diverged(self, step: u64, node: &str, advice: &str) {
        self.running.set(false);
        let name = self.name();
        let of = if name.is_empty() { String::new() } else { format!(" of the {name}") };
        self.tell(format!("Training{of} diverged at step {step}: {node} is not finite. {advice}"), true);
        let waiting = self.inner.try_update_value(|inner| std::mem::take(&mut inner.stepping)).unwrap_or_default();
        waiting.into_iter().for_each(|(_, waiter)| waiter(Err("Training diverged.".to_owned())));
    }

    fn probed(self, id: u32, result: Result<(Vec<usize>, Vec<f32>), String>) {
        let waiter = self.inner.try_update_value(|inner| inner.probes.remove(&id)).flatten();
        if let Some(waiter) = waiter {
            waiter(result);
        }
    }

    fn failed(self, id: u32, message: String) {
        if self.inner.with_value(|inner| inner.probes.contains_key(&id)) {
            return self.probed(id, Err(message));
        }
        let building = self.inner.try_update_value(|inner| inner.building.pop_front()).flatten();
        self.show_building();
        if let Some((_, Some(done))) = building {
            done(Err(message.clone()));
        }
        self.tell(message, false);
    }

    /// Calls `done` when every model stands, at once if all do.
    pub fn when_all_built(self, done: Waiter) {
        let runs = self.runs();
        let waiters = all_of(runs.len(), Some(done)).flatten();
        runs.into_iter().zip(waiters).for_each(|(run, done)| run.when_built(done));
    }

    /// Calls `done` when this model stands, at once if it does.
    pub fn when_built(self, done: Waiter) {
        if self.model.with_untracked(Option::is_some) {
            return done(Ok(()));
        }
        self.inner.update_value(|inner| inner.on_built.push(done));
    }

    /// Whether a command can be answered.
    pub fn is_ready(self) -> bool {
        self.inner.with_value(|inner| inner.ready)
    }

    pub(super) fn ask_for_frame(self) {
        self.inner.update_value(|inner| {
            if let (Some(link), true) = (&inner.link, inner.ready) {
                link.send(&Command::NextFrame, inner.buffer.take().as_ref());
            }
        });
    }
}

/// The first `length` numbers of a buffer, which may be longer.
fn copy(buffer: Option<&ArrayBuffer>, length: usize, into: &mut Vec<f32>) {
    let Some(buffer) = buffer else { return };
    let numbers = Float32Array::new(buffer);
    let length = length.min(numbers.length() as usize);
    into.resize(length, 0.0);
    numbers.subarray(0, length as u32).copy_to(into);
}
