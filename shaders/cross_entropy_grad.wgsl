// dx = (softmax(x) - onehot(target)) d by rows of x (N, V), targets, d (N); 0 where the target is `ignore`
// (if IGNORES 1).
// One row for LANES invocations; see shared/rows.
// import: index, math, rows

override IGNORES: u32 = 0u;

struct Params {
    count: u32,
    width: u32,
    ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read> d: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

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
    if (row.exists) {
        let target_id = targets[row.at];
        let outside = select(d[row.at], 0.0, IGNORES == 1u && target_id == params.ignored);
        let scale = outside / total;
        for (var i = row.first; i < row.end; i += LANES) {
            let own = select(0.0, outside, i == row.start + target_id);
            dx[i] = exp1(x[i] - top) * scale - own;
        }
    }
}
