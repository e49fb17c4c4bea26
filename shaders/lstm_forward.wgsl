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
fn keep(state: u32, gate: u32, hidden: f32, cell: f32, all: vec4f) {
    h[state] = hidden;
    c[state] = cell;
    gates[gate] = all.x;
    gates[gate + UNITS] = all.y;
    gates[gate + 2u * UNITS] = all.z;
    gates[gate + 3u * UNITS] = all.w;
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
    if (owner) {
        memory[unit] = vec4f(h0[state.x], h0[state.y], h0[state.z], h0[state.w]);
    }
    for (var t = 0u; t < params.steps; t++) {
        let at = (lanes + t * params.batch) * (4u * UNITS) + unit;
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
        cell = f * cell + i * g;
        let hidden = o * tanh4(cell);
        workgroupBarrier();
        if (owner) {
            memory[unit] = hidden;
            let to = (lanes + t * params.batch) * UNITS + unit;
            keep(to.x, at.x, hidden.x, cell.x, vec4f(i.x, f.x, g.x, o.x));
            keep(to.y, at.y, hidden.y, cell.y, vec4f(i.y, f.y, g.y, o.y));
            keep(to.z, at.z, hidden.z, cell.z, vec4f(i.z, f.z, g.z, o.z));
            keep(to.w, at.w, hidden.w, cell.w, vec4f(i.w, f.w, g.w, o.w));
        }
    }
}
