// y (N) = ln sum exp(x) by rows of x (N, F).
// One row for LANES invocations; see shared/rows.
// import: index, math, rows

struct Params {
    count: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = row_of(flat_group(group, groups), local, params.count, params.width);
    var top = -3.4e38;
    for (var i = row.first; i < row.end; i += LANES) {
        top = max(top, x[i]);
    }
    top = row_max(top, local);
    var sum = 0.0;
    for (var i = row.first; i < row.end; i += LANES) {
        sum += exp1(x[i] - top);
    }
    let total = row_sum(sum, local);
    if (row.exists && row.first == row.start) {
        y[row.at] = top + ln1(total);
    }
}
