// RNN (torch.nn.RNN), all steps of a layer. weight_hh (H, H), bias_ih, bias_hh (H), x_proj (T, B, H), h0 (B, H)
// -> h (T, B, H) = f(x + b_ih + W_hh h + b_hh), f = tanh, or max(0, .) with RELU 1.
// One workgroup for four sequences; see shared/recurrent.
// import: math, recurrent, recurrent_forward

override SLICES: u32 = 1u;
override RELU: u32 = 0u;

@group(0) @binding(6) var<storage, read_write> h: array<f32>;

fn keep(at: vec4u, hidden: vec4f) {
    h[at.x] = hidden.x;
    h[at.y] = hidden.y;
    h[at.z] = hidden.z;
    h[at.w] = hidden.w;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let rows = Rows(0u, UNITS, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let both = bias(unit);
    let state = lanes * UNITS + unit;
    var hidden = h0_at(state);
    set_operand(local, hidden);
    let ends = ends_of(lanes);
    let longest = longest_of(ends);
    for (var place = 0u; place < longest; place++) {
        let t = forward_step(place, longest);
        let exists = vec4u(t) < ends;
        let at = state + t * params.batch * UNITS;
        // Loaded before the product, which hides its latency.
        let x = x_at(at) + both;
        let sum = x + multiply(local, rows)[0];
        var next = max(sum, vec4f(0.0));
        if (RELU == 0u) {
            next = tanh4(sum);
        }
        hidden = select(hidden, next, exists);
        set_operand(local, hidden);
        if (owner) {
            keep(at, select(vec4f(), next, exists));
        }
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(state + t * params.batch * UNITS, vec4f());
    }
}
