// GRU as PyTorch has it, back-propagation through time, all steps of a layer. weights (3H, PADDED) = weight_hh with its
// rows padded, gates (T, B, 4H) = r, z, n, q, h (T, B, H), outside (T, B, H) the derivative of h from outside
// -> d_x (T, B, 3H), d_h (T, B, 3H) the derivative of W_hh h + b_hh, grad_h (T, B, H), d_h0 (B, H), which holds h0 on
// entry (so that the buffers are eight).
// d_n = dh (1-z) (1-n^2); d_z = dh (h_{t-1} - n) z(1-z); d_r = d_n q r(1-r); d_h is d_x but d_n r for d_n;
// dh_{t-1} = outside + dh z + d_h W_hh.
// One workgroup for four sequences; see shared/recurrent. Step t - 1 is loaded before the product of step t.
// import: recurrent

override SLICES: u32 = 1u;

@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> outside: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_x: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_h: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad_h: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_h0: array<f32>;

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

fn load(t: u32, lanes: vec4u, unit: u32) -> Step {
    let row = lanes + t * params.batch;
    let state = row * UNITS + unit;
    let gate = row * (4u * UNITS) + unit;
    var now: Step;
    now.r = gates_at(gate);
    now.z = gates_at(gate + UNITS);
    now.n = gates_at(gate + 2u * UNITS);
    now.q = gates_at(gate + 3u * UNITS);
    if (t > 0u) {
        let before = state - params.batch * UNITS;
        now.h_before = vec4f(h[before.x], h[before.y], h[before.z], h[before.w]);
    } else {
        now.h_before = vec4f(d_h0[state.x], d_h0[state.y], d_h0[state.z], d_h0[state.w]);
    }
    now.outside = vec4f(outside[state.x], outside[state.y], outside[state.z], outside[state.w]);
    return now;
}

// Writes one sequence's step: dL/dh, d_r, d_z, d_n, and d_n r.
fn keep(row: u32, unit: u32, d_hidden: f32, all: vec4f) {
    let to = row * (3u * UNITS) + unit;
    d_x[to] = all.x;
    d_x[to + UNITS] = all.y;
    d_x[to + 2u * UNITS] = all.z;
    d_h[to] = all.x;
    d_h[to + UNITS] = all.y;
    d_h[to + 2u * UNITS] = all.w;
    grad_h[row * UNITS + unit] = d_hidden;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let block = Block(0u, 3u * UNITS, 0u, PADDED / 4u, PADDED / 4u, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    // What comes back from the step after.
    var later = vec4f();
    var now = load(params.steps - 1u, lanes, unit);
    for (var left = params.steps; left > 0u; left--) {
        let t = left - 1u;
        let d_hidden = now.outside + later;
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
            keep(row.x, unit, d_hidden.x, vec4f(d_r.x, d_z.x, d_n.x, d_q.x));
            keep(row.y, unit, d_hidden.y, vec4f(d_r.y, d_z.y, d_n.y, d_q.y));
            keep(row.z, unit, d_hidden.z, vec4f(d_r.z, d_z.z, d_n.z, d_q.z));
            keep(row.w, unit, d_hidden.w, vec4f(d_r.w, d_z.w, d_n.w, d_q.w));
        }
        if (t > 0u) {
            now = load(t - 1u, lanes, unit);
        }
        multiply(local, block);
        later = kept + total(unit, block);
        workgroupBarrier();
    }
    if (owner) {
        let to = lanes * UNITS + unit;
        d_h0[to.x] = later.x;
        d_h0[to.y] = later.y;
        d_h0[to.z] = later.z;
        d_h0[to.w] = later.w;
    }
}
