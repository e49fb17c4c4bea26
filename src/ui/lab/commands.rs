//! What a person or a script does.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::ArrayBuffer;
use leptos::prelude::*;

use super::measure::framed_paths;
use super::{Lab, ProbeWaiter, Waiter};
use crate::engine::cell::Cell as CellKind;
use crate::protocol::{Command, Edit};
use crate::spec::{Architecture, SpecError, property};
use crate::ui::charts::palette::Theme;
use crate::ui::dom;
use crate::ui::equation::{FEATURES, gradient_path, parameter_path, parameter_paths, signal_path};
use crate::ui::setup::{Doings, Setup, Trial};
use crate::ui::theme;
use crate::ui::views::typing;

/// Changes of one control within this time are one step of undo.
const MERGE_MS: f64 = 1_000.0;

impl Lab {
    /// Sets one value; a bad one is shown beside its control and changes nothing.
    pub fn set(self, key: &str, value: &str) {
        let mut next = self.setup.get_untracked();
        self.forget_error(key);
        match next.write(key, value) {
            Ok(()) => {
                if self.is_playground() {
                    next.settle(key, self.setup.with_untracked(|setup| setup.spec.task));
                }
                self.change(next, key, None);
            }
            Err(error) => self.refuse(error),
        }
    }

    /// The playground's second model, at first with another cell or another size; or no second model any more.
    pub fn set_second(self, wanted: bool) {
        let mut next = self.setup.get_untracked();
        next.second.clear();
        let mut other = next.spec.clone();
        match other.model {
            _ if !wanted => {}
            Architecture::Recurrent | Architecture::EncoderDecoder | Architecture::Classifier => {
                other.cell = if other.cell == CellKind::Gru { CellKind::Lstm } else { CellKind::Gru };
            }
            _ => other.hidden = if other.hidden == 32 { 64 } else { 32 },
        }
        next.compare_with(&other);
        self.change(next, "second", None);
    }

    /// Says beside a control why its value is not taken.
    pub fn refuse(self, error: SpecError) {
        self.errors.update(|errors| {
            errors.retain(|known| known.key != error.key);
            errors.push(error);
        });
    }

    /// Takes a control's message away.
    pub fn forget_error(self, key: &str) {
        if self.error(key).is_some() {
            self.errors.update(|errors| errors.retain(|error| error.key != key));
        }
    }

    /// Goes over to `next` as a step that can be undone. `done` hears whether the worker took it.
    pub fn change(self, next: Setup, label: &str, done: Option<Waiter>) {
        self.go_to(self.doings().with(next), label, done);
    }

    /// As [`Lab::change`], with the edits too.
    pub(super) fn go_to(self, next: Doings, label: &str, done: Option<Waiter>) {
        self.record(next.clone(), label, true);
        self.apply(next, done);
    }

    /// The settings, what is done to the models and what is tried out.
    pub(super) fn doings(self) -> Doings {
        let edits = self.runs().into_iter().map(|run| run.edits.get_untracked()).collect();
        Doings { setup: self.setup.get_untracked(), edits, trial: self.trial.get_untracked() }
    }

    /// Makes a step of undo. With `merge`, changes of one control in quick succession are one.
    fn record(self, doings: Doings, label: &str, merge: bool) {
        let now = dom::now();
        self.in_timeline(|inner| {
            let merge = merge && now - inner.last_change < MERGE_MS;
            inner.last_change = now;
            inner.timeline.record(doings, label, merge);
        });
    }

    /// Does something with the timeline, and shows whether there is something to undo and to redo.
    pub(super) fn in_timeline<T>(self, act: impl FnOnce(&mut super::Inner) -> T) -> Option<T> {
        let first = self.first_run();
        let done = first.inner.try_update_value(|inner| {
            let result = act(inner);
            (result, (inner.timeline.can_undo(), inner.timeline.can_redo()))
        });
        done.map(|(result, undoable)| {
            self.undoable.set(undoable);
            result
        })
    }

    /// One step back.
    pub fn undo(self) {
        self.retrace(|inner| inner.timeline.undo());
    }

    /// One step forth.
    pub fn redo(self) {
        self.retrace(|inner| inner.timeline.redo());
    }

    fn retrace(self, step: impl FnOnce(&mut super::Inner) -> Option<Doings>) {
        let Some(Some(doings)) = self.in_timeline(step) else { return };
        self.errors.update(Vec::clear);
        self.apply(doings, None);
    }

    /// Makes `next` what stands, and tells the workers what differs.
    fn apply(self, next: Doings, done: Option<Waiter>) {
        let Doings { setup: next, edits, trial } = next;
        if let Err(errors) = self.check(&next) {
            return self.rejected_here(errors, done);
        }
        if self.is_playground() && next.second.is_empty() == (self.runs().len() > 1) {
            // Another number of models is another page, as another lab is.
            self.setup.set(next);
            self.edit_all(edits, false);
            return self.restart();
        }
        self.trial.set(trial);
        let last = self.setup.get_untracked();
        let build = last.needs_build(&next);
        let adjust = last.spec != next.spec;
        let observe = last.probe != next.probe || last.temperature != next.temperature;
        self.setup.set(next);
        if build {
            let runs = self.runs();
            let waiters = all_of(runs.len(), done);
            runs.into_iter().zip(waiters).for_each(|(run, done)| run.build(done));
            return self.edit_all(edits, true);
        }
        self.edit_all(edits, false);
        for run in self.runs() {
            if adjust {
                run.adjust();
            }
            if observe {
                run.observe();
            }
        }
        if let Some(done) = done {
            done(Ok(()));
        }
    }

    /// Whether every one of several models can be built with this: none is, where one cannot. A model that is alone is
    /// checked where it is built.
    fn check(self, next: &Setup) -> Result<(), Vec<SpecError>> {
        let runs = self.runs();
        if runs.len() < 2 {
            return Ok(());
        }
        runs.into_iter().try_for_each(|run| {
            let own = run.setup_of(next).map_err(|error| vec![error])?;
            own.spec.validate().map_err(|errors| run.named(errors))
        })
    }

    /// Errors with the keys of the controls of this model.
    pub(super) fn named(self, mut errors: Vec<SpecError>) -> Vec<SpecError> {
        if self.is_playground() && self.place > 0 {
            for (error, property) in errors.iter_mut().filter_map(|error| property(&error.key).map(|row| (error, row)))
            {
                property.second_key.clone_into(&mut error.key);
            }
        }
        errors
    }

    fn rejected_here(self, errors: Vec<SpecError>, done: Option<Waiter>) {
        let message = errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join(" ");
        errors.into_iter().for_each(|error| self.refuse(error));
        self.in_timeline(|inner| inner.timeline.reject());
        if let Some(done) = done {
            done(Err(message));
        }
    }

    /// Has the worker build this model.
    pub(super) fn build(self, done: Option<Waiter>) {
        let chosen = self.setup.get_untracked();
        // Refused before it came here, or refused by the worker with the same words.
        let setup = self.setup_of(&chosen).unwrap_or_else(|_| chosen.clone());
        let command = Command::Build {
            spec: setup.spec.clone(),
            text: setup.text().to_owned(),
            run: self.running.get_untracked() && !self.slow.get_untracked(),
        };
        self.building.set(true);
        self.inner.update_value(|inner| inner.building.push_back((chosen, done)));
        self.send(&command);
        self.observe();
    }

    fn adjust(self) {
        let chosen = self.setup.get_untracked();
        let spec = self.setup_of(&chosen).unwrap_or(chosen).spec;
        self.send(&Command::Adjust { learning_rate: spec.learning_rate, clip: spec.clip });
    }

    fn observe(self) {
        let (probe, temperature) = self.setup.with_untracked(|setup| (setup.probe_text(), setup.temperature));
        self.send(&Command::Observe { probe, temperature });
    }

    /// Keeps the worker told what the views want to see.
    pub(super) fn keep_watching(self) {
        let wanted = Memo::new(move |_| self.watched_paths());
        Effect::new(move |_| {
            self.model.track();
            self.send(&Command::Watch { paths: wanted.get() });
        });
    }

    fn watched_paths(self) -> Vec<String> {
        let (cell, layer) = (self.cell(), self.focus.with(|focus| focus.layer).min(self.dimensions().0 - 1));
        let mut paths = vec![format!("layers/{layer}/grad_h_norm")];
        if cell.has_cell_state() {
            paths.push(format!("layers/{layer}/grad_c_norm"));
        }
        paths.extend(self.views().iter().flat_map(|view| framed_paths(*view)).map(|path| (*path).to_owned()));
        if !self.is_looked_into() {
            return paths;
        }
        paths.extend(self.examined.get().map(|name| parameter_path(&name)));
        paths.extend(cell.signals().iter().map(|signal| signal_path(layer, signal.symbol)));
        if self.architecture() == Architecture::Classifier {
            paths.extend(typing::PATHS.map(str::to_owned));
        }
        if self.slow.get() {
            paths.push(gradient_path(layer, "h"));
            paths.push("probe/probabilities".to_owned());
        }
        if self.equation.with(Option::is_some) {
            paths.extend(parameter_paths(layer));
            paths.extend(cell.signals().iter().map(|signal| gradient_path(layer, signal.symbol)));
            paths.push(FEATURES.to_owned());
            paths.extend(layer.checked_sub(1).map(|below| signal_path(below, "h")));
        }
        paths
    }

    /// Trains until paused.
    pub fn run(self) {
        // In slow motion the page says when a step is due.
        let command = if self.slow.get_untracked() { Command::Pause } else { Command::Run };
        self.runs().into_iter().for_each(|run| run.set_running(true, &command));
    }

    /// Stops after the step in hand.
    pub fn pause(self) {
        self.runs().into_iter().for_each(Lab::pause_alone);
    }

    /// Stops this model only.
    pub(super) fn pause_alone(self) {
        self.set_running(false, &Command::Pause);
    }

    /// Runs or pauses.
    pub fn toggle(self) {
        if self.any_running() { self.pause() } else { self.run() }
    }

    /// One step a second, or as fast as it goes.
    pub fn set_slow(self, slow: bool) {
        self.slow.set(slow);
        if untrack(|| self.any_running()) {
            self.run();
        }
    }

    /// The step of slow motion that is due.
    pub fn step_slowly(self) {
        self.runs().into_iter().for_each(|run| run.send(&Command::Step { count: 1 }));
    }

    /// Whether one of the models trains.
    pub fn any_running(self) -> bool {
        self.runs().iter().any(|run| run.running.get())
    }

    fn set_running(self, running: bool, command: &Command) {
        self.running.set(running);
        self.send(command);
    }

    /// Trains `count` steps, then pauses.
    pub fn step(self, count: u32, done: Option<Waiter>) {
        let runs = self.runs();
        let waiters = all_of(runs.len(), done);
        runs.into_iter().zip(waiters).for_each(|(run, done)| run.step_alone(count, done));
    }

    fn step_alone(self, count: u32, done: Option<Waiter>) {
        self.running.set(false);
        self.inner.update_value(|inner| {
            let target = inner.flow.target.max(inner.store.header.step) + u64::from(count);
            inner.flow.target = target;
            inner.stepping.extend(done.map(|done| (target, done)));
        });
        self.send(&Command::Step { count });
    }

    /// Back to step 0 with the same seed.
    pub fn reset(self) {
        self.notices.update(|notices| notices.retain(|notice| !notice.reset));
        for run in self.runs() {
            run.clear_run();
            run.running.set(false);
            run.send(&Command::Reset);
        }
    }

    /// Goes back to a step that was kept, or forth again; every model of the lab to the nearest it kept.
    pub fn travel(self, step: u64) {
        for run in self.runs() {
            run.running.set(false);
            // Steps that were asked for before are of another future.
            run.inner.update_value(|inner| inner.flow.target = 0);
            run.send(&Command::Travel { step });
        }
    }

    /// Changes what is done to the copy of this model that the views show, as a step that can be undone.
    pub fn operate(self, change: impl FnOnce(&mut Vec<Edit>)) {
        self.forget_error("surgery");
        self.edits.update(change);
        self.inner.update_value(|inner| inner.linked = false);
        self.record(self.doings(), "surgery", false);
        self.send_edits();
    }

    /// Changes what is tried out with a channel of S4D, as a step that can be undone; what one control, named `label`, does in
    /// quick succession is one.
    pub fn try_out(self, label: &str, change: impl FnOnce(&mut Trial)) {
        self.trial.update(change);
        self.record(self.doings(), label, true);
    }

    /// Makes these the edits of all models, and tells those whose edits are others, or that are new, about them.
    pub(super) fn edit_all(self, edits: Vec<Vec<Edit>>, new: bool) {
        for (run, edits) in self.runs().into_iter().zip(edits) {
            let changed = run.edits.with_untracked(|last| *last != edits);
            let tell = if new { !edits.is_empty() } else { changed };
            if changed {
                run.edits.set(edits);
            }
            if tell {
                run.send_edits();
            }
        }
    }

    pub(super) fn send_edits(self) {
        self.send(&Command::Operate { edits: self.edits.get_untracked() });
    }

    /// Gives the GPU up, as a driver's reset does: to try the way back to the CPU.
    pub fn lose_gpu(self) {
        self.runs().into_iter().for_each(|run| run.send(&Command::LoseGpu));
    }

    /// The same settings with another seed.
    pub fn new_seed(self) {
        let seed = self.setup.with_untracked(|setup| setup.spec.seed);
        self.set("seed", &(seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % 100_000).to_string());
    }

    /// Forgets curves and samples.
    pub(super) fn clear_run(self) {
        self.inner.update_value(|inner| {
            inner.store.clear();
            inner.flow.target = 0;
            for (_, waiter) in inner.stepping.drain(..) {
                waiter(Err("The run was started over.".to_owned()));
            }
        });
        self.readout.set(super::Readout::default());
        self.measured.update(super::Measured::clear);
        self.frame.update(|frame| *frame += 1);
        self.any_frame.update(|frame| *frame += 1);
    }

    /// Asks once for a tensor.
    pub fn probe(self, path: &str, done: ProbeWaiter) {
        let id = self.new_id();
        self.inner.update_value(|inner| drop(inner.probes.insert(id, done)));
        self.send(&Command::Probe { id, path: path.to_owned() });
    }

    /// Stands still while something else needs the machine.
    pub fn hold(self) {
        let running = untrack(|| self.any_running());
        self.inner.update_value(|inner| inner.resume |= running);
        self.pause();
    }

    /// Goes on after [`hold`](Self::hold).
    pub fn release(self) {
        let resume = self.inner.try_update_value(|inner| std::mem::take(&mut inner.resume)).unwrap_or_default();
        if resume {
            self.run();
        }
    }

    /// Sends a command; what is sent before the worker is ready is sent again by the first build.
    pub(super) fn send(self, command: &Command) {
        self.send_with(command, None);
    }

    /// As [`Lab::send`], with a buffer that travels along.
    pub(super) fn send_with(self, command: &Command, buffer: Option<&ArrayBuffer>) {
        self.inner.update_value(|inner| {
            inner.flow.command_sent();
            if let (Some(link), true) = (&inner.link, inner.ready) {
                link.send(command, buffer);
            }
        });
    }

    /// Light or dark, remembered on this device.
    pub fn toggle_theme(self) {
        let next = if self.theme.get_untracked() == Theme::Light { Theme::Dark } else { Theme::Light };
        theme::choose(next);
        self.theme.set(next);
    }
}

/// For each of `count` models a waiter; `done` hears when all are, or of the first that failed.
pub(super) fn all_of(count: usize, done: Option<Waiter>) -> impl Iterator<Item = Option<Waiter>> {
    let shared = Rc::new(Cell::new(done.map(|done| (count, done))));
    std::iter::repeat_with(move || {
        let shared = Rc::clone(&shared);
        let waiter: Waiter = Box::new(move |result| {
            let Some((left, done)) = shared.take() else { return };
            if result.is_err() || left <= 1 {
                return done(result);
            }
            shared.set(Some((left - 1, done)));
        });
        Some(waiter)
    })
}
