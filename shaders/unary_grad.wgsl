// dx = f'(x) dy, (N). FUNCTION is the place in kernels::unary::Unary. Four elements an invocation.
// import: index, math

override FUNCTION: u32 = 0u;

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn gradient(x: vec4f, d: vec4f) -> vec4f {
    switch (FUNCTION) {
        case 0u: { return -d; }
        case 1u: { return d * exp4(x); }
        case 2u: { return d / x; }
        case 3u: { return d * 0.5 / sqrt(x); }
        case 4u: { return d * (x + x); }
        case 5u: { return -d / x / x; }
        case 6u: {
            let s = sigmoid4(x);
            return d * (s * (1.0 - s));
        }
        case 7u: {
            let t = tanh4(x);
            return d * (1.0 - t * t);
        }
        case 8u: { return select(vec4f(0.0), d, x > vec4f(0.0)); }
        case 9u: {
            let s = sigmoid4(x);
            return d * (s * (1.0 + x * (1.0 - s)));
        }
        // Phi(x) + x phi(x)
        case 10u: { return d * (normal_cdf4(x) + x * 0.3989422804 * exp4(-0.5 * x * x)); }
        // With s = sigmoid(2 u): s + 2 x s (1 - s) u'
        case 11u: {
            let s = sigmoid4(1.5957691216 * fma(0.044715 * x * x, x, x));
            return d * (s + x * (s * (1.0 - s)) * (1.5957691216 * fma(0.134145 * x, x, vec4f(1.0))));
        }
        case 12u: { return d * select(sigmoid4(x), vec4f(1.0), x > vec4f(20.0)); }
        default: { return d * sigmoid4(-x); }
    }
}

fn put(at: u32, value: f32) {
    if (at < params.count) {
        dx[at] = value;
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    // Four elements, a workgroup's width apart.
    let first = flat_group(group, groups) * 1024u + local;
    let at = vec4u(first, first + 256u, first + 512u, first + 768u);
    let near = min(at, vec4u(params.count - 1u));
    let d = vec4f(dy[near.x], dy[near.y], dy[near.z], dy[near.w]);
    let result = gradient(vec4f(x[near.x], x[near.y], x[near.z], x[near.w]), d);
    put(at.x, result.x);
    put(at.y, result.y);
    put(at.z, result.z);
    put(at.w, result.w);
}
