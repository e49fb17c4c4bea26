//! The kernels that come late ([`crate::late`]): those of attention and of state-space layers.

use crate::engine::kernels::real::Real;

use super::dispatch::{self, Operands};
use super::{MOST_OUTPUTS, scans};

#[inline(never)]
pub(super) fn attention<R: Real>(x: &Operands<'_, R>, outputs: [&mut [R]; MOST_OUTPUTS]) {
    dispatch::attention(x, outputs);
}

#[inline(never)]
pub(super) fn scan<R: Real>(x: &Operands<'_, R>, outputs: [&mut [R]; MOST_OUTPUTS], scratch: &mut [R]) {
    scans::run(x, outputs, scratch);
}
