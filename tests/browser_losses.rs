//! The same spec, text and seed give the same losses to the last bit: natively, in the browser, run after run.
//! `tests/golden/losses.txt` has them; `SEQLAB_WRITE_GOLDEN=1 cargo test --test browser_losses` writes it anew, which
//! is right only after a change that is meant to change the order of a sum.

use seqlab::engine::cell::Cell;
use seqlab::spec::{ModelSpec, OptimiserKind};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

const TEXT: &str = "Rain on the roof, rain in the lane; rain on the river and rain on the grain. ";
const STEPS: usize = 24;

fn specs() -> Vec<(&'static str, ModelSpec)> {
    let base = ModelSpec { hidden: 33, sequence_length: 19, batch: 7, ..ModelSpec::default() };
    let cells = Cell::ALL.map(|cell| (cell.name(), ModelSpec { cell, ..base.clone() }));
    let deep = ModelSpec { layers: 2, forget_bias: Some(1.0), spectral_radius: Some(0.9), ..base.clone() };
    let gru = ModelSpec { cell: Cell::Gru, optimiser: OptimiserKind::RmsProp, hidden: 64, batch: 16, ..base };
    cells.into_iter().chain([("deep LSTM", deep), ("GRU, RMSprop", gru)]).collect()
}

fn start(spec: &ModelSpec) -> Session {
    pollster::block_on(Session::new(spec, &TEXT.repeat(3), "rain", &mut Devices::default()))
        .expect("a valid spec and text")
        .0
}

fn losses(session: &mut Session, steps: usize) -> Vec<u32> {
    (0..steps).for_each(|_| pollster::block_on(session.train_step()).expect("the CPU does not fail"));
    match pollster::block_on(session.drain()).expect("the CPU does not fail") {
        Drained::Good(rows) => rows.numbers.chunks(rows.width).map(|row| row[1].to_bits()).collect(),
        Drained::Diverged(_, found) => panic!("diverged: {found:?}"),
    }
}

fn line(name: &str, losses: &[u32]) -> String {
    let bits: Vec<String> = losses.iter().map(|bits| format!("{bits:08x}")).collect();
    format!("{name}: {}", bits.join(" "))
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn losses_are_the_same_to_the_last_bit_everywhere() {
    let lines: Vec<String> = specs().iter().map(|(name, spec)| line(name, &losses(&mut start(spec), STEPS))).collect();
    #[cfg(not(target_arch = "wasm32"))]
    if std::env::var_os("SEQLAB_WRITE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/losses.txt");
        std::fs::write(path, lines.join("\n") + "\n").expect("the file can be written");
        return;
    }
    let golden: Vec<&str> = include_str!("golden/losses.txt").lines().collect();
    assert_eq!(lines, golden);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_pause_or_a_reset_changes_no_bit() {
    let spec = ModelSpec { hidden: 33, sequence_length: 19, batch: 7, ..ModelSpec::default() };
    let mut session = start(&spec);
    let at_once = losses(&mut session, STEPS);
    pollster::block_on(session.reset()).expect("the CPU does not fail");
    let mut in_parts = losses(&mut session, 5);
    in_parts.extend(losses(&mut session, STEPS - 5));
    assert_eq!(at_once, in_parts);
}
