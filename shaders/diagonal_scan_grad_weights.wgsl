// u, dy (T, B, H), states (T, B, H, N, 2), x0 (B, H, N, 2), total g (T, B, H, N, 2) -> the gradients of dA, dB, C (H,
// N, 2): sums over t and b of conj(x_(t-1)) g_t, u_t g_t, 2 dy_t conj(x_t). A workgroup sums for 16 modes: 16 slices
// take the T B rows in turn and are then added pairwise.
// import: index, math, complex

struct Params {
    // T B.
    rows: u32,
    batch: u32,
    channels: u32,
    modes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> states: array<vec2f>;
@group(0) @binding(4) var<storage, read> x0: array<vec2f>;
@group(0) @binding(5) var<storage, read> total: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> d_decay: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> d_input: array<vec2f>;
@group(0) @binding(8) var<storage, read_write> d_output: array<vec2f>;

var<workgroup> sums: array<vec4f, 256>;
var<workgroup> sums_output: array<vec2f, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let width = params.channels * params.modes;
    let column = flat_group(group, groups) * 16u + local % 16u;
    let slice = local / 16u;
    var sum = vec4f(0.0);
    var sum_output = vec2f(0.0);
    if (column < width) {
        for (var row = slice; row < params.rows; row += 16u) {
            let at = row * width + column;
            let g = total[at];
            var before = x0[min(row, params.batch - 1u) * width + column];
            if (row >= params.batch) {
                before = states[at - params.batch * width];
            }
            let own = row * params.channels + column / params.modes;
            sum += vec4f(conjugate_times(before, g), u[own] * g);
            sum_output += 2.0 * dy[own] * states[at] * vec2f(1.0, -1.0);
        }
    }
    sums[local] = sum;
    sums_output[local] = sum_output;
    workgroupBarrier();
    for (var half = 8u; half > 0u; half /= 2u) {
        if (slice < half) {
            sums[local] += sums[local + half * 16u];
            sums_output[local] += sums_output[local + half * 16u];
        }
        workgroupBarrier();
    }
    if (slice == 0u && column < width) {
        d_decay[column] = sums[local].xy;
        d_input[column] = sums[local].zw;
        d_output[column] = sums_output[local];
    }
}
