// y = 1 where the id is not `value`, else 0, (N). One invocation an element.
// import: index

struct Params {
    count: u32,
    value: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
    y[at] = select(1.0, 0.0, ids[at] == params.value);
}
