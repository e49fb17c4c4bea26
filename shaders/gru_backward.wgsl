// GRU as PyTorch has it, back-propagation through time, all steps of a layer. weight_hh (3H, H),
// gates (T, B, 4H) = r, z, n, q, h (T, B, H), h0 (B, H), outside (T, B, H) the derivative of h from outside
// -> d_x (T, B, 3H), d_h (T, B, 3H) the derivative of W_hh h + b_hh, d_states = grad_h (T, B, H), d_h0 (B, H).
// d_n = dh (1-z) (1-n^2); d_z = dh (h_{t-1} - n) z(1-z); d_r = d_n q r(1-r); d_h is d_x but d_n r for d_n;
// dh_{t-1} = outside + dh z + d_h W_hh.
// One workgroup for four sequences; see shared/recurrent. The next step is loaded before the product of a step.
// import: recurrent, recurrent_backward

override SLICES: u32 = 1u;

@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> h0: array<f32>;
@group(0) @binding(5) var<storage, read> outside: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_x: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_h: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_states: array<f32>;

struct Step {
    r: vec4f,
    z: vec4f,
    n: vec4f,
    q: vec4f,
    h_before: vec4f,
    outside: vec4f,
}

fn gates_at(at: vec4u) -> vec4f {
    return vec4f(gates[at.x], gates[at.y], gates[at.z], gates[at.w]);
}

fn load(t: u32, lanes: vec4u, ends: vec4u, unit: u32) -> Step {
    let row = lanes + t * params.batch;
    let state = row * UNITS + unit;
    let gate = row * (4u * UNITS) + unit;
    var now: Step;
    now.r = gates_at(gate);
    now.z = gates_at(gate + UNITS);
    now.n = gates_at(gate + 2u * UNITS);
    now.q = gates_at(gate + 3u * UNITS);
    let first = is_first(t, ends);
    let before = rows_before(t, lanes, first) * UNITS + unit;
    now.h_before = vec4f(h[before.x], h[before.y], h[before.z], h[before.w]);
    if (any(first)) {
        let at = lanes * UNITS + unit;
        now.h_before = select(now.h_before, vec4f(h0[at.x], h0[at.y], h0[at.z], h0[at.w]), first);
    }
    now.outside = vec4f(outside[state.x], outside[state.y], outside[state.z], outside[state.w]);
    return now;
}

// Writes one sequence's step: dL/dh, d_r, d_z, d_n, and d_n r.
fn keep_one(row: u32, unit: u32, d_hidden: f32, all: vec4f) {
    let to = row * (3u * UNITS) + unit;
    d_x[to] = all.x;
    d_x[to + UNITS] = all.y;
    d_x[to + 2u * UNITS] = all.z;
    d_h[to] = all.x;
    d_h[to + UNITS] = all.y;
    d_h[to + 2u * UNITS] = all.w;
    d_states[row * UNITS + unit] = d_hidden;
}

fn keep(rows: vec4u, unit: u32, d_hidden: vec4f, all: mat4x4f) {
    let each = transpose(all);
    keep_one(rows.x, unit, d_hidden.x, each[0]);
    keep_one(rows.y, unit, d_hidden.y, each[1]);
    keep_one(rows.z, unit, d_hidden.z, each[2]);
    keep_one(rows.w, unit, d_hidden.w, each[3]);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let rows = Rows(0u, 3u * UNITS, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    // What comes back from the step after.
    var later = vec4f();
    let ends = ends_of(lanes);
    let longest = longest_of(ends);
    var now = load(backward_step(0u, max(longest, 1u)), lanes, ends, unit);
    for (var place = 0u; place < longest; place++) {
        let t = backward_step(place, longest);
        let exists = vec4u(t) < ends;
        let d_hidden = select(vec4f(), now.outside + later, exists);
        let d_n = d_hidden * (1.0 - now.z) * (1.0 - now.n * now.n);
        let d_z = d_hidden * (now.h_before - now.n) * (now.z * (1.0 - now.z));
        let d_r = d_n * now.q * (now.r * (1.0 - now.r));
        let d_q = d_n * now.r;
        let kept = d_hidden * now.z;
        if (owner) {
            memory[unit] = d_r;
            memory[UNITS + unit] = d_z;
            memory[2u * UNITS + unit] = d_q;
            let row = lanes + t * params.batch;
            keep(row, unit, d_hidden, mat4x4f(d_r, d_z, d_n, d_q));
        }
        if (place + 1u < longest) {
            now = load(backward_step(place + 1u, longest), lanes, ends, unit);
        }
        multiply(local, rows);
        later = select(later, kept + total(unit, rows), exists);
        workgroupBarrier();
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(lanes + t * params.batch, unit, vec4f(), mat4x4f());
    }
    if (owner) {
        let to = vec4u(params.second) + lanes * UNITS + unit;
        d_states[to.x] = later.x;
        d_states[to.y] = later.y;
        d_states[to.z] = later.z;
        d_states[to.w] = later.w;
    }
}
