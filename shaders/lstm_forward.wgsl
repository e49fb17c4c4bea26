// LSTM (torch.nn.LSTM), all steps of a layer. weight_hh (4H, H), bias_ih, bias_hh (4H), x_proj (T, B, 4H),
// h0, c0 (B, H) -> states = h, c (T, B, H), gates (T, B, 4H) = i, f, g, o.
// i, f, o = sigmoid(x + b_ih + W_hh h + b_hh), g = tanh(the same); c' = f c + i g; h' = o tanh(c').
// One workgroup for four sequences; see shared/recurrent. The cell state stays in its unit's registers.
// import: math, recurrent, recurrent_forward

override SLICES: u32 = 1u;

@group(0) @binding(6) var<storage, read> c0: array<f32>;
@group(0) @binding(7) var<storage, read_write> states: array<f32>;
@group(0) @binding(8) var<storage, read_write> gates: array<f32>;

// Writes one sequence's step.
fn keep_one(row: u32, unit: u32, hidden: f32, cell: f32, all: vec4f) {
    let state = row * UNITS + unit;
    let gate = row * (4u * UNITS) + unit;
    states[state] = hidden;
    states[params.second + state] = cell;
    gates[gate] = all.x;
    gates[gate + UNITS] = all.y;
    gates[gate + 2u * UNITS] = all.z;
    gates[gate + 3u * UNITS] = all.w;
}

// Writes a step of the sequences that have it, zeros for the others.
fn keep(rows: vec4u, unit: u32, exists: vec4<bool>, all: array<vec4f, 6>) {
    let hidden = select(vec4f(), all[0], exists);
    let cell = select(vec4f(), all[1], exists);
    let i = select(vec4f(), all[2], exists);
    let f = select(vec4f(), all[3], exists);
    let g = select(vec4f(), all[4], exists);
    let o = select(vec4f(), all[5], exists);
    keep_one(rows.x, unit, hidden.x, cell.x, vec4f(i.x, f.x, g.x, o.x));
    keep_one(rows.y, unit, hidden.y, cell.y, vec4f(i.y, f.y, g.y, o.y));
    keep_one(rows.z, unit, hidden.z, cell.z, vec4f(i.z, f.z, g.z, o.z));
    keep_one(rows.w, unit, hidden.w, cell.w, vec4f(i.w, f.w, g.w, o.w));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let rows_of_gates = Rows(0u, 4u * UNITS, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let bias_i = bias(unit);
    let bias_f = bias(UNITS + unit);
    let bias_g = bias(2u * UNITS + unit);
    let bias_o = bias(3u * UNITS + unit);
    let state = lanes * UNITS + unit;
    var cell = vec4f(c0[state.x], c0[state.y], c0[state.z], c0[state.w]);
    var hidden = h0_at(state);
    set_operand(local, hidden);
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
        let products = multiply(local, rows_of_gates);
        let i = sigmoid4(x_i + products[0]);
        let f = sigmoid4(x_f + products[1]);
        let g = tanh4(x_g + products[2]);
        let o = sigmoid4(x_o + products[3]);
        cell = select(cell, f * cell + i * g, exists);
        hidden = select(hidden, o * tanh4(cell), exists);
        set_operand(local, hidden);
        if (owner) {
            keep(rows, unit, exists, array<vec4f, 6>(hidden, cell, i, f, g, o));
        }
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(lanes + t * params.batch, unit, vec4<bool>(), array<vec4f, 6>());
    }
}
