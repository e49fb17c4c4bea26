// RNN (torch.nn.RNN), all steps of a layer. packed (H + 2, PADDED) from recurrent_pack, x_proj (T, B, H), h0 (B, H)
// -> h (T, B, H) = f(x + b_ih + W_hh h + b_hh), f = tanh, or max(0, .) with RELU 1.
// One workgroup for four sequences; see shared/recurrent.
// import: math, recurrent

override SLICES: u32 = 1u;
override RELU: u32 = 0u;

@group(0) @binding(2) var<storage, read> x_proj: array<f32>;
@group(0) @binding(3) var<storage, read> h0: array<f32>;
@group(0) @binding(4) var<storage, read_write> h: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let block = Block(0u, UNITS, 0u, PADDED / 4u, PADDED / 4u, SLICES);
    let lanes = sequences(group.x);
    let unit = min(local, UNITS - 1u);
    let owner = local < UNITS;
    let biases = UNITS * (PADDED / 4u) + unit / 4u;
    let bias = weights[biases][unit % 4u] + weights[biases + PADDED / 4u][unit % 4u];
    let state = lanes * UNITS + unit;
    if (owner) {
        memory[unit] = vec4f(h0[state.x], h0[state.y], h0[state.z], h0[state.w]);
    }
    for (var t = 0u; t < params.steps; t++) {
        let at = state + t * params.batch * UNITS;
        // Loaded before the product, which hides its latency.
        let x = vec4f(x_proj[at.x], x_proj[at.y], x_proj[at.z], x_proj[at.w]) + bias;
        multiply(local, block);
        let sum = x + total(unit, block);
        var hidden = max(sum, vec4f(0.0));
        if (RELU == 0u) {
            hidden = tanh4(sum);
        }
        workgroupBarrier();
        if (owner) {
            memory[unit] = hidden;
            h[at.x] = hidden.x;
            h[at.y] = hidden.y;
            h[at.z] = hidden.z;
            h[at.w] = hidden.w;
        }
    }
}
