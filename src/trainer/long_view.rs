//! The long view: how strongly the end of a text depends on each earlier state of a model (Pascanu, Mikolov & Bengio
//! 2013).

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, Kind, ValueId};
use crate::engine::plan::Plan;
use crate::engine::spectrum;
use crate::nn::jacobian::{identity, jacobian_to_end};
use crate::nn::language_model::LanguageModel;

use super::device::MEMORY_LIMIT;

/// Jacobians of a model's last top state in the states of a layer, for a text of a certain length. It runs on the CPU on a
/// copy of the parameters, H copies of the text at once.
pub struct LongView {
    executable: CpuExecutable<f32>,
    parameters: ValueId,
    tokens: ValueId,
    layers: Vec<LayerJacobians>,
    units: usize,
}

/// Where a layer's Jacobians lie: row k in copy k.
struct LayerJacobians {
    /// (H, H): t = 0.
    initial: ValueId,
    /// (T, H, H): t = 1..T.
    later: ValueId,
    /// As `later`, in the cell states.
    cells: Option<ValueId>,
}

impl LongView {
    /// For texts of `steps` tokens, 1 at least.
    ///
    /// # Errors
    /// [`EngineError::Memory`]; [`EngineError::Shape`] for no steps.
    pub fn new(model: &LanguageModel, steps: usize) -> Result<LongView, EngineError> {
        let units = model.hidden;
        let mut graph = Graph::default();
        let parameters = model.parameters(&mut graph);
        graph.program("jacobian");
        let tokens = graph.input("jacobian/tokens", [steps, units], Kind::Ids);
        let states = model.states(&mut graph, "jacobian", units);
        let pass = model.forward(&mut graph, &parameters, tokens, &states)?;
        let top = pass.layers.last().map_or(pass.logits, |layer| layer.h);
        let (seed, gradients) = jacobian_to_end(&mut graph, top, "jacobian/identity")?;
        let mut layers = Vec::new();
        for (number, (layer, state)) in pass.layers.iter().zip(&states).enumerate() {
            let named = |graph: &mut Graph, value: Option<ValueId>, name: &str| {
                let value = value.ok_or_else(|| EngineError::Unknown { what: format!("gradient of {name}") })?;
                graph.name(value, format!("jacobian/layers/{number}/{name}"));
                Ok::<ValueId, EngineError>(value)
            };
            let initial = named(&mut graph, gradients.of(state.h), "h0")?;
            let later = named(&mut graph, gradients.total(layer.h), "h")?;
            let cells = match layer.c {
                Some(c) => Some(named(&mut graph, gradients.total(c), "c")?),
                None => None,
            };
            layers.push(LayerJacobians { initial, later, cells });
        }
        let parameters = graph.flat(Flat::Parameters);
        let mut executable = CpuExecutable::new(Plan::new(graph, MEMORY_LIMIT)?, &[]);
        executable.write(seed, &identity(units))?;
        Ok(LongView { executable, parameters, tokens, layers, units })
    }

    /// Runs a text through the flat parameters of the model.
    ///
    /// # Errors
    /// [`EngineError::Size`] for parameters of another model or a text of another length.
    pub fn run(&mut self, parameters: &[f32], text: &[u32]) -> Result<(), EngineError> {
        let copies: Vec<u32> = text.iter().flat_map(|token| std::iter::repeat_n(*token, self.units)).collect();
        self.executable.write(self.parameters, parameters)?;
        self.executable.write_ids(self.tokens, &copies)?;
        self.executable.run(0)
    }

    /// dh_T/dh_t of a layer (H, H), row by row, as of the last run; T is the end of the top layer, t = 0..T.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a layer or a step there is not.
    pub fn jacobian(&self, layer: usize, t: usize) -> Result<&[f32], EngineError> {
        let found = self.layer(layer)?;
        if t == 0 { self.executable.view(found.initial) } else { self.step_of(found.later, t) }
    }

    /// dh_T/dc_t of a layer with cell states, t = 1..T.
    ///
    /// # Errors
    /// As [`LongView::jacobian`]; also for a layer without cell states.
    pub fn cell_jacobian(&self, layer: usize, t: usize) -> Result<&[f32], EngineError> {
        let cells = self.layer(layer)?.cells;
        self.step_of(cells.ok_or_else(|| EngineError::Unknown { what: "cell states".to_owned() })?, t)
    }

    /// The singular values of dh_T/dh_t, largest first.
    ///
    /// # Errors
    /// As [`LongView::jacobian`].
    pub fn singular_values(&self, layer: usize, t: usize) -> Result<Vec<f64>, EngineError> {
        let matrix: Vec<f64> = self.jacobian(layer, t)?.iter().map(|x| f64::from(*x)).collect();
        Ok(spectrum::singular_values(&matrix, self.units))
    }

    fn layer(&self, layer: usize) -> Result<&LayerJacobians, EngineError> {
        self.layers.get(layer).ok_or_else(|| EngineError::Unknown { what: format!("layer {layer}") })
    }

    /// The matrix at step t = 1.. of (T, H, H).
    fn step_of(&self, sequence: ValueId, t: usize) -> Result<&[f32], EngineError> {
        let size = self.units * self.units;
        let matrix =
            t.checked_sub(1).and_then(|at| self.executable.view(sequence).ok()?.get(at * size..(at + 1) * size));
        matrix.ok_or_else(|| EngineError::Unknown { what: format!("step {t}") })
    }
}

/// The spectral radius of each H x H block of a recurrent weight (G H, H), in the gates' order.
pub fn block_radii(weight_hh: &[f32], units: usize) -> Vec<f64> {
    let blocks = weight_hh.chunks_exact((units * units).max(1));
    let wide = blocks.map(|block| block.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>());
    wide.map(|block| spectrum::spectral_radius(&block, units, spectrum::SQUARINGS)).collect()
}
