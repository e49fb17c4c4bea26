// u, delta, dy (T, B, D), states, total g (T, B, D, N) -> dB, dC (T, B, N): sums over channels of delta u g and of dy
// x. A workgroup a row: 256 / MODES slices (MODES: N rounded up to a power of two) take the channels in turn and are
// then added pairwise.
// import: index

override MODES: u32 = 16u;

struct Params {
    rows: u32,
    channels: u32,
    modes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> states: array<f32>;
@group(0) @binding(5) var<storage, read> total: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_b: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_c: array<f32>;

var<workgroup> sums: array<vec2f, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let wanted = flat_group(group, groups);
    let row = min(wanted, params.rows - 1u);
    let mode = local % MODES;
    var sum = vec2f(0.0);
    if (mode < params.modes) {
        for (var channel = local / MODES; channel < params.channels; channel += 256u / MODES) {
            let at = row * params.channels + channel;
            let state = at * params.modes + mode;
            sum += vec2f(delta[at] * u[at] * total[state], dy[at] * states[state]);
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    for (var half = 128u; half >= MODES; half /= 2u) {
        if (local < half) {
            sums[local] += sums[local + half];
        }
        workgroupBarrier();
    }
    if (local < params.modes && wanted < params.rows) {
        d_b[row * params.modes + local] = sums[local].x;
        d_c[row * params.modes + local] = sums[local].y;
    }
}
