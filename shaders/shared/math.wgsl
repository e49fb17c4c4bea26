// Transcendental functions, the same on every GPU: built from additions, multiplications and bit patterns, because
// WGSL lets exp and tanh be NaN for large arguments and inexact near 0, and has no erf. Relative error about 2e-7 for
// all finite arguments. Coefficients: Chebyshev fits of the functions named, made for this project.

const LOG2_E: f32 = 1.44269504;
const LN_2_HIGH: f32 = 0.693145751953125;
const LN_2_LOW: f32 = 1.42860677e-6;

// e^x; 0 below -87.33, about 3.4e38 above 88.72. x = n ln 2 + r; (e^r - 1 - r) / r^2 as a polynomial.
fn exp4(x: vec4f) -> vec4f {
    let y = clamp(x, vec4f(-87.33), vec4f(88.72));
    let n = round(y * LOG2_E);
    let r = fma(n, vec4f(-LN_2_LOW), fma(n, vec4f(-LN_2_HIGH), y));
    var p = fma(r, vec4f(0.001377643747), vec4f(0.008363173075));
    p = fma(p, r, vec4f(0.04166880286));
    p = fma(p, r, vec4f(0.1666657703));
    p = fma(p, r, vec4f(0.4999999325));
    p = fma(p * r, r, r) + 1.0;
    // 2^n in two factors: 2^128 has no float.
    let whole = vec4i(n);
    let half = whole / 2;
    let scaled = p * power_of_two(half) * power_of_two(whole - half);
    return select(scaled, vec4f(0.0), x < vec4f(-87.33));
}

fn power_of_two(exponent: vec4i) -> vec4f {
    return bitcast<vec4f>(vec4u(exponent + 127) << vec4u(23u));
}

// artanh(s) / s in z = s^2, |s| <= 1/3.
fn artanh_ratio(z: vec4f) -> vec4f {
    var p = fma(z, vec4f(0.1219695404), vec4f(0.1069928025));
    p = fma(p, z, vec4f(0.143101037));
    p = fma(p, z, vec4f(0.1999935562));
    p = fma(p, z, vec4f(0.3333333951));
    return fma(p, z, vec4f(1.0));
}

// ln x = e ln 2 + 2 artanh((m - 1) / (m + 1)), x = m 2^e with m in sqrt(1/2)..sqrt(2).
fn ln4(x: vec4f) -> vec4f {
    let bits = bitcast<vec4i>(x);
    let exponent = (bits - 0x3f3504f3) >> vec4u(23u);
    let m = bitcast<vec4f>(bits - (exponent << vec4u(23u)));
    let s = (m - 1.0) / (m + 1.0);
    let e = vec4f(exponent);
    let value = fma(e, vec4f(LN_2_HIGH), fma(e, vec4f(LN_2_LOW), 2.0 * s * artanh_ratio(s * s)));
    // What has no logarithm, and what flushes to 0, is the device's to answer.
    return select(log(x), value, (x >= vec4f(1.1754944e-38)) & (x <= vec4f(3.4e38)));
}

// ln(1 + y) for y in 0..1.
fn ln_1p4(y: vec4f) -> vec4f {
    let s = y / (2.0 + y);
    return 2.0 * s * artanh_ratio(s * s);
}

// Hyperbolic tangent: x times a polynomial in x^2 near 0, else 1 - 2 / (e^2x + 1).
fn tanh4(x: vec4f) -> vec4f {
    let z = min(x * x, vec4f(0.36));
    var p = fma(z, vec4f(-0.00584964391), vec4f(0.02075134911));
    p = fma(p, z, vec4f(-0.05376798351));
    p = fma(p, z, vec4f(0.1333167963));
    p = fma(p, z, vec4f(-0.3333328283));
    p = fma(p, z, vec4f(0.9999999975));
    let far = 1.0 - 2.0 / (exp4(2.0 * min(abs(x), vec4f(10.0))) + 1.0);
    return select(sign(x) * far, x * p, abs(x) < vec4f(0.6));
}

// 1 / (1 + e^-x).
fn sigmoid4(x: vec4f) -> vec4f {
    let e = exp4(-abs(x));
    let upper = 1.0 / (1.0 + e);
    return select(upper, e * upper, x < vec4f(0.0));
}

// The standard normal distribution below x, (1 + erf(x / sqrt 2)) / 2, right in the lower tail too:
// e^(a^2/2) P(X > a) = t p(t) with t = 1 / (1 + a/4), a = |x|.
fn normal_cdf4(x: vec4f) -> vec4f {
    let a = min(abs(x), vec4f(14.0));
    let t = 1.0 / fma(a, vec4f(0.25), vec4f(1.0));
    var p = fma(t, vec4f(0.01894993725), vec4f(-0.07600082433));
    p = fma(p, t, vec4f(0.08352695893));
    p = fma(p, t, vec4f(-0.01517991219));
    p = fma(p, t, vec4f(0.04991444218));
    p = fma(p, t, vec4f(0.06619648294));
    p = fma(p, t, vec4f(0.07923649509));
    p = fma(p, t, vec4f(0.09393188884));
    p = fma(p, t, vec4f(0.09968679016));
    p = fma(p, t, vec4f(0.09973774602));
    let tail = exp4(-0.5 * a * a) * t * p;
    return select(1.0 - tail, tail, x < vec4f(0.0));
}

fn exp1(x: f32) -> f32 {
    return exp4(vec4f(x)).x;
}

fn ln1(x: f32) -> f32 {
    return ln4(vec4f(x)).x;
}
