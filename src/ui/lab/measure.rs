//! Numbers that are measured now and then, not with every frame: what the claims are about and what some views show.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

use super::Lab;
use crate::labs::View;
use crate::order;
use crate::ui::views::{
    answers, attending, clamping, confusion, contexts, exposure, heads, lengths, rewards, selection,
};

/// Between two rounds of asking, while the model trains.
const EVERY: Duration = Duration::from_millis(700);

/// What is on its way.
#[derive(Clone, Copy, Default, PartialEq)]
struct Round {
    /// Answers that have not come.
    open: usize,
    /// The step that was last asked about; `None` before the first.
    step: Option<u64>,
    /// Counts models and changes of the probe text since the page began.
    version: u64,
}

impl Lab {
    /// Keeps the measured numbers fresh.
    pub(super) fn keep_measuring(self) {
        let round = StoredValue::new(Round::default());
        Effect::new(move |_| {
            self.model.track();
            self.setup.track();
            round.update_value(|round| round.version += 1);
        });
        let asked = StoredValue::new(0u64);
        set_interval(move || self.measure(round, asked), EVERY);
    }

    fn measure(self, round: StoredValue<Round>, asked: StoredValue<u64>) {
        let step = self.with_store(|store| store.header.step);
        let Round { open, step: last, version } = round.get_value();
        let news = last != Some(step) || asked.get_value() != version;
        if open > 0 || !news || self.model.with_untracked(Option::is_none) {
            return;
        }
        let paths = untrack(|| self.measured_paths());
        round.set_value(Round { open: paths.len(), step: Some(step), version });
        asked.set_value(version);
        for path in paths {
            let answer = move |answer: Result<(Vec<usize>, Vec<f32>), String>| {
                round.update_value(|round| round.open = round.open.saturating_sub(1));
                self.measured.update(|measured| match answer {
                    Ok((_, values)) => drop(measured.insert(path.to_owned(), Arc::new(values))),
                    Err(_) => drop(measured.remove(path)),
                });
            };
            self.probe(path, Box::new(answer));
        }
    }

    /// The latest numbers at a path that the lab's claims or views are about.
    pub fn measurement(self, path: &str) -> Option<Arc<Vec<f32>>> {
        self.measured.with(|measured| measured.get(path).cloned())
    }

    /// Every path that claims and views ask of this model.
    fn measured_paths(self) -> Vec<&'static str> {
        let claims = self.lesson.iter().flat_map(|lesson| lesson.claims);
        let claimed = claims.flat_map(|claim| claim.reads).filter(|(of, _)| *of == self.place);
        let shown = self.views().iter().flat_map(|view| view_paths(*view));
        let mut paths: Vec<&str> = claimed.map(|(_, path)| *path).chain(shown).collect();
        order::sort_by(&mut paths, Ord::cmp);
        paths.dedup();
        paths
    }
}

/// What a view shows besides what comes with every frame.
fn view_paths(view: View) -> Vec<&'static str> {
    let paths: &[&str] = match view {
        View::Clamping => return clamping::paths().collect(),
        View::Recall => &["evaluation/lags", "evaluation/lag_accuracy"],
        View::Tagging => &["evaluation/position_accuracy"],
        View::Ragged => &[
            "ragged/lengths",
            "ragged/packed",
            "ragged/padded",
            "ragged/alone",
            "ragged/difference",
            "ragged/saved",
            "ragged/time",
        ],
        View::Parameters => &["count/recurrent", "count/parameters"],
        View::Confusion => &confusion::PATHS,
        View::Lengths => lengths::PATHS,
        View::Contexts => contexts::PATHS,
        View::Exposure => exposure::PATHS,
        View::Rewards => rewards::PATHS,
        View::Reach => return ["reach/questions", "reach/influence"].into_iter().chain(heads::ATTENTION).collect(),
        View::Heads => &heads::ATTENTION,
        View::Modes => &["modes/recurrence", "modes/convolution", "modes/difference"],
        View::Selection => &selection::DELTA,
        View::Learning | View::Signals | View::Gradients | View::Writing | View::Typing | View::Tensors => &[],
        View::Answers | View::Attention | View::Beam | View::Cost | View::Poles => &[],
    };
    paths.to_vec()
}

/// What a view wants in every frame of all models, besides what a recurrent layer shows.
pub(super) fn framed_paths(view: View) -> &'static [&'static str] {
    match view {
        View::Answers => &answers::PATHS,
        View::Attention => &attending::PATHS,
        _ => &[],
    }
}
