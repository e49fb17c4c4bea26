// RNN, back-propagation through time, all steps of a layer. weight_hh (H, H), h (T, B, H),
// outside (T, B, H) the derivative of h from outside -> d_x (T, B, H), d_states = grad_h (T, B, H), d_h0 (B, H).
// dh_t = outside_t + d_x_{t+1} W_hh; d_x = dh (1 - h^2), or dh where h > 0 with RELU 1.
// One workgroup for four sequences; see shared/recurrent.
// import: recurrent, recurrent_backward

override SLICES: u32 = 1u;
override RELU: u32 = 0u;

@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read> outside: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_states: array<f32>;

// Writes one sequence's step.
fn keep_one(at: u32, d_hidden: f32, d_sum: f32) {
    d_states[at] = d_hidden;
    d_x[at] = d_sum;
}

fn keep(at: vec4u, d_hidden: vec4f, d_sum: vec4f) {
    keep_one(at.x, d_hidden.x, d_sum.x);
    keep_one(at.y, d_hidden.y, d_sum.y);
    keep_one(at.z, d_hidden.z, d_sum.z);
    keep_one(at.w, d_hidden.w, d_sum.w);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let rows = Rows(0u, UNITS, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let first = lanes * UNITS + unit;
    let ends = ends_of(lanes);
    let longest = longest_of(ends);
    // What comes back from the step after.
    var later = vec4f();
    for (var place = 0u; place < longest; place++) {
        let t = backward_step(place, longest);
        let exists = vec4u(t) < ends;
        let at = first + t * params.batch * UNITS;
        let hidden = vec4f(h[at.x], h[at.y], h[at.z], h[at.w]);
        let d_outside = vec4f(outside[at.x], outside[at.y], outside[at.z], outside[at.w]);
        let d_hidden = select(vec4f(), d_outside + later, exists);
        var d_sum = d_hidden * (1.0 - hidden * hidden);
        if (RELU == 1u) {
            d_sum = select(vec4f(0.0), d_hidden, hidden > vec4f(0.0));
        }
        if (owner) {
            memory[unit] = d_sum;
            keep(at, d_hidden, d_sum);
        }
        multiply(local, rows);
        later = select(later, total(unit, rows), exists);
        workgroupBarrier();
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(first + t * params.batch * UNITS, vec4f(), vec4f());
    }
    if (owner) {
        let to = vec4u(params.second) + first;
        d_states[to.x] = later.x;
        d_states[to.y] = later.y;
        d_states[to.z] = later.z;
        d_states[to.w] = later.w;
    }
}
