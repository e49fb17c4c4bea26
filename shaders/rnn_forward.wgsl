// RNN (torch.nn.RNN), all steps of a layer. packed (H + 2, PADDED) from recurrent_pack, x_proj (T, B, H), h0 (B, H)
// -> h (T, B, H) = f(x + b_ih + W_hh h + b_hh), f = tanh, or max(0, .) with RELU 1.
// One workgroup for four sequences; see shared/recurrent.
// import: math, recurrent

override SLICES: u32 = 1u;
override RELU: u32 = 0u;

@group(0) @binding(2) var<storage, read> x_proj: array<f32>;
@group(0) @binding(3) var<storage, read> h0: array<f32>;
@group(0) @binding(4) var<storage, read_write> h: array<f32>;

fn keep(at: vec4u, hidden: vec4f) {
    h[at.x] = hidden.x;
    h[at.y] = hidden.y;
    h[at.z] = hidden.z;
    h[at.w] = hidden.w;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let block = Block(0u, UNITS, 0u, PADDED / 4u, PADDED / 4u, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let biases = UNITS * (PADDED / 4u) + unit / 4u;
    let bias = weights[biases][unit % 4u] + weights[biases + PADDED / 4u][unit % 4u];
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
        let at = state + t * params.batch * UNITS;
        // Loaded before the product, which hides its latency.
        let x = vec4f(x_proj[at.x], x_proj[at.y], x_proj[at.z], x_proj[at.w]) + bias;
        multiply(local, block);
        let sum = x + total(unit, block);
        var next = max(sum, vec4f(0.0));
        if (RELU == 0u) {
            next = tanh4(sum);
        }
        hidden = select(hidden, next, exists);
        workgroupBarrier();
        if (owner) {
            memory[unit] = hidden;
            keep(at, select(vec4f(), next, exists));
        }
    }
    for (var t = longest; t < params.steps && owner; t++) {
        keep(state + t * params.batch * UNITS, vec4f());
    }
}
