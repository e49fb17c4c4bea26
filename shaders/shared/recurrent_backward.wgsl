// What the backward passes of recurrent layers share: the order of steps, and a gradient times W_hh.

fn backward_step(place: u32, longest: u32) -> u32 {
    return select(longest - 1u - place, place, params.reverse == 1u);
}

// Whether step t is the one that starts from the initial state.
fn is_first(t: u32, ends: vec4u) -> vec4<bool> {
    return select(vec4<bool>(t == 0u), vec4u(t + 1u) >= ends, params.reverse == 1u);
}

// The rows (t B + sequence) of the states before step t; those of step t where it is the first.
fn rows_before(t: u32, lanes: vec4u, first: vec4<bool>) -> vec4u {
    let before = select(t - 1u, t + 1u, params.reverse == 1u);
    return lanes + params.batch * select(vec4u(before), vec4u(t), first);
}

// Where partial sums lie: permuted within a group of four, so that neither writing (stride four) nor reading
// (stride one) has bank conflicts.
fn place(output: u32) -> u32 {
    return (output & ~3u) | ((output + (output >> 3u)) & 3u);
}

// Rows of the weights, and into how many slices they are cut: PADDED / 4 * slices <= 256.
struct Rows {
    first: u32,
    count: u32,
    slices: u32,
}

// memory[..count] times the rows; call `total` for the results, then a barrier, before memory is written again.
fn multiply(local: u32, rows: Rows) {
    let columns = PADDED / 4u;
    let slice = local / columns;
    let column = local % columns;
    let chunk = (rows.count + rows.slices - 1u) / rows.slices;
    let end = min(rows.count, (slice + 1u) * chunk);
    var k = select(end, slice * chunk, slice < rows.slices);
    var sums = mat4x4f();
    workgroupBarrier();
    // Eight loads at a time are under way.
    for (; k + 8u <= end; k += 8u) {
        let row = rows.first + k;
        let w0 = weights_at(row, column);
        let w1 = weights_at(row + 1u, column);
        let w2 = weights_at(row + 2u, column);
        let w3 = weights_at(row + 3u, column);
        let w4 = weights_at(row + 4u, column);
        let w5 = weights_at(row + 5u, column);
        let w6 = weights_at(row + 6u, column);
        let w7 = weights_at(row + 7u, column);
        sums = add_product(sums, w0, memory[k]);
        sums = add_product(sums, w1, memory[k + 1u]);
        sums = add_product(sums, w2, memory[k + 2u]);
        sums = add_product(sums, w3, memory[k + 3u]);
        sums = add_product(sums, w4, memory[k + 4u]);
        sums = add_product(sums, w5, memory[k + 5u]);
        sums = add_product(sums, w6, memory[k + 6u]);
        sums = add_product(sums, w7, memory[k + 7u]);
    }
    for (; k < end; k++) {
        sums = add_product(sums, weights_at(rows.first + k, column), memory[k]);
    }
    workgroupBarrier();
    if (slice < rows.slices) {
        memory[place(4u * local)] = sums[0];
        memory[place(4u * local + 1u)] = sums[1];
        memory[place(4u * local + 2u)] = sums[2];
        memory[place(4u * local + 3u)] = sums[3];
    }
    workgroupBarrier();
}

// A column for each of four outputs, a row for each of four sequences.
fn add_product(sums: mat4x4f, w: vec4f, x: vec4f) -> mat4x4f {
    return mat4x4f(sums[0] + w.x * x, sums[1] + w.y * x, sums[2] + w.z * x, sums[3] + w.w * x);
}

// One output of the last product for the four sequences.
fn total(output: u32, rows: Rows) -> vec4f {
    var sum = memory[place(output)];
    for (var slice = 1u; slice < rows.slices; slice++) {
        sum += memory[place(output + PADDED * slice)];
    }
    return sum;
}
