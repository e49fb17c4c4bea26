// y (N, M) is the transpose of x (M, N). A workgroup moves a tile of 16 by 16 through workgroup memory, so that reading
// and writing are both along rows.

struct Params {
    rows: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> tile: array<array<f32, 17>, 16>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
    let row = group.y * 16u + local.y;
    let column = group.x * 16u + local.x;
    if (row < params.rows && column < params.columns) {
        tile[local.y][local.x] = x[row * params.columns + column];
    }
    workgroupBarrier();
    let to_row = group.x * 16u + local.y;
    let to_column = group.y * 16u + local.x;
    if (to_row < params.columns && to_column < params.rows) {
        y[to_row * params.rows + to_column] = tile[local.x][local.y];
    }
}
