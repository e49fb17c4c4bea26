// GRU as PyTorch has it (reset after the product), all steps of a layer. packed (H + 2, 3 PADDED) from recurrent_pack,
// x_proj (T, B, 3H), h0 (B, H) -> h (T, B, H), gates (T, B, 4H) = r, z, n, q.
// r, z = sigmoid(x + b_ih + W_hh h + b_hh); q = W_hn h + b_hn; n = tanh(x_n + b_in + r q); h' = (1 - z) n + z h.
// One workgroup for four sequences; see shared/recurrent. The state also stays in its unit's registers.
// import: math, recurrent

override SLICES: u32 = 1u;

@group(0) @binding(2) var<storage, read> x_proj: array<f32>;
@group(0) @binding(3) var<storage, read> h0: array<f32>;
@group(0) @binding(4) var<storage, read_write> h: array<f32>;
@group(0) @binding(5) var<storage, read_write> gates: array<f32>;

// Row 0 of the biases is b_ih, row 1 b_hh.
fn bias(row: u32, column: u32) -> f32 {
    return weights[(UNITS + row) * (3u * PADDED / 4u) + column / 4u][column % 4u];
}

fn x_at(at: vec4u) -> vec4f {
    return vec4f(x_proj[at.x], x_proj[at.y], x_proj[at.z], x_proj[at.w]);
}

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
    let q = select(vec4f(), states[4], exists);
    keep_one(rows.x, unit, hidden.x, vec4f(r.x, z.x, n.x, q.x));
    keep_one(rows.y, unit, hidden.y, vec4f(r.y, z.y, n.y, q.y));
    keep_one(rows.z, unit, hidden.z, vec4f(r.z, z.z, n.z, q.z));
    keep_one(rows.w, unit, hidden.w, vec4f(r.w, z.w, n.w, q.w));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let block = Block(0u, UNITS, 0u, 3u * PADDED / 4u, 3u * PADDED / 4u, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let bias_r = bias(0u, unit) + bias(1u, unit);
    let bias_z = bias(0u, PADDED + unit) + bias(1u, PADDED + unit);
    let bias_n = bias(0u, 2u * PADDED + unit);
    let bias_q = bias(1u, 2u * PADDED + unit);
    let state = lanes * UNITS + unit;
    var hidden = vec4f(h0[state.x], h0[state.y], h0[state.z], h0[state.w]);
    if (owner) {
        memory[unit] = hidden;
    }
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
        multiply(local, block);
        let r = sigmoid4(x_r + total(unit, block));
        let z = sigmoid4(x_z + total(PADDED + unit, block));
        let q = bias_q + total(2u * PADDED + unit, block);
        let n = tanh4(x_n + r * q);
        hidden = select(hidden, (1.0 - z) * n + z * hidden, exists);
        workgroupBarrier();
        if (owner) {
            memory[unit] = hidden;
            keep(row, unit, exists, array<vec4f, 5>(hidden, r, z, n, q));
        }
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(lanes + t * params.batch, unit, vec4<bool>(), array<vec4f, 5>());
    }
}
