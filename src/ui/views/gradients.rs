//! How far the gradient reaches, and how large it is for each parameter.

use leptos::prelude::*;

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::store::{FrameStore, column};
use crate::ui::views::learning::{curve, steps};
use crate::ui::views::table::{Table, TableView};

/// A range of decades that shrinks only when it is far too wide, so that the axis stands still.
type Decades = StoredValue<Option<(f64, f64)>>;

/// The gradient through time and by parameter.
#[component]
pub fn Gradients() -> impl IntoView {
    let lab = Lab::here();
    let (time_range, parameter_range) = (Decades::new(None), Decades::new(None));
    let through_time = move |theme: Theme| {
        lab.any_frame.track();
        through_time(lab, theme, time_range)
    };
    let by_parameter = move |theme: Theme| {
        lab.any_frame.track();
        lab.shown_run().with_store(|store| by_parameter(store, theme, parameter_range))
    };
    let states = Signal::derive(move || flows(lab).into_iter().map(|flow| flow.name).collect());
    let parameters = Signal::derive(move || parameter_names(lab));
    view! {
        <section class="card" aria-labelledby="gradients-title">
            <header>
                <h2 id="gradients-title">"What flows back"</h2>
                <p class="caption">
                    "Left: the gradient at each timestep of the training sequences, on its way from the end back to the "
                    "start. Where it falls by decades, the early characters teach nothing. Right: its norm for every parameter."
                </p>
            </header>
            <div class="pair">
                <div>
                    <LineChart label="Norm of the loss gradient at each timestep, logarithmic" picture=through_time/>
                    <Legend names=states/>
                    <TableView caption="Gradient norm against timestep" table=time_table/>
                </div>
                <div>
                    <LineChart label="Gradient norm of every parameter against training step, logarithmic" picture=by_parameter/>
                    <Legend names=parameters/>
                    <TableView caption="Gradient norm of every parameter, latest step" table=parameter_table/>
                </div>
            </div>
        </section>
    }
}

/// A state of a model whose gradient is followed through time.
struct Flow {
    run: Lab,
    name: String,
    path: String,
}

impl Flow {
    fn values(&self) -> Vec<f32> {
        self.run.with_store(|store| store.tensor(&self.path).map(|tensor| tensor.values.to_vec())).unwrap_or_default()
    }
}

/// dL/dh_t of every model; of a model that is alone dL/dc_t too, where it has a cell state.
fn flows(lab: Lab) -> Vec<Flow> {
    let runs = lab.runs();
    let alone = runs.len() == 1;
    let flow = |run: Lab, state: &str| {
        let layer = run.focus.with(|focus| focus.layer).min(run.dimensions().0 - 1);
        let state_name = format!("\u{2016}\u{2202}L/\u{2202}{state}\u{209c}\u{2016}");
        let name = if alone { state_name } else { run.name().to_owned() };
        Flow { run, name, path: format!("layers/{layer}/grad_{state}_norm") }
    };
    let of = |run: Lab| {
        let cell_state = alone && run.is_recurrent() && run.cell().has_cell_state();
        [Some("h"), Some("c").filter(|_| cell_state)].into_iter().flatten().map(move |state| flow(run, state))
    };
    runs.into_iter().flat_map(of).collect()
}

fn through_time(lab: Lab, theme: Theme, range: Decades) -> Option<Picture> {
    let tensors: Vec<Vec<f32>> = untrack(|| flows(lab)).iter().map(Flow::values).collect();
    let length = tensors.iter().map(Vec::len).max().filter(|length| *length > 0)?;
    let y = decades("norm of the gradient", tensors.iter().flatten().copied(), range);
    let lines = tensors.iter().enumerate().map(|(at, values)| {
        let points =
            values.iter().enumerate().filter_map(|(t, value)| Some(((t + 1) as f64, y.place(f64::from(*value))?)));
        Line { colour: palette::line(theme, at), points: points.collect(), ..Line::default() }
    });
    let lines = lines.collect();
    Some(Picture { x: Axis::linear("timestep t", 1.0, length.max(2) as f64, 6), y, lines, level: None })
}

fn by_parameter(store: &FrameStore, theme: Theme, range: Decades) -> Option<Picture> {
    let columns = column::PARAMETERS..store.history.columns();
    let values = columns.clone().flat_map(|column| store.history.points(column).map(|(_, stat)| stat.mean));
    let y = decades("norm of the gradient", values, range);
    let lines = columns.map(|column| {
        let mut line = curve(store, column, theme, column - column::PARAMETERS);
        line.band.clear();
        line.points = line.points.iter().filter_map(|(x, value)| Some((*x, y.place(*value)?))).collect();
        line
    });
    let lines = lines.collect();
    Some(Picture { x: steps(store), y, lines, level: None })
}

/// The decades around `values`, no smaller than they were unless the curves left most of them.
fn decades(title: &'static str, values: impl Iterator<Item = f32>, range: Decades) -> Axis {
    let positive = values.filter(|value| value.is_finite() && *value > 0.0).map(f64::from);
    let (low, high) = positive.fold((f64::MAX, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
    let needed = if high > 0.0 { (low, high) } else { (1e-3, 1.0) };
    let kept = match range.get_value() {
        Some((low, high)) if low <= needed.0 && high >= needed.1 && needed.1 / needed.0 > (high / low).sqrt() => {
            (low, high)
        }
        _ => needed,
    };
    range.set_value(Some(kept));
    Axis::decades(title, kept.0, kept.1)
}

fn parameter_names(lab: Lab) -> Vec<String> {
    lab.shown_run().model.with(|model| {
        let shapes = model.as_ref().map(|model| &model.parameter_shapes);
        shapes.map(|shapes| shapes.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default()
    })
}

fn time_table(lab: Lab) -> Table {
    let flows = untrack(|| flows(lab));
    let mut table = Table::new(["t"]);
    table.head.extend(flows.iter().map(|flow| flow.name.clone()));
    let columns: Vec<Vec<f32>> = flows.iter().map(Flow::values).collect();
    let length = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |t: usize| {
        let number = |column: &Vec<f32>| {
            column.get(t).map_or_else(String::new, |value| format::significant(f64::from(*value), 3))
        };
        std::iter::once((t + 1).to_string()).chain(columns.iter().map(number)).collect()
    };
    table.rows = (0..length).map(row).collect();
    table
}

fn parameter_table(lab: Lab) -> Table {
    let mut table = Table::new(["parameter", "gradient norm"]);
    let names = parameter_names(lab);
    lab.shown_run().with_store(|store| {
        let value = |at: usize| store.latest(column::PARAMETERS + at).map(|stat| f64::from(stat.mean));
        let row = |(at, name)| Some(vec![name, format::significant(value(at)?, 3)]);
        table.rows = names.into_iter().enumerate().filter_map(row).collect();
    });
    table
}
