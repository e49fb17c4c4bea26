// GRU of the textbooks, back-propagation through time, all steps of a layer. weight_hh (3H, H),
// gates (T, B, 4H) = r, z, n, s, h (T, B, H), h0 (B, H), outside (T, B, H) the derivative of h from outside
// -> d_x (T, B, 3H), d_states = grad_h (T, B, H), d_h0 (B, H).
// d_n = dh z (1-n^2); d_z = dh (n - h_{t-1}) z(1-z); ds = d_n W_hn; d_r = ds h_{t-1} r(1-r);
// dh_{t-1} = outside + dh (1-z) + ds r + [d_r d_z] W_rz.
// One workgroup for four sequences; see shared/recurrent. Two products a step: from d_n, then from d_r and d_z.
// import: recurrent, recurrent_backward

override CANDIDATE_SLICES: u32 = 1u;
override SLICES: u32 = 1u;

@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> h0: array<f32>;
@group(0) @binding(5) var<storage, read> outside: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_x: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_states: array<f32>;

fn gates_at(at: vec4u) -> vec4f {
    return vec4f(gates[at.x], gates[at.y], gates[at.z], gates[at.w]);
}

// The state before step t.
fn h_before(t: u32, lanes: vec4u, ends: vec4u, unit: u32) -> vec4f {
    let first = is_first(t, ends);
    let before = rows_before(t, lanes, first) * UNITS + unit;
    let state = vec4f(h[before.x], h[before.y], h[before.z], h[before.w]);
    let at = lanes * UNITS + unit;
    return select(state, vec4f(h0[at.x], h0[at.y], h0[at.z], h0[at.w]), first);
}

// Writes one sequence's step.
fn keep_one(row: u32, unit: u32, d_hidden: f32, d_r: f32, d_z: f32, d_n: f32) {
    let to = row * (3u * UNITS) + unit;
    d_x[to] = d_r;
    d_x[to + UNITS] = d_z;
    d_x[to + 2u * UNITS] = d_n;
    d_states[row * UNITS + unit] = d_hidden;
}

fn keep(rows: vec4u, unit: u32, d_hidden: vec4f, d_r: vec4f, d_z: vec4f, d_n: vec4f) {
    keep_one(rows.x, unit, d_hidden.x, d_r.x, d_z.x, d_n.x);
    keep_one(rows.y, unit, d_hidden.y, d_r.y, d_z.y, d_n.y);
    keep_one(rows.z, unit, d_hidden.z, d_r.z, d_z.z, d_n.z);
    keep_one(rows.w, unit, d_hidden.w, d_r.w, d_z.w, d_n.w);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let candidate_rows = Rows(2u * UNITS, UNITS, CANDIDATE_SLICES);
    let gate_rows = Rows(0u, 2u * UNITS, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    // What comes back from the step after.
    var later = vec4f();
    let ends = ends_of(lanes);
    let longest = longest_of(ends);
    for (var place = 0u; place < longest; place++) {
        let t = backward_step(place, longest);
        let exists = vec4u(t) < ends;
        let row = lanes + t * params.batch;
        let state = row * UNITS + unit;
        let gate = row * (4u * UNITS) + unit;
        let r = gates_at(gate);
        let z = gates_at(gate + UNITS);
        let n = gates_at(gate + 2u * UNITS);
        let before = h_before(t, lanes, ends, unit);
        let d_outside = vec4f(outside[state.x], outside[state.y], outside[state.z], outside[state.w]);
        let d_hidden = select(vec4f(), d_outside + later, exists);
        let d_n = d_hidden * z * (1.0 - n * n);
        let d_z = d_hidden * (n - before) * (z * (1.0 - z));
        if (owner) {
            memory[unit] = d_n;
        }
        multiply(local, candidate_rows);
        let d_s = total(unit, candidate_rows);
        let d_r = d_s * before * (r * (1.0 - r));
        workgroupBarrier();
        if (owner) {
            memory[unit] = d_r;
            memory[UNITS + unit] = d_z;
            keep(row, unit, d_hidden, d_r, d_z, d_n);
        }
        multiply(local, gate_rows);
        later = select(later, d_hidden * (1.0 - z) + d_s * r + total(unit, gate_rows), exists);
        workgroupBarrier();
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(lanes + t * params.batch, unit, vec4f(), vec4f(), vec4f(), vec4f());
    }
    if (owner) {
        let to = vec4u(params.second) + lanes * UNITS + unit;
        d_states[to.x] = later.x;
        d_states[to.y] = later.y;
        d_states[to.z] = later.z;
        d_states[to.w] = later.w;
    }
}
