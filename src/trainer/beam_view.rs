//! Beam search by path: `beam/WIDTH/NORMALISATION` is the tree of a search for the answer to the probe text,
//! `beam/5/mean/12/31` the same taken up again at node 12 and then at 31, `beam/5/none/greedy` the log-probabilities of what
//! greedy decoding and the search find for [`QUESTIONS`] texts that are not trained on.

use super::decoding::beam::{BeamOptions, BeamSearch, Fate, LengthNormalisation, Policy};
use super::measures::Tensor;

/// The widest beam.
pub const WIDEST: usize = 8;
/// Texts on which a search is compared with greedy decoding.
pub const QUESTIONS: usize = 8;
/// Children of an expanded node that are shown though they were pruned.
const SHOWN: usize = 2;
/// Numbers of a node in [`table`].
pub const COLUMNS: usize = 8;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct BeamPath {
    /// Width and ranking.
    pub options: BeamOptions,
    /// Nodes at which the search is taken up again, one after the other.
    pub picks: Vec<usize>,
    /// Whether it is to be compared with greedy decoding.
    pub against_greedy: bool,
}

impl BeamPath {
    /// What comes after `beam/`; `None` where that says nothing.
    pub fn parse(path: &str) -> Option<BeamPath> {
        let mut parts = path.split('/');
        let width = parts.next()?.parse().ok().filter(|width| (1..=WIDEST).contains(width))?;
        let normalisation = match parts.next()? {
            "none" => LengthNormalisation::None,
            "mean" => LengthNormalisation::Mean,
            "gnmt" => LengthNormalisation::Gnmt { alpha: 0.6 },
            _ => return None,
        };
        let options = BeamOptions { width, policy: Policy::Hold, normalisation, shown: SHOWN };
        let rest: Vec<&str> = parts.collect();
        let against_greedy = rest == ["greedy"];
        let picks = if against_greedy { Some(Vec::new()) } else { rest.iter().map(|node| node.parse().ok()).collect() };
        Some(BeamPath { options, picks: picks?, against_greedy })
    }
}

/// The log-probability of the best hypothesis.
pub fn best(search: &BeamSearch) -> f32 {
    search.hypotheses().first().map_or(f32::NAN, |best| best.log_probability as f32)
}

/// The tree, a row for each node, a parent before its children: the parent's row (-1: none), token, depth, the token's
/// log-probability, their sum since the root, score, what became of it (0 kept, 1 finished, 2 pruned), and the place (from 1)
/// of the best hypothesis that it belongs to (0: to none).
pub fn table(search: &BeamSearch) -> Tensor {
    let nodes = search.nodes();
    let mut ranks = vec![0.0; nodes.len()];
    for (place, hypothesis) in search.hypotheses().iter().enumerate().rev() {
        let mut at = Some(hypothesis.node);
        while let Some(node) = at {
            ranks[node] = (place + 1) as f32;
            at = nodes[node].parent;
        }
    }
    let mut numbers = Vec::with_capacity(nodes.len() * COLUMNS);
    for (node, rank) in nodes.iter().zip(ranks) {
        let fate = match node.fate {
            Fate::Kept => 0.0,
            Fate::Finished => 1.0,
            Fate::Pruned => 2.0,
        };
        numbers.extend([node.parent.map_or(-1.0, |parent| parent as f32), node.token as f32, node.depth as f32]);
        numbers.extend([node.log_probability, node.cumulated as f32, node.score as f32, fate, rank]);
    }
    (numbers, vec![nodes.len(), COLUMNS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let path = BeamPath::parse("5/mean/12/31").expect("a path");
        assert_eq!((path.options.width, path.picks, path.against_greedy), (5, vec![12, 31], false));
        assert_eq!(BeamPath::parse("3/none/greedy").map(|path| path.against_greedy), Some(true));
        for nothing in ["", "0/none", "9/none", "5", "5/never", "5/none/x", "x/none", "5/none/greedy/1"] {
            assert_eq!(BeamPath::parse(nothing), None, "{nothing}");
        }
    }
}
