// y (F) = sums of the columns of x (N, F). A workgroup sums COLUMNS columns (a power of two): 256 / COLUMNS slices take
// the rows in turn and are then added pairwise.
// import: index

override COLUMNS: u32 = 16u;

struct Params {
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let column = flat_group(group, groups) * COLUMNS + local % COLUMNS;
    let slice = local / COLUMNS;
    var sum = 0.0;
    if (column < params.width) {
        let stride = 256u / COLUMNS * params.width;
        let end = params.rows * params.width;
        var at = slice * params.width + column;
        // Four loads at a time are under way.
        for (; at + 3u * stride < end; at += 4u * stride) {
            sum += (x[at] + x[at + stride]) + (x[at + 2u * stride] + x[at + 3u * stride]);
        }
        for (; at < end; at += stride) {
            sum += x[at];
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    for (var half = 128u / COLUMNS; half > 0u; half /= 2u) {
        if (slice < half) {
            sums[local] += sums[local + half * COLUMNS];
        }
        workgroupBarrier();
    }
    if (slice == 0u && column < params.width) {
        y[column] = sums[local];
    }
}
