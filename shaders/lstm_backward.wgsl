// LSTM, back-propagation through time, all steps of a layer. weight_hh (4H, H), gates (T, B, 4H),
// c (T, B, H), c0 (B, H), outside_h, outside_c (T, B, H) the derivatives of h and c from outside, the latter only with
// OUTSIDE_C 1 -> d_x (T, B, 4H), d_states = grad_h, grad_c (T, B, H), the total dL/dh_t and dL/dc_t, d_h0, d_c0 (B, H).
// With s = tanh(c): dc = dc_outside + dc_{t+1} f_{t+1} + dh o (1 - s^2); d_o = dh s o(1-o); d_i = dc g i(1-i);
// d_f = dc c_{t-1} f(1-f); d_g = dc i (1-g^2); dh_{t-1} = dh_outside + [d_i d_f d_g d_o] W_hh.
// One workgroup for four sequences; see shared/recurrent. The next step is loaded before the product of a step.
// import: math, recurrent, recurrent_backward

override SLICES: u32 = 1u;
override OUTSIDE_C: u32 = 0u;

@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read> c0: array<f32>;
@group(0) @binding(5) var<storage, read> outside_h: array<f32>;
@group(0) @binding(6) var<storage, read> outside_c: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_x: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_states: array<f32>;

struct Step {
    i: vec4f,
    f: vec4f,
    g: vec4f,
    o: vec4f,
    c: vec4f,
    c_before: vec4f,
    outside_h: vec4f,
    outside_c: vec4f,
}

fn gates_at(at: vec4u) -> vec4f {
    return vec4f(gates[at.x], gates[at.y], gates[at.z], gates[at.w]);
}

fn c_at(at: vec4u) -> vec4f {
    return vec4f(c[at.x], c[at.y], c[at.z], c[at.w]);
}

fn load(t: u32, lanes: vec4u, ends: vec4u, unit: u32) -> Step {
    let row = lanes + t * params.batch;
    let state = row * UNITS + unit;
    let gate = row * (4u * UNITS) + unit;
    var now: Step;
    now.i = gates_at(gate);
    now.f = gates_at(gate + UNITS);
    now.g = gates_at(gate + 2u * UNITS);
    now.o = gates_at(gate + 3u * UNITS);
    now.c = c_at(state);
    let first = is_first(t, ends);
    now.c_before = c_at(rows_before(t, lanes, first) * UNITS + unit);
    if (any(first)) {
        let at = lanes * UNITS + unit;
        now.c_before = select(now.c_before, vec4f(c0[at.x], c0[at.y], c0[at.z], c0[at.w]), first);
    }
    now.outside_h = vec4f(outside_h[state.x], outside_h[state.y], outside_h[state.z], outside_h[state.w]);
    if (OUTSIDE_C == 1u) {
        now.outside_c = vec4f(outside_c[state.x], outside_c[state.y], outside_c[state.z], outside_c[state.w]);
    }
    return now;
}

// Writes one sequence's step.
fn keep_one(row: u32, unit: u32, d_hidden: f32, d_cell: f32, all: vec4f) {
    let to = row * (4u * UNITS) + unit;
    d_x[to] = all.x;
    d_x[to + UNITS] = all.y;
    d_x[to + 2u * UNITS] = all.z;
    d_x[to + 3u * UNITS] = all.w;
    let state = row * UNITS + unit;
    d_states[state] = d_hidden;
    d_states[params.second + state] = d_cell;
}

fn keep(rows: vec4u, unit: u32, d_hidden: vec4f, d_cell: vec4f, all: mat4x4f) {
    let each = transpose(all);
    keep_one(rows.x, unit, d_hidden.x, d_cell.x, each[0]);
    keep_one(rows.y, unit, d_hidden.y, d_cell.y, each[1]);
    keep_one(rows.z, unit, d_hidden.z, d_cell.z, each[2]);
    keep_one(rows.w, unit, d_hidden.w, d_cell.w, each[3]);
}

// Writes the gradient of an initial state.
fn keep_first(start: u32, at: vec4u, gradient: vec4f) {
    d_states[start + at.x] = gradient.x;
    d_states[start + at.y] = gradient.y;
    d_states[start + at.z] = gradient.z;
    d_states[start + at.w] = gradient.w;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let rows = Rows(0u, 4u * UNITS, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    // What comes back from the step after.
    var later_h = vec4f();
    var later_c = vec4f();
    let ends = ends_of(lanes);
    let longest = longest_of(ends);
    var now = load(backward_step(0u, max(longest, 1u)), lanes, ends, unit);
    for (var place = 0u; place < longest; place++) {
        let t = backward_step(place, longest);
        let exists = vec4u(t) < ends;
        let d_hidden = select(vec4f(), now.outside_h + later_h, exists);
        let squashed = tanh4(now.c);
        let d_outside = select(vec4f(), now.outside_c + later_c, exists);
        let d_cell = d_outside + d_hidden * now.o * (1.0 - squashed * squashed);
        let d_i = d_cell * now.g * (now.i * (1.0 - now.i));
        let d_f = d_cell * now.c_before * (now.f * (1.0 - now.f));
        let d_g = d_cell * now.i * (1.0 - now.g * now.g);
        let d_o = d_hidden * squashed * (now.o * (1.0 - now.o));
        later_c = select(later_c, d_cell * now.f, exists);
        if (owner) {
            memory[unit] = d_i;
            memory[UNITS + unit] = d_f;
            memory[2u * UNITS + unit] = d_g;
            memory[3u * UNITS + unit] = d_o;
            let row = lanes + t * params.batch;
            keep(row, unit, d_hidden, d_cell, mat4x4f(d_i, d_f, d_g, d_o));
        }
        if (place + 1u < longest) {
            now = load(backward_step(place + 1u, longest), lanes, ends, unit);
        }
        multiply(local, rows);
        later_h = select(later_h, total(unit, rows), exists);
        workgroupBarrier();
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(lanes + t * params.batch, unit, vec4f(), vec4f(), mat4x4f());
    }
    if (owner) {
        let to = lanes * UNITS + unit;
        keep_first(params.third, to, later_h);
        keep_first(params.fourth, to, later_c);
    }
}
