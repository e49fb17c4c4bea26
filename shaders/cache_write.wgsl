// cache (L, B, F) takes x (1, B, F) at each sequence's position (1, B), the last place if that is beyond.
// One invocation an element of x.
// import: index

struct Params {
    count: u32,
    width: u32,
    longest: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> position: array<u32>;
@group(0) @binding(3) var<storage, read_write> cache: array<f32>;

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
    let place = min(position[at / params.width], params.longest - 1u);
    cache[place * params.count + at] = x[at];
}
