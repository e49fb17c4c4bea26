// RNN, back-propagation through time, all steps of a layer. weights (H, PADDED) = weight_hh with its rows padded,
// h (T, B, H), outside (T, B, H) the derivative of h from outside -> d_x, grad_h (T, B, H), d_h0 (B, H).
// dh_t = outside_t + d_x_{t+1} W_hh; d_x = dh (1 - h^2), or dh where h > 0 with RELU 1.
// One workgroup for four sequences; see shared/recurrent.
// import: recurrent

override SLICES: u32 = 1u;
override RELU: u32 = 0u;

@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read> outside: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;
@group(0) @binding(5) var<storage, read_write> grad_h: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_h0: array<f32>;

// Writes one sequence's step.
fn keep(at: u32, d_hidden: f32, d_sum: f32) {
    grad_h[at] = d_hidden;
    d_x[at] = d_sum;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let block = Block(0u, UNITS, 0u, PADDED / 4u, PADDED / 4u, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let first = lanes * UNITS + unit;
    // What comes back from the step after.
    var later = vec4f();
    for (var left = params.steps; left > 0u; left--) {
        let at = first + (left - 1u) * params.batch * UNITS;
        let hidden = vec4f(h[at.x], h[at.y], h[at.z], h[at.w]);
        let d_hidden = vec4f(outside[at.x], outside[at.y], outside[at.z], outside[at.w]) + later;
        var d_sum = d_hidden * (1.0 - hidden * hidden);
        if (RELU == 1u) {
            d_sum = select(vec4f(0.0), d_hidden, hidden > vec4f(0.0));
        }
        if (owner) {
            memory[unit] = d_sum;
            keep(at.x, d_hidden.x, d_sum.x);
            keep(at.y, d_hidden.y, d_sum.y);
            keep(at.z, d_hidden.z, d_sum.z);
            keep(at.w, d_hidden.w, d_sum.w);
        }
        multiply(local, block);
        later = total(unit, block);
        workgroupBarrier();
    }
    if (owner) {
        d_h0[first.x] = later.x;
        d_h0[first.y] = later.y;
        d_h0[first.z] = later.z;
        d_h0[first.w] = later.w;
    }
}
