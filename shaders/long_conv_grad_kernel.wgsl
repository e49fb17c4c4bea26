// u, dy (T, B, H) -> dkernel (T, 1, H) by lag: the sum over t and b of dy_t u_(t-lag). A workgroup sums 16 channels
// of one lag: 16 slices take the T B rows in turn and are then added pairwise. Workgroups: blocks of channels by
// lags.

struct Params {
    // T B.
    rows: u32,
    batch: u32,
    channels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_kernel: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let channel = group.x * 16u + local % 16u;
    let slice = local / 16u;
    let back = group.y * params.batch;
    var sum = 0.0;
    if (channel < params.channels) {
        for (var row = back + slice; row < params.rows; row += 16u) {
            sum += u[(row - back) * params.channels + channel] * dy[row * params.channels + channel];
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    for (var half = 8u; half > 0u; half /= 2u) {
        if (slice < half) {
            sums[local] += sums[local + half * 16u];
        }
        workgroupBarrier();
    }
    if (slice == 0u && channel < params.channels) {
        d_kernel[group.y * params.channels + channel] = sums[local];
    }
}
