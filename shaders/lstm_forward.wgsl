// LSTM (torch.nn.LSTM), all steps of a layer. packed (H + 2, 4 PADDED) from recurrent_pack, x_proj (T, B, 4H),
// h0, c0 (B, H) -> h, c (T, B, H), gates (T, B, 4H) = i, f, g, o.
// i, f, o = sigmoid(x + b_ih + W_hh h + b_hh), g = tanh(the same); c' = f c + i g; h' = o tanh(c').
// One workgroup for four sequences; see shared/recurrent. The cell state stays in its unit's registers.
// import: math, recurrent

override SLICES: u32 = 1u;

@group(0) @binding(2) var<storage, read> x_proj: array<f32>;
@group(0) @binding(3) var<storage, read> h0: array<f32>;
@group(0) @binding(4) var<storage, read> c0: array<f32>;
@group(0) @binding(5) var<storage, read_write> h: array<f32>;
@group(0) @binding(6) var<storage, read_write> c: array<f32>;
@group(0) @binding(7) var<storage, read_write> gates: array<f32>;

fn bias(column: u32) -> f32 {
    let at = UNITS * PADDED + column / 4u;
    return weights[at][column % 4u] + weights[at + PADDED][column % 4u];
}

fn x_at(at: vec4u) -> vec4f {
    return vec4f(x_proj[at.x], x_proj[at.y], x_proj[at.z], x_proj[at.w]);
}

// Writes one sequence's step.
fn keep_one(row: u32, unit: u32, hidden: f32, cell: f32, all: vec4f) {
    let state = row * UNITS + unit;
    let gate = row * (4u * UNITS) + unit;
    h[state] = hidden;
    c[state] = cell;
    gates[gate] = all.x;
    gates[gate + UNITS] = all.y;
    gates[gate + 2u * UNITS] = all.z;
    gates[gate + 3u * UNITS] = all.w;
}

// Writes a step of the sequences that have it, zeros for the others.
fn keep(rows: vec4u, unit: u32, exists: vec4<bool>, states: array<vec4f, 6>) {
    let hidden = select(vec4f(), states[0], exists);
    let cell = select(vec4f(), states[1], exists);
    let i = select(vec4f(), states[2], exists);
    let f = select(vec4f(), states[3], exists);
    let g = select(vec4f(), states[4], exists);
    let o = select(vec4f(), states[5], exists);
    keep_one(rows.x, unit, hidden.x, cell.x, vec4f(i.x, f.x, g.x, o.x));
    keep_one(rows.y, unit, hidden.y, cell.y, vec4f(i.y, f.y, g.y, o.y));
    keep_one(rows.z, unit, hidden.z, cell.z, vec4f(i.z, f.z, g.z, o.z));
    keep_one(rows.w, unit, hidden.w, cell.w, vec4f(i.w, f.w, g.w, o.w));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let block = Block(0u, UNITS, 0u, PADDED, PADDED, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let bias_i = bias(unit);
    let bias_f = bias(PADDED + unit);
    let bias_g = bias(2u * PADDED + unit);
    let bias_o = bias(3u * PADDED + unit);
    let state = lanes * UNITS + unit;
    var cell = vec4f(c0[state.x], c0[state.y], c0[state.z], c0[state.w]);
    var hidden = vec4f(h0[state.x], h0[state.y], h0[state.z], h0[state.w]);
    if (owner) {
        memory[unit] = hidden;
    }
    let ends = ends_of(lanes);
    let longest = longest_of(ends);
    for (var place = 0u; place < longest; place++) {
        let t = forward_step(place, longest);
        let exists = vec4u(t) < ends;
        let rows = lanes + t * params.batch;
        let at = rows * (4u * UNITS) + unit;
        // Loaded before the product, which hides their latency.
        let x_i = x_at(at) + bias_i;
        let x_f = x_at(at + UNITS) + bias_f;
        let x_g = x_at(at + 2u * UNITS) + bias_g;
        let x_o = x_at(at + 3u * UNITS) + bias_o;
        multiply(local, block);
        let i = sigmoid4(x_i + total(unit, block));
        let f = sigmoid4(x_f + total(PADDED + unit, block));
        let g = tanh4(x_g + total(2u * PADDED + unit, block));
        let o = sigmoid4(x_o + total(3u * PADDED + unit, block));
        cell = select(cell, f * cell + i * g, exists);
        hidden = select(hidden, o * tanh4(cell), exists);
        workgroupBarrier();
        if (owner) {
            memory[unit] = hidden;
            keep(rows, unit, exists, array<vec4f, 6>(hidden, cell, i, f, g, o));
        }
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(lanes + t * params.batch, unit, vec4<bool>(), array<vec4f, 6>());
    }
}
