//! `window.seqlab`: the lab for course authors and tests. Every value is the one the controls show.
//!
//! ```js
//! await seqlab.ready                     // every model stands
//! seqlab.state()                         // every setting, textLength, probe, running, step, backend, ...
//! await seqlab.set({cell: "gru", hidden: 128, lr: 0.01, text: "...", temperature: 0.5})
//! seqlab.run(); seqlab.pause(); seqlab.reset()
//! await seqlab.step(100)                 // resolves when they are done
//! seqlab.metrics()                       // {step, loss, accuracy, tokensPerSecond, stepMs, gradientNorm}
//! await seqlab.probe("parameters/rnn.weight_hh_l0")      // {shape, values}
//! await seqlab.probe({path: "count/recurrent", run: 1})  // of a lab's second model
//! seqlab.labs()                          // [{slug, number, title}]
//! seqlab.claims()                        // of this lab: [{says, measured, limit, holds}]
//! seqlab.travel(200)                     // back to the nearest kept step
//! seqlab.loseGpu()                       // as if the driver had been reset: training goes on on the CPU
//! await seqlab.bench({cell: "lstm", layers: 1, vocab: 64, hidden: 128, steps: 64, batch: 32, backend: "cpu", seconds: 2})
//! ```
//! Keys are those of the link (`cell`, `hidden`, `lr`, ...); `set` rejects with the message the control would show and
//! changes nothing then. `state().backend` is what really runs, `requestedBackend` what was asked for.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Error, Float32Array, Function, Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use crate::labs;
use crate::number;
use crate::protocol::{BenchResult, Workload, WorkloadModel};
use crate::spec::{BackendKind, Control, PROPERTIES, limits};
use crate::ui::bench;
use crate::ui::lab::Lab;
use crate::ui::shell;
use crate::ui::store::{FrameStore, column};

/// Puts `seqlab` on the window.
pub fn install(lab: Lab) {
    let object = Object::new();
    put(&object, "ready", &promise(|settle| lab.when_all_built(Box::new(move |result| settle.unit(result)))));
    method(&object, "state", move |_| state(lab).into());
    method(&object, "metrics", move |_| lab.with_store(metrics).into());
    method(&object, "set", move |options| set(lab, &options).into());
    method(&object, "run", move |_| undefined(|| lab.run()));
    method(&object, "pause", move |_| undefined(|| lab.pause()));
    method(&object, "reset", move |_| undefined(|| lab.reset()));
    method(&object, "undo", move |_| undefined(|| lab.undo()));
    method(&object, "redo", move |_| undefined(|| lab.redo()));
    method(&object, "step", move |count| step(lab, &count).into());
    method(&object, "loseGpu", move |_| undefined(|| lab.lose_gpu()));
    method(&object, "probe", move |path| probe(lab, &path).into());
    method(&object, "labs", move |_| labs().into());
    method(&object, "claims", move |_| claims(lab).into());
    method(&object, "travel", move |step| undefined(|| lab.travel(step.as_f64().unwrap_or_default() as u64)));
    method(&object, "bench", move |options| measure(lab, &options).into());
    put(&window(), "seqlab", &object);
}

/// The two ends of a promise.
#[derive(Clone)]
struct Settle {
    resolve: Function,
    reject: Function,
}

impl Settle {
    fn with(&self, result: Result<JsValue, String>) {
        let called = match result {
            Ok(value) => self.resolve.call1(&JsValue::NULL, &value),
            Err(message) => self.reject.call1(&JsValue::NULL, &Error::new(&message)),
        };
        debug_assert!(called.is_ok(), "settling a promise does not throw");
    }

    fn unit(&self, result: Result<(), String>) {
        self.with(result.map(|()| JsValue::UNDEFINED));
    }
}

fn promise(start: impl FnOnce(Settle)) -> Promise {
    let mut start = Some(start);
    Promise::new(&mut |resolve, reject| {
        if let Some(start) = start.take() {
            start(Settle { resolve, reject });
        }
    })
}

fn method(object: &Object, name: &str, action: impl Fn(JsValue) -> JsValue + 'static) {
    let closure = Closure::<dyn Fn(JsValue) -> JsValue>::new(action);
    put(object, name, closure.as_ref());
    closure.forget();
}

fn put(object: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}

fn undefined(action: impl FnOnce()) -> JsValue {
    action();
    JsValue::UNDEFINED
}

fn state(lab: Lab) -> Object {
    let object = Object::new();
    let state = untrack(|| lab.page_state());
    for property in PROPERTIES {
        let text = property.read(&state.setup.spec);
        let value = match property.control {
            Control::Choice(_) => text.into(),
            _ => number::parse(&text).map_or(JsValue::NULL, JsValue::from),
        };
        put(&object, property.key, &value);
    }
    let requested = property_value(&object, "backend");
    let model = lab.model.get_untracked();
    let real = model.as_ref().map_or(requested.clone(), |model| backend_name(model.backend).into());
    put(&object, "requestedBackend", &requested);
    put(&object, "backend", &real);
    put(&object, "adapter", &model.as_ref().map_or("", |model| model.adapter.as_str()).into());
    put(&object, "parameters", &model.as_ref().map_or(0.0, |model| model.parameters as f64).into());
    put(&object, "textLength", &(state.setup.text().chars().count() as f64).into());
    put(&object, "probe", &state.setup.probe_text().into());
    put(&object, "temperature", &f64_of(state.setup.temperature).into());
    put(&object, "layer", &((state.focus.layer + 1) as f64).into());
    put(&object, "signal", &state.focus.signal.into());
    put(&object, "unit", &((state.focus.unit + 1) as f64).into());
    put(&object, "running", &state.running.into());
    put(&object, "step", &lab.with_store(|store| store.header.step as f64).into());
    put(&object, "lab", &state.lesson.map_or(JsValue::NULL, |lesson| lesson.slug.into()));
    object
}

/// The number a person would write: 0.7, not 0.699999988.
fn f64_of(value: f32) -> f64 {
    number::parse(&number::show(value)).unwrap_or_else(|| f64::from(value))
}

fn backend_name(backend: BackendKind) -> &'static str {
    match backend {
        BackendKind::Cpu => "cpu",
        BackendKind::Gpu => "gpu",
    }
}

fn metrics(store: &FrameStore) -> Object {
    let object = Object::new();
    let latest = |column| store.latest(column).map_or(JsValue::NULL, |stat| f64::from(stat.mean).into());
    put(&object, "step", &(store.header.step as f64).into());
    put(&object, "loss", &latest(column::LOSS));
    put(&object, "accuracy", &latest(column::ACCURACY));
    put(&object, "gradientNorm", &latest(column::GRADIENT));
    put(&object, "tokensPerSecond", &f64::from(store.header.tokens_per_second).into());
    put(&object, "stepMs", &f64::from(store.header.step_ms).into());
    object
}

fn set(lab: Lab, options: &JsValue) -> Promise {
    promise(|settle| {
        let mut next = lab.setup.get_untracked();
        for (key, value) in entries(options) {
            if let Err(error) = next.write(&key, &value) {
                lab.refuse(error.clone());
                return settle.unit(Err(error.message));
            }
            lab.forget_error(&key);
        }
        lab.when_all_built(Box::new(move |built| match built {
            Ok(()) => lab.change(next, "script", Some(Box::new(move |result| settle.unit(result)))),
            error => settle.unit(error),
        }));
    })
}

/// The entries of an options object, as the address would write them; `true` is `on`, `false` and `null` are `off`.
fn entries(options: &JsValue) -> Vec<(String, String)> {
    let Some(object) = options.dyn_ref::<Object>() else { return Vec::new() };
    let text = |value: &JsValue| {
        let number = || {
            value.dyn_ref::<js_sys::Number>().and_then(|number| number.to_string_with_radix(10).ok()).map(String::from)
        };
        let switch = || value.as_bool().map(|on| if on { "on" } else { "off" }.to_owned());
        let plain = value.as_string().or_else(number).or_else(switch);
        plain.unwrap_or_else(|| if value.is_null() { "off".to_owned() } else { String::new() })
    };
    let pair = |pair: JsValue| {
        let pair: Array = pair.unchecked_into();
        (pair.get(0).as_string().unwrap_or_default(), text(&pair.get(1)))
    };
    Object::entries(object).iter().map(pair).collect()
}

fn step(lab: Lab, count: &JsValue) -> Promise {
    promise(|settle| {
        let count = count.as_f64().unwrap_or(1.0);
        if !(count >= 1.0 && count.fract() == 0.0 && count <= f64::from(u32::MAX)) {
            return settle.unit(Err("step(n) takes a whole number from 1.".to_owned()));
        }
        lab.when_all_built(Box::new(move |_| {
            lab.step(count as u32, Some(Box::new(move |result| settle.unit(result))))
        }));
    })
}

/// `path` is a path of the first model, or `{path, run}`.
fn probe(lab: Lab, path: &JsValue) -> Promise {
    promise(|settle| {
        let number = property_value(path, "run").as_f64().unwrap_or_default() as usize;
        let Some(run) = lab.runs().get(number).copied() else {
            return settle.unit(Err("There is no such run.".to_owned()));
        };
        let path = path.as_string().or_else(|| property_value(path, "path").as_string()).unwrap_or_default();
        let answer = move |result: Result<(Vec<usize>, Vec<f32>), String>| {
            settle.with(result.map(|(shape, values)| {
                let object = Object::new();
                let shape: Array = shape.iter().map(|length| JsValue::from(*length as f64)).collect();
                put(&object, "shape", &shape);
                put(&object, "values", &Float32Array::from(values.as_slice()));
                object.into()
            }));
        };
        run.when_built(Box::new(move |_| run.probe(&path, Box::new(answer))));
    })
}

fn labs() -> Array {
    let lab = |lesson: &&labs::Lesson| {
        let object = Object::new();
        put(&object, "slug", &lesson.slug.into());
        put(&object, "number", &f64::from(lesson.number).into());
        put(&object, "title", &lesson.title.into());
        object
    };
    labs::ALL.iter().map(lab).collect()
}

fn claims(lab: Lab) -> Array {
    let claim = |claim: &'static labs::Claim| {
        let object = Object::new();
        let measured = untrack(|| shell::measured(lab, claim));
        put(&object, "says", &claim.says.into());
        put(&object, "measured", &measured.map_or(JsValue::NULL, |number| f64::from(number).into()));
        put(&object, "limit", &f64::from(claim.bound.limit()).into());
        put(&object, "holds", &measured.is_some_and(|number| claim.bound.holds(number)).into());
        object
    };
    lab.lesson.iter().flat_map(|lesson| lesson.claims).map(claim).collect()
}

/// Measures in a fresh worker; the lab stands still meanwhile.
fn measure(lab: Lab, options: &JsValue) -> Promise {
    promise(|settle| {
        let workload = match workload(options) {
            Ok(workload) => workload,
            Err(message) => return settle.unit(Err(message)),
        };
        lab.hold();
        let keep = Rc::new(RefCell::new(None));
        let kept = keep.clone();
        let other = settle.clone();
        let done = move |result: Result<BenchResult, String>| {
            lab.release();
            settle.with(result.map(|result| report(&result)));
            drop(kept.borrow_mut().take());
        };
        match bench::measure(workload, done) {
            Ok(session) => *keep.borrow_mut() = Some(session),
            Err(message) => {
                lab.release();
                other.unit(Err(message));
            }
        }
    })
}

fn property_value(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn workload(options: &JsValue) -> Result<Workload, String> {
    let number = |name: &str, default: f64, low: f64, high: f64| {
        let value = property_value(options, name);
        let number = if value.is_undefined() { Some(default) } else { value.as_f64() };
        number.filter(|number| (low..=high).contains(number)).ok_or_else(|| {
            format!("{name} is a number from {} to {}.", number::show(low as f32), number::show(high as f32))
        })
    };
    let whole =
        |name: &str, default: f64, high: usize| number(name, default, 1.0, high as f64).map(|number| number as usize);
    let choice =
        |name: &str, default: &str| property_value(options, name).as_string().unwrap_or_else(|| default.to_owned());
    let mut spec = crate::spec::ModelSpec::default();
    for key in ["cell", "backend"] {
        let property = crate::spec::property(key).ok_or("unknown property")?;
        let default = property.read(&spec);
        property.write(&mut spec, &choice(key, &default)).map_err(|error| error.message)?;
    }
    let model = match choice("model", "characters").as_str() {
        "characters" => WorkloadModel::Characters,
        "attention" => WorkloadModel::Attention {
            embedding: whole("embedding", 32.0, 1024)?,
            source: whole("source", 24.0, 2048)?,
            previous: choice("query", "previous") == "previous",
        },
        "mamba" => WorkloadModel::Mamba { state: whole("state", 16.0, 64)? },
        "s4d" => WorkloadModel::S4d { modes: whole("modes", 16.0, 64)? },
        "transformer" => WorkloadModel::Transformer {
            heads: whole("heads", 4.0, 64)?,
            feed_forward: whole("feedForward", 256.0, 4096)?,
        },
        "writing" => WorkloadModel::Writing,
        "writing-transformer" => WorkloadModel::WritingTransformer {
            heads: whole("heads", 4.0, 64)?,
            feed_forward: whole("feedForward", 256.0, 4096)?,
        },
        _ => {
            return Err("model is \"characters\", \"attention\", \"mamba\", \"s4d\", \"transformer\", \"writing\" or \
                        \"writing-transformer\"."
                .to_owned());
        }
    };
    Ok(Workload {
        model,
        cell: spec.cell,
        backend: spec.backend,
        layers: whole("layers", 1.0, *limits::LAYERS.end())?,
        vocab: whole("vocab", 64.0, limits::VOCABULARY)?,
        hidden: whole("hidden", 128.0, 1024)?,
        steps: whole("steps", 64.0, 2048)?,
        batch: whole("batch", 32.0, 1024)?,
        seconds: number("seconds", 2.0, 0.05, 120.0)? as f32,
    })
}

/// The result with the names it has in the protocol.
fn report(result: &BenchResult) -> JsValue {
    let object = Object::new();
    put(&object, "stepsPerSecond", &result.steps_per_second.into());
    put(&object, "firstLoss", &result.first_loss.into());
    put(&object, "lastLoss", &result.last_loss.into());
    put(&object, "parameters", &(result.parameters as f64).into());
    put(&object, "backend", &backend_name(result.backend).into());
    put(&object, "adapter", &result.adapter.as_str().into());
    put(&object, "flopsPerStep", &result.flops_per_step.into());
    put(&object, "gemmPeak", &result.gemm_peak.into());
    put(&object, "boundStepsPerSecond", &result.bound_steps_per_second.into());
    put(&object, "dispatches", &(result.dispatches as f64).into());
    put(&object, "carriedBytes", &(result.carried_bytes as f64).into());
    object.into()
}
