// Euclidean norms of numbers of any magnitude in one pass (after Blue 1978): small, middling and large numbers are
// squared and summed apart, small ones scaled up and large ones down by 2^100.

const SMALL: f32 = 1e-15;
const LARGE: f32 = 1e15;
const UP: f32 = 1.2676506e30;
const DOWN: f32 = 7.8886091e-31;

fn add_square(sums: vec3f, x: f32) -> vec3f {
    let size = abs(x);
    if (size < SMALL) {
        return sums + vec3f(size * UP * (size * UP), 0.0, 0.0);
    }
    if (size > LARGE) {
        return sums + vec3f(0.0, 0.0, size * DOWN * (size * DOWN));
    }
    return sums + vec3f(0.0, size * size, 0.0);
}

// The root of the three sums together.
fn norm_of(sums: vec3f) -> f32 {
    let parts = sqrt(sums) * vec3f(DOWN, 1.0, UP);
    let largest = max(max(parts.x, parts.y), parts.z);
    if (largest > 0.0 && largest < 3e38) {
        let scaled = parts / largest;
        return largest * sqrt(dot(scaled, scaled));
    }
    return parts.x + parts.y + parts.z;
}
