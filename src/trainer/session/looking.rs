//! What is looked at in a run: the probe text, what the model writes, measures, any tensor by its path.

use crate::engine::error::EngineError;
use crate::engine::graph::Kind;

use super::Session;
use crate::trainer::beam_view::{self, BeamPath};
use crate::trainer::decoding::beam::{BeamOptions, BeamSearch};
use crate::trainer::decoding::sampling::Sampling;
use crate::trainer::doors;
use crate::trainer::evaluation::Evaluator;
use crate::trainer::instruments::Instruments;
use crate::trainer::measures::{self, Measure};
use crate::trainer::observer::Observer;
use crate::trainer::surgery::{self, clamp_gate};
use crate::trainer::trainable::Evaluation;
use crate::trainer::what_if::WhatIf;

impl Session {
    /// How well the model does on strings of this length that it is not trained on; `None` for one that writes without end.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn evaluate(&mut self, length: usize) -> Result<Option<Evaluation>, EngineError> {
        match self.model.evaluate(length, self.executable.as_mut()) {
            Some(answer) => answer.await.map(Some),
            None => Ok(None),
        }
    }

    /// Runs the probe text through the present parameters, with the edits of [`Session::operate`] made.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn observe(&mut self) -> Result<(), EngineError> {
        let parameters = self.operated().await?;
        self.observer.refresh(&parameters)?;
        self.instruments.renew(parameters);
        Ok(())
    }

    /// The present parameters, with the edits made.
    async fn operated(&mut self) -> Result<Vec<f32>, EngineError> {
        let mut parameters = self.executable.read(&self.training.persistent[..1]).await?;
        if let Err(error) = surgery::apply(&self.training.graph, &mut parameters, &self.spec, &self.edits) {
            return Err(EngineError::Unknown { what: error.message });
        }
        Ok(parameters)
    }

    /// Samples text from the parameters of the last [`Session::observe`].
    ///
    /// # Errors
    /// As [`Observer::sample`].
    pub fn sample(&mut self, length: usize, temperature: f32) -> Result<String, EngineError> {
        self.sample_by(length, &Sampling { temperature, ..Sampling::PLAIN })
    }

    /// As [`Session::sample`], with top-k and top-p.
    ///
    /// # Errors
    /// As [`Observer::sample`].
    pub fn sample_by(&mut self, length: usize, sampling: &Sampling) -> Result<String, EngineError> {
        self.observer.sample(length, sampling, self.spec.seed)
    }

    /// Beam search with the parameters of the last [`Session::observe`]: the whole tree; `None` for a model that only
    /// names.
    ///
    /// # Errors
    /// As [`Observer::search`].
    pub async fn search(&mut self, options: BeamOptions, max_length: usize) -> Result<Option<BeamSearch>, EngineError> {
        self.observer.search(options, max_length).await
    }

    /// Forces attention weights upon the probe and runs it again; see [`Observer::force`].
    ///
    /// # Errors
    /// As [`Observer::force`].
    pub async fn force_attention(&mut self, forced: &[(usize, usize, f32)]) -> Result<(), EngineError> {
        self.observer.force(forced)?;
        self.observe().await
    }

    /// Decodes on from another node of a search's tree; `false` for one that cannot be continued.
    ///
    /// # Errors
    /// As [`Observer::search`].
    pub async fn continue_search(&mut self, search: &mut BeamSearch, node: usize) -> Result<bool, EngineError> {
        self.observer.continue_search(search, node).await
    }

    /// The numbers and shape of any path: of the training step, of the probe text as of the last [`Session::observe`], of a
    /// measure ([`measures`]), an instrument ([`Instruments`]) or a system that could be ([`WhatIf`]).
    ///
    /// # Errors
    /// [`EngineError::Unknown`], [`EngineError::DeviceLost`].
    pub async fn view(&mut self, path: &str) -> Result<(Vec<f32>, Vec<usize>), EngineError> {
        if Instruments::shows(path) {
            return self.instruments.view(path, self.model.as_ref(), &self.probe);
        }
        if let Some(asked) = WhatIf::parse(path) {
            return self.what_if(&asked).await;
        }
        match Measure::parse(path) {
            None => self.tensor(path).await,
            Some(Measure::SpectralRadius(weight)) => measures::spectral_radius(&self.tensor(&weight).await?),
            Some(Measure::Saturation(gate)) => Ok(measures::saturation(&self.tensor(gate).await?)),
            Some(Measure::Jacobian(layer)) => self.jacobian(layer).await,
            Some(Measure::Count(counted)) => Ok((vec![measures::count(&self.training.graph, counted)], Vec::new())),
            Some(Measure::Evaluation(path)) => self.evaluation("", None, path).await,
            Some(Measure::Told(path)) => match self.model.told(path) {
                Some(number) => Ok((vec![number], Vec::new())),
                None => Err(EngineError::Unknown { what: format!("number \"{path}\" yet") }),
            },
            Some(Measure::Beam(rest)) => doors::beam(self, rest).await,
            Some(Measure::Clamped { gate, value, path: of }) => self.evaluation(path, Some((gate, value)), of).await,
        }
    }

    /// A search of the probe text, or what searches find on texts that are not trained on: see [`beam_view`].
    pub(in crate::trainer) async fn beam(&mut self, path: &str) -> Result<(Vec<f32>, Vec<usize>), EngineError> {
        let unknown = || EngineError::Unknown { what: format!("beam search \"{path}\"") };
        let wanted = BeamPath::parse(path).ok_or_else(unknown)?;
        let longest = self.observer.longest_answer().ok_or_else(unknown)?;
        if wanted.against_greedy {
            let parameters = self.operated().await?;
            let [mut greedy, mut found] = [Vec::new(), Vec::new()];
            for question in self.model.questions(beam_view::QUESTIONS) {
                let mut observer = Observer::new(self.model.observation(&question)?)?;
                observer.load(&parameters)?;
                for (width, found) in [(1, &mut greedy), (wanted.options.width, &mut found)] {
                    let options = BeamOptions { width, ..wanted.options };
                    let search = observer.search(options, longest).await?;
                    found.push(search.as_ref().map_or(f32::NAN, beam_view::best));
                }
            }
            let count = found.len();
            greedy.extend(found);
            return Ok((greedy, vec![2, count]));
        }
        let mut search = self.observer.search(wanted.options, longest).await?.ok_or_else(unknown)?;
        for node in wanted.picks {
            self.observer.continue_search(&mut search, node).await?;
        }
        Ok(beam_view::table(&search))
    }

    /// A measure on held-out examples; `name` tells apart with which parameters, where a gate is clamped.
    async fn evaluation(
        &mut self,
        name: &str,
        clamp: Option<(&str, f32)>,
        path: &str,
    ) -> Result<(Vec<f32>, Vec<usize>), EngineError> {
        let unknown = || EngineError::Unknown { what: format!("measure \"{path}\"") };
        let evaluator = self.evaluator.as_mut().ok_or_else(unknown)?;
        let name = name.strip_suffix(path).unwrap_or(name);
        if evaluator.needs(name, path) {
            let mut parameters = self.executable.read(&self.training.persistent[..1]).await?;
            for layer in 0..clamp.map_or(0, |_| self.spec.layers) {
                let (gate, value) = clamp.ok_or_else(unknown)?;
                clamp_gate(&self.training.graph, &mut parameters, self.spec.cell, layer, gate, None, value)?;
            }
            evaluator.load(name, &parameters)?;
        }
        evaluator.measure(name, path)
    }

    /// The parameters have changed: what was measured of them no longer holds.
    pub(super) fn forget_measures(&mut self) {
        if let Some(evaluator) = &mut self.evaluator {
            evaluator.forget();
        }
    }

    /// Whether a path shows what the last [`Session::observe`] saw.
    pub fn observes(path: &str) -> bool {
        ["probe/", "saturation/probe/", "beam/"].iter().any(|prefix| path.starts_with(prefix))
            || Instruments::shows(path)
    }

    /// The spectrum of dh_T/dh_t over the probe text; see [`measures::spectrum`].
    async fn jacobian(&mut self, layer: usize) -> Result<(Vec<f32>, Vec<usize>), EngineError> {
        let text = self.observer.probe().to_vec();
        let none = || EngineError::Unknown { what: "Jacobian of this kind of model".to_owned() };
        let mut view = self.model.long_view(text.len()).ok_or_else(none)??;
        let parameters = self.operated().await?;
        view.run(&parameters, &text)?;
        measures::spectrum(&view, layer, text.len(), self.spec.hidden)
    }

    /// A channel of a diagonal state-space layer as it would be; see [`WhatIf`].
    async fn what_if(&mut self, asked: &WhatIf) -> Result<(Vec<f32>, Vec<usize>), EngineError> {
        let mut found = Vec::new();
        for path in asked.parameters() {
            found.push(self.tensor(&path).await?);
        }
        let unknown = || EngineError::Unknown { what: "channel of this kind of model".to_owned() };
        doors::what_if(asked, found.first_chunk().ok_or_else(unknown)?, self.spec.sequence_length)
    }

    async fn tensor(&mut self, path: &str) -> Result<(Vec<f32>, Vec<usize>), EngineError> {
        if path.starts_with("probe/") {
            let (numbers, shape) = self.observer.view(path)?;
            return Ok((numbers.to_vec(), shape.to_vec()));
        }
        let id = self.training.graph.find(path)?;
        if self.training.graph.value(id).kind == Kind::Ids {
            return Err(EngineError::Unknown { what: format!("float tensor \"{path}\"") });
        }
        let numbers = self.executable.read(&[id]).await?;
        Ok((numbers, self.training.graph.shape(id).0.clone()))
    }

    /// Every path of [`Session::view`], with its shape.
    pub fn paths(&self) -> Vec<(String, Vec<usize>)> {
        let values = self.training.graph.values().iter();
        let floats = values.filter(|value| value.kind == Kind::Float);
        let trained = floats.filter_map(|value| Some((value.path.clone()?, value.shape.0.clone())));
        let counts = ["count/parameters", "count/recurrent"].map(|path| (path.to_owned(), Vec::new()));
        let measured = self.evaluator.iter().flat_map(Evaluator::paths);
        trained.chain(self.observer.paths()).chain(measured).chain(counts).collect()
    }
}
