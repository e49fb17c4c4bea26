// y = f(x), (N). FUNCTION is the place in kernels::unary::Unary. Four elements an invocation.
// import: index, math

override FUNCTION: u32 = 0u;

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn value(x: vec4f) -> vec4f {
    switch (FUNCTION) {
        case 0u: { return -x; }
        case 1u: { return exp4(x); }
        case 2u: { return ln4(x); }
        case 3u: { return sqrt(x); }
        case 4u: { return x * x; }
        case 5u: { return 1.0 / x; }
        case 6u: { return sigmoid4(x); }
        case 7u: { return tanh4(x); }
        case 8u: { return max(x, vec4f(0.0)); }
        // x sigmoid(x)
        case 9u: { return x * sigmoid4(x); }
        // x Phi(x), the erf form
        case 10u: { return x * normal_cdf4(x); }
        // x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
        case 11u: { return x * sigmoid4(1.5957691216 * fma(0.044715 * x * x, x, x)); }
        // ln(1 + e^x), x itself above 20
        case 12u: { return select(max(x, vec4f(0.0)) + ln_1p4(exp4(-abs(x))), x, x > vec4f(20.0)); }
        // ln sigmoid(x)
        default: { return min(x, vec4f(0.0)) - ln_1p4(exp4(-abs(x))); }
    }
}

fn put(at: u32, value: f32) {
    if (at < params.count) {
        y[at] = value;
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
    let result = value(vec4f(x[near.x], x[near.y], x[near.z], x[near.w]));
    put(at.x, result.x);
    put(at.y, result.y);
    put(at.z, result.z);
    put(at.w, result.w);
}
