//! Simplifies coastlines for the atlas.

/// A point in metres on the sheet's projection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// Distance in metres between a point and the line through `a` and `b`.
fn distance_to_line(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx.hypot(dy);
    if length == 0.0 {
        return (p.x - a.x).hypot(p.y - a.y);
    }
    ((p.x - a.x) * dy - (p.y - a.y) * dx).abs() / length
}

/// Drops points that lie closer than `tolerance` metres to the simplified line (Douglas-Peucker).
pub fn simplify(line: &[Point], tolerance: f64) -> Vec<Point> {
    let [first, middle @ .., last] = line else { return line.to_vec() };
    let far = middle
        .iter()
        .enumerate()
        .map(|(i, p)| (i + 1, distance_to_line(*p, *first, *last)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    match far {
        Some((i, distance)) if distance > tolerance => {
            let mut left = simplify(&line[..=i], tolerance);
            left.pop();
            left.extend(simplify(&line[i..], tolerance));
            left
        }
        _ => vec![*first, *last],
    }
}
