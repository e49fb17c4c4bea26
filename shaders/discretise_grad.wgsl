// dt (H), A, B, dL/d(dA), dL/d(dB) (H, N, 2) -> the gradients of dt by mode (H, N), A and B; those of complex numbers
// are (dL/dre, dL/dim). One invocation a mode.
// import: index, math, complex, discretise

struct Params {
    count: u32,
    modes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dt: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<vec2f>;
@group(0) @binding(3) var<storage, read> b: array<vec2f>;
@group(0) @binding(4) var<storage, read> on_decay: array<vec2f>;
@group(0) @binding(5) var<storage, read> on_input: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> d_dt: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_a: array<vec2f>;
@group(0) @binding(8) var<storage, read_write> d_b: array<vec2f>;

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
    let step = dt[at / params.modes];
    let rule = step_of(step * a[at]);
    // Re(conj(x) y) is a scalar product.
    d_dt[at] = dot(times(a[at], rule.decay_slope), on_decay[at]) + dot(times(b[at], rule.decay_slope), on_input[at]);
    let through_input = conjugate_times(step * step * times(b[at], rule.phi_slope), on_input[at]);
    d_a[at] = conjugate_times(step * rule.decay_slope, on_decay[at]) + through_input;
    d_b[at] = conjugate_times(step * rule.phi, on_input[at]);
}
