//! Sorting what is few. The standard library's sort is compiled anew for every type and every order, some kilobytes of the
//! download each; this one once.

use std::cmp::Ordering;

/// The places of `count` things in their order; those that compare as equal stay as they were.
pub fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places
}

/// Sorts; things that compare as equal stay as they were.
pub fn sort_by<T>(things: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let places = places(things.len(), &|a, b| compare(&things[a], &things[b]));
    let mut taken: Vec<Option<T>> = things.drain(..).map(Some).collect();
    things.extend(places.into_iter().filter_map(|place| taken[place].take()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_the_standard_library_does() {
        let numbers: Vec<(u32, usize)> = (0..200).map(|at| ((at as u32 * 7919) % 13, at)).collect();
        let (mut ours, mut theirs) = (numbers.clone(), numbers);
        sort_by(&mut ours, |a, b| b.0.cmp(&a.0));
        theirs.sort_by_key(|number| std::cmp::Reverse(number.0));
        assert_eq!(ours, theirs);
        sort_by(&mut Vec::<u8>::new(), Ord::cmp);
    }
}
