// delta (T, B, D), A (D, N), states (T, B, D, N), x0 (B, D, N), total g (T, B, D, N) -> dA (D, N), the sum over t and
// b of g delta exp(delta A) x_(t-1). A workgroup sums for 16 modes: 16 slices take the T B rows in turn and are then
// added pairwise.
// import: index, math

struct Params {
    // T B.
    rows: u32,
    batch: u32,
    channels: u32,
    modes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> states: array<f32>;
@group(0) @binding(4) var<storage, read> x0: array<f32>;
@group(0) @binding(5) var<storage, read> total: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_a: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let width = params.channels * params.modes;
    let column = flat_group(group, groups) * 16u + local % 16u;
    let slice = local / 16u;
    var sum = 0.0;
    if (column < width) {
        for (var row = slice; row < params.rows; row += 16u) {
            let at = row * width + column;
            var before = x0[min(row, params.batch - 1u) * width + column];
            if (row >= params.batch) {
                before = states[at - params.batch * width];
            }
            let step = delta[row * params.channels + column / params.modes];
            sum += total[at] * step * exp1(step * a[column]) * before;
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
    if (slice == 0u && column < width) {
        d_a[column] = sums[local];
    }
}
