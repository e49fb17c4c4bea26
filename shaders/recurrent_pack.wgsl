// The recurrent weights as the forward kernels of the layers stream them.
// weight_hh (G H, H), bias_ih (G H), bias_hh (G H) -> packed (H + 2, G PADDED):
// packed[k][g PADDED + u] = weight_hh[g H + u][k]; row H is bias_ih, row H + 1 is bias_hh; zeros where u >= H.
// One invocation an element.
// import: index

struct Params {
    gates: u32,
    units: u32,
    padded: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight_hh: array<f32>;
@group(0) @binding(2) var<storage, read> bias_ih: array<f32>;
@group(0) @binding(3) var<storage, read> bias_hh: array<f32>;
@group(0) @binding(4) var<storage, read_write> packed: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_group(group, groups) * 256u + local;
    let width = params.gates * params.padded;
    let k = at / width;
    let column = at % width;
    let unit = column % params.padded;
    if (k >= params.units + 2u) {
        return;
    }
    var value = 0.0;
    if (unit < params.units) {
        let row = column / params.padded * params.units + unit;
        if (k < params.units) {
            value = weight_hh[row * params.units + k];
        } else if (k == params.units) {
            value = bias_ih[row];
        } else {
            value = bias_hh[row];
        }
    }
    packed[at] = value;
}
