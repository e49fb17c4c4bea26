//! What is built only when somebody looks, a graph of its own on the CPU each: the derivatives of the probe text's loss,
//! what reaches the answers to it, the probe text as a ragged batch, and computed in two ways. They see the parameters of the last observation.

use crate::engine::error::EngineError;

use super::measures::Tensor;
use super::probe_gradient::{self, ProbeGradient};
use super::ragged_view::{self, RaggedView};
use super::reach::{self, Reach};
use super::trainable::Trainable;
use super::two_modes::{self, TwoModes};

/// The instruments of a probe text.
pub struct Instruments {
    /// The flat parameters of the last observation; empty before one.
    parameters: Vec<f32>,
    gradient: Instrument<ProbeGradient>,
    ragged: Instrument<RaggedView>,
    reach: Instrument<Reach>,
    modes: Instrument<TwoModes>,
    /// Gives seconds, for what measures time: the system's clock, in a browser that of whoever drives the session.
    pub clock: Option<fn() -> f64>,
}

impl Default for Instruments {
    fn default() -> Self {
        Instruments {
            parameters: Vec::new(),
            gradient: Instrument::default(),
            ragged: Instrument::default(),
            reach: Instrument::default(),
            modes: Instrument::default(),
            clock: system_clock(),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn system_clock() -> Option<fn() -> f64> {
    use std::time::SystemTime;
    Some(|| SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64()))
}

#[cfg(target_arch = "wasm32")]
fn system_clock() -> Option<fn() -> f64> {
    None
}

/// Something that is built at the first look.
struct Instrument<T> {
    built: Option<T>,
    /// Whether it has run since the last observation.
    fresh: bool,
}

impl<T> Default for Instrument<T> {
    fn default() -> Self {
        Instrument { built: None, fresh: false }
    }
}

impl<T> Instrument<T> {
    /// The instrument, built and run if need be.
    fn ready(
        &mut self,
        build: impl FnOnce() -> Option<Result<T, EngineError>>,
        run: impl FnOnce(&mut T) -> Result<(), EngineError>,
    ) -> Result<&mut T, EngineError> {
        let none = || EngineError::Unknown { what: "view of this kind for this model".to_owned() };
        let built = match self.built.take() {
            Some(built) => built,
            None => build().ok_or_else(none)??,
        };
        let built = self.built.insert(built);
        if !self.fresh {
            run(built)?;
            self.fresh = true;
        }
        Ok(built)
    }
}

impl Instruments {
    /// Whether a path is one of theirs.
    pub fn shows(path: &str) -> bool {
        [probe_gradient::PREFIX, ragged_view::PREFIX, reach::PREFIX, two_modes::PREFIX]
            .iter()
            .any(|prefix| path.starts_with(prefix))
    }

    /// The probe text changed: all are to be built anew, and have nothing to show before the next observation.
    pub fn forget(&mut self) {
        *self = Instruments { clock: self.clock, ..Instruments::default() };
    }

    /// Takes over the flat parameters of an observation.
    pub fn renew(&mut self, parameters: Vec<f32>) {
        self.parameters = parameters;
        (self.gradient.fresh, self.ragged.fresh) = (false, false);
        (self.reach.fresh, self.modes.fresh) = (false, false);
    }

    /// The numbers and shape of a path, as of the last observation.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a path there is not, a model without the view, and before an observation.
    pub fn view(&mut self, path: &str, model: &dyn Trainable, probe: &str) -> Result<Tensor, EngineError> {
        let parameters = &self.parameters;
        if parameters.is_empty() {
            return Err(EngineError::Unknown { what: "observation yet".to_owned() });
        }
        if path.starts_with(probe_gradient::PREFIX) {
            return self.gradient.ready(|| model.probe_gradient(probe), |view| view.run(parameters))?.view(path);
        }
        if path.starts_with(reach::PREFIX) {
            return self.reach.ready(|| model.reach(probe), |view| view.run(parameters))?.view(path);
        }
        if path.starts_with(two_modes::PREFIX) {
            return self.modes.ready(|| model.two_modes(probe), |view| view.run(parameters))?.view(path);
        }
        self.ragged.ready(|| model.ragged_view(probe), |view| view.run(parameters))?.view(path, self.clock)
    }
}
