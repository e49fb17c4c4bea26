// y () = sum(values weights) / sum(weights) of (N); 0 where the weights sum to 0. One workgroup: the whole is a row.
// One row for LANES invocations; see shared/rows.
// import: index, rows

struct Params {
    count: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = row_of(flat_group(group, groups), local, params.count, params.width);
    var above = 0.0;
    var below = 0.0;
    for (var i = row.first; i < row.end; i += LANES) {
        above += values[i] * weights[i];
        below += weights[i];
    }
    let top = row_sum(above, local);
    let bottom = row_sum(below, local);
    if (local == 0u) {
        y[0] = select(top / bottom, 0.0, bottom == 0.0);
    }
}
