// Work on the rows of a matrix: LANES invocations a row (a power of two), 256 / LANES rows a workgroup. Every
// invocation of the workgroup must call the reductions, in uniform control flow.

override LANES: u32 = 256u;

var<workgroup> row_values: array<f32, 256>;

// Of an invocation: its row, where that starts and ends in x, its first element, and whether there is such a row
// (there is none at the end of the last workgroup, which works on the last row again and writes nothing).
struct Row {
    at: u32,
    start: u32,
    end: u32,
    first: u32,
    exists: bool,
}

fn row_of(group: u32, local: u32, count: u32, width: u32) -> Row {
    let wanted = group * (256u / LANES) + local / LANES;
    let at = min(wanted, count - 1u);
    let start = at * width;
    return Row(at, start, start + width, start + local % LANES, wanted < count);
}

fn row_sum(value: f32, local: u32) -> f32 {
    row_values[local] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if (local % LANES < half) {
            row_values[local] += row_values[local + half];
        }
        workgroupBarrier();
    }
    let total = row_values[local - local % LANES];
    workgroupBarrier();
    return total;
}

fn row_max(value: f32, local: u32) -> f32 {
    row_values[local] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if (local % LANES < half) {
            row_values[local] = max(row_values[local], row_values[local + half]);
        }
        workgroupBarrier();
    }
    let largest = row_values[local - local % LANES];
    workgroupBarrier();
    return largest;
}
