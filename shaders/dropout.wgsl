// y (N) = x scale or 0, by random masks that are the CPU's bit for bit: Philox4x32-10 (kernels/src/rng.rs) with the key
// (key[0], stream) and the counter (block, 0, 2, key[1]); a number is dropped where the upper 24 bits of its word are
// below the threshold. One invocation a block of four elements.
// import: index

struct Params {
    count: u32,
    threshold: u32,
    stream: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// The upper half of a product of 32 bits by 32.
fn high_product(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let middle = a_high * b_low + ((a_low * b_low) >> 16u);
    let carry = (middle & 0xffffu) + a_low * b_high;
    return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox(first: vec4u, seed: vec2u) -> vec4u {
    var counter = first;
    var round_key = seed;
    for (var round = 0u; round < 10u; round++) {
        counter = vec4u(
            high_product(counter.z, 0xCD9E8D57u) ^ counter.y ^ round_key.x,
            counter.z * 0xCD9E8D57u,
            high_product(counter.x, 0xD2511F53u) ^ counter.w ^ round_key.y,
            counter.x * 0xD2511F53u,
        );
        round_key += vec2u(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

fn put(at: u32, word: u32) {
    if (at < params.count) {
        if ((word >> 8u) < params.threshold) {
            y[at] = 0.0;
        } else {
            y[at] = x[at] * params.scale;
        }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = flat_group(group, groups) * 256u + local;
    let words = philox(vec4u(block, 0u, 2u, key[1]), vec2u(key[0], params.stream));
    put(4u * block, words.x);
    put(4u * block + 1u, words.y);
    put(4u * block + 2u, words.z);
    put(4u * block + 3u, words.w);
}
