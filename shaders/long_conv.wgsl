// u (T, B, H), kernel (T, 1, H) by lag -> y (T, B, H), y_t = sum over s <= t of kernel_(t-s) u_s. If REVERSED time
// runs backwards: the gradient of u from that of y. One invocation for four neighbouring steps of a channel: a number
// of u serves all four, and each needs one new number of the kernel.
// import: index

override REVERSED: u32 = 0u;

struct Params {
    // Fours of steps, times B H.
    count: u32,
    steps: u32,
    // B H: elements of a step.
    state: u32,
    channels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn place(t: u32, inner: u32) -> u32 {
    return select(t, params.steps - 1u - t, REVERSED == 1u) * params.state + inner;
}

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
    let inner = at % params.state;
    let channel = inner % params.channels;
    let first = at / params.state * 4u;
    // Lags beyond the last step serve outputs that do not exist.
    let lags = min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(params.steps - 1u)) * params.channels + channel;
    var window = vec4f(kernel[lags.x], kernel[lags.y], kernel[lags.z], kernel[lags.w]);
    var sum = vec4f(0.0);
    for (var s = 0u; s < min(first + 4u, params.steps); s++) {
        sum += window * u[place(s, inner)];
        var next = 0.0;
        if (s < first) {
            next = kernel[(first - 1u - s) * params.channels + channel];
        }
        window = vec4f(next, window.xyz);
    }
    for (var j = 0u; j < min(4u, params.steps - first); j++) {
        y[place(first + j, inner)] = sum[j];
    }
}
