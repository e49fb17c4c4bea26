// GRU of the textbooks (reset before the product), all steps of a layer. weight_hh (3H, H), bias_ih, bias_hh (3H),
// x_proj (T, B, 3H), h0 (B, H) -> h (T, B, H), gates (T, B, 4H) = r, z, n, s.
// r, z = sigmoid(x + b_ih + W_hh h + b_hh); s = r h; n = tanh(x_n + b_in + W_hn s + b_hn); h' = (1 - z) h + z n.
// One workgroup for four sequences; see shared/recurrent. Two products a step: r and z from h, then n from s. The state
// also stays in its unit's registers.
// import: math, recurrent, recurrent_forward

override GATE_SLICES: u32 = 1u;
override SLICES: u32 = 1u;

@group(0) @binding(6) var<storage, read_write> h: array<f32>;
@group(0) @binding(7) var<storage, read_write> gates: array<f32>;

// Writes one sequence's step.
fn keep_one(row: u32, unit: u32, hidden: f32, all: vec4f) {
    h[row * UNITS + unit] = hidden;
    let gate = row * (4u * UNITS) + unit;
    gates[gate] = all.x;
    gates[gate + UNITS] = all.y;
    gates[gate + 2u * UNITS] = all.z;
    gates[gate + 3u * UNITS] = all.w;
}

// Writes a step of the sequences that have it, zeros for the others.
fn keep(rows: vec4u, unit: u32, exists: vec4<bool>, states: array<vec4f, 5>) {
    let hidden = select(vec4f(), states[0], exists);
    let r = select(vec4f(), states[1], exists);
    let z = select(vec4f(), states[2], exists);
    let n = select(vec4f(), states[3], exists);
    let s = select(vec4f(), states[4], exists);
    keep_one(rows.x, unit, hidden.x, vec4f(r.x, z.x, n.x, s.x));
    keep_one(rows.y, unit, hidden.y, vec4f(r.y, z.y, n.y, s.y));
    keep_one(rows.z, unit, hidden.z, vec4f(r.z, z.z, n.z, s.z));
    keep_one(rows.w, unit, hidden.w, vec4f(r.w, z.w, n.w, s.w));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let gate_rows = Rows(0u, 2u * UNITS, GATE_SLICES);
    let candidate_rows = Rows(2u * UNITS, UNITS, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let bias_r = bias(unit);
    let bias_z = bias(UNITS + unit);
    let bias_n = bias(2u * UNITS + unit);
    let state = lanes * UNITS + unit;
    var hidden = h0_at(state);
    set_operand(local, hidden);
    let ends = ends_of(lanes);
    let longest = longest_of(ends);
    for (var place = 0u; place < longest; place++) {
        let t = forward_step(place, longest);
        let exists = vec4u(t) < ends;
        let row = lanes + t * params.batch;
        let at = row * (3u * UNITS) + unit;
        // Loaded before the product, which hides their latency.
        let x_r = x_at(at) + bias_r;
        let x_z = x_at(at + UNITS) + bias_z;
        let x_n = x_at(at + 2u * UNITS) + bias_n;
        let products = multiply(local, gate_rows);
        let r = sigmoid4(x_r + products[0]);
        let z = sigmoid4(x_z + products[1]);
        let s = r * hidden;
        set_operand(local, s);
        let n = tanh4(x_n + multiply(local, candidate_rows)[0]);
        hidden = select(hidden, (1.0 - z) * hidden + z * n, exists);
        set_operand(local, hidden);
        if (owner) {
            keep(row, unit, exists, array<vec4f, 5>(hidden, r, z, n, s));
        }
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(lanes + t * params.batch, unit, vec4<bool>(), array<vec4f, 5>());
    }
}
