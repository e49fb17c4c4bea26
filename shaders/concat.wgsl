// One operand x (outer, part) of a concatenation into y (outer, whole): y[.., start .. start + part] = x. The other
// ranges of y belong to the other operands' dispatches. Elements are moved by their bits, so that they may be floats
// or ids. One invocation an element of x.
// import: index

struct Params {
    count: u32,
    whole: u32,
    part: u32,
    start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_group(group, groups) * 256u + local;
    if (at >= params.count) {
        return;
    }
    y[at / params.part * params.whole + params.start + at % params.part] = x[at];
}
