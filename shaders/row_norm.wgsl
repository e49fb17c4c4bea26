// y (N) = Euclidean norms of the rows of x (N, F), for numbers of any magnitude.
// One row for LANES invocations; see shared/rows.
// import: index, norm, rows

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
    var sums = vec3f();
    for (var i = row.first; i < row.end; i += LANES) {
        sums = add_square(sums, x[i]);
    }
    let small = row_sum(sums.x, local);
    let middling = row_sum(sums.y, local);
    let large = row_sum(sums.z, local);
    if (row.exists && row.first == row.start) {
        y[row.at] = norm_of(vec3f(small, middling, large));
    }
}
