// Depthwise causal convolution: x (T, B, D), weight (D, 1, K) -> y (T, B, D).
// y[t, b, d] = sum over k of weight[d, k] x[t - (K-1) + k, b, d], steps before the first being 0. One invocation an
// element.
// import: index

struct Params {
    count: u32,
    // B D: elements of a step.
    state: u32,
    channels: u32,
    taps: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_group(group, groups) * 256u + local;
    if (at >= params.count) {
        return;
    }
    let t = at / params.state;
    let channel = at % params.channels;
    var sum = 0.0;
    for (var back = 0u; back < min(params.taps, t + 1u); back++) {
        sum += weight[channel * params.taps + params.taps - 1u - back] * x[at - back * params.state];
    }
    y[at] = sum;
}
