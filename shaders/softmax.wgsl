// y = exp(x - max) / sum by rows of x (N, F). With MASKED 1, elements where the mask is 0 do not count and y is
// exactly 0 there; a row where none counts is 0; the mask's `period` elements repeat. With MASKED 2, x is a batch of
// matrices of `period` rows: row i sees the columns 0 ..= i + F - period. Else the mask is not read.
// One row for LANES invocations; see shared/rows.
// import: index, math, rows

override MASKED: u32 = 0u;

struct Params {
    count: u32,
    width: u32,
    period: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn counts(i: u32) -> bool {
    switch (MASKED) {
        case 1u: { return mask[i % params.period] > 0.0; }
        case 2u: { return i % params.width + params.period <= i / params.width % params.period + params.width; }
        default: { return true; }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = row_of(flat_group(group, groups), local, params.count, params.width);
    var top = -3.4e38;
    for (var i = row.first; i < row.end; i += LANES) {
        if (counts(i)) {
            top = max(top, x[i]);
        }
    }
    top = row_max(top, local);
    var sum = 0.0;
    for (var i = row.first; i < row.end; i += LANES) {
        if (counts(i)) {
            sum += exp1(x[i] - top);
        }
    }
    let total = row_sum(sum, local);
    let scale = select(1.0 / total, 0.0, total == 0.0);
    if (row.exists) {
        for (var i = row.first; i < row.end; i += LANES) {
            y[i] = select(0.0, exp1(x[i] - top) * scale, counts(i));
        }
    }
}
