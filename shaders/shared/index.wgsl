// Work spread over more workgroups than one dimension may have (65535): groups are counted row by row.

fn flat_group(group: vec3u, count: vec3u) -> u32 {
    return group.y * count.x + group.x;
}
