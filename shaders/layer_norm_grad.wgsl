// dx = (dy - mean(dy) - y mean(dy y)) / sqrt(var + eps) by rows of x (N, F), y the normalised x.
// One row for LANES invocations; see shared/rows.
// import: index, rows

struct Params {
    count: u32,
    width: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = row_of(flat_group(group, groups), local, params.count, params.width);
    let count = f32(params.width);
    var sum = 0.0;
    for (var i = row.first; i < row.end; i += LANES) {
        sum += x[i];
    }
    let mean = row_sum(sum, local) / count;
    var squares = 0.0;
    for (var i = row.first; i < row.end; i += LANES) {
        let centred = x[i] - mean;
        squares += centred * centred;
    }
    let scale = 1.0 / sqrt(row_sum(squares, local) / count + params.eps);
    var sum_d = 0.0;
    var sum_along = 0.0;
    for (var i = row.first; i < row.end; i += LANES) {
        sum_d += dy[i];
        sum_along += dy[i] * (x[i] - mean) * scale;
    }
    let mean_d = row_sum(sum_d, local) / count;
    let along = row_sum(sum_along, local) / count;
    if (row.exists) {
        for (var i = row.first; i < row.end; i += LANES) {
            dx[i] = (dy[i] - mean_d - (x[i] - mean) * scale * along) * scale;
        }
    }
}
