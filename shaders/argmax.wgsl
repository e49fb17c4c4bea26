// y (N) = the first place of the largest element of each row of x (N, V).
// One row for LANES invocations; see shared/rows.
// import: index, rows

struct Params {
    count: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

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
    // The first place, as minus the largest of its negatives; exact up to rows of 2^24.
    var place = -16777216.0;
    for (var i = row.first; i < row.end; i += LANES) {
        if (x[i] == top) {
            place = max(place, -f32(i - row.start));
        }
    }
    place = -row_max(place, local);
    if (row.exists && row.first == row.start) {
        // Within the row, whatever the numbers are.
        y[row.at] = min(u32(place), params.width - 1u);
    }
}
