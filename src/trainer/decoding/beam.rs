//! Beam search that keeps its whole tree.

use std::cmp::Ordering;

use super::{Bounds, Stepper};
use crate::engine::error::EngineError;
use crate::engine::kernels::entries::Kernels;
use crate::engine::kernels::real::Real;
use crate::order;

/// What becomes of hypotheses that have ended while others go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They keep their place in the beam: at each step the candidates are the finished hypotheses, as they are, and every
    /// extension of the live ones; the best `width` stay. Ends when all of these are finished.
    Hold,
    /// They are set aside: extensions are taken best first, those that end join the finished set, the others fill `width`
    /// live places. Ends when the best live hypothesis is not above the `width`th best finished one (as they are scored
    /// now: with a length normalisation a live one might still rise).
    Aside,
}

/// How hypotheses of different lengths are compared; lengths count the end token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LengthNormalisation {
    /// The sum of log-probabilities, which favours short sequences.
    None,
    /// Its mean: the sum / length.
    Mean,
    /// The sum / ((5 + length) / 6)^alpha (Wu et al. 2016, GNMT, equation 14, without the coverage penalty); 0.6 to 0.7 is
    /// usual.
    Gnmt { alpha: f32 },
}

impl LengthNormalisation {
    /// The score that hypotheses are ranked by.
    pub fn score(self, log_probability: f64, length: usize) -> f64 {
        match self {
            LengthNormalisation::None => log_probability,
            LengthNormalisation::Mean => log_probability / length.max(1) as f64,
            LengthNormalisation::Gnmt { alpha } => {
                log_probability / f64::from(Real::exp(alpha * Real::ln((5 + length) as f32 / 6.0)))
            }
        }
    }
}

/// What a beam search does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeamOptions {
    /// Hypotheses kept at each step, 1 at least.
    pub width: usize,
    /// What becomes of finished ones.
    pub policy: Policy,
    /// How they are ranked.
    pub normalisation: LengthNormalisation,
    /// Children of an expanded node that are in the tree even when they were pruned, the most probable ones.
    pub shown: usize,
}

/// What became of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was in the beam, and went on or stood there at the end.
    Kept,
    /// It ended with the end token and is among the finished.
    Finished,
    /// It was not among the best, at once or after it had finished.
    Pruned,
}

/// A prefix: a token after its parent's prefix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// `None` for the root, which is the first token that is read.
    pub parent: Option<usize>,
    /// Its token.
    pub token: u32,
    /// Tokens since the root; 0 for the root.
    pub depth: usize,
    /// The token's log-probability given the prefix before it; 0 for the root.
    pub log_probability: f32,
    /// The sum of log-probabilities since the root.
    pub cumulated: f64,
    /// What it is ranked by: `cumulated`, normalised.
    pub score: f64,
    /// What became of it.
    pub fate: Fate,
}

/// What a node's token led to: known once the model has read it.
struct Expansion {
    /// The state after the token.
    state: Vec<f32>,
    /// The log-probability of every next token.
    log_probabilities: Vec<f32>,
    /// Those next tokens that are nodes.
    children: Vec<usize>,
}

/// A sequence that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Its last node.
    pub node: usize,
    /// Its tokens after the root, the end among them.
    pub tokens: Vec<u32>,
    /// The sum of log-probabilities.
    pub log_probability: f64,
    /// What it is ranked by.
    pub score: f64,
    /// Whether it ended; else it was cut at the largest length, or the search is still on.
    pub finished: bool,
}

/// A search under way: a tree, and which of its leaves are still in the race.
///
/// Nothing in it is random: ties go to the sequence that is lower in the order of its tokens.
pub struct BeamSearch {
    options: BeamOptions,
    start: Vec<f32>,
    end: Option<u32>,
    max_length: usize,
    nodes: Vec<Node>,
    expansions: Vec<Option<Expansion>>,
    /// Best first.
    live: Vec<usize>,
    finished: Vec<usize>,
    over: bool,
}

/// A live node extended by a token, or a finished node as it is.
#[derive(Clone, Copy)]
struct Candidate {
    /// The node extended, or the finished node.
    node: usize,
    token: Option<u32>,
    score: f64,
}

impl BeamSearch {
    /// A search that has not begun.
    pub fn new(options: BeamOptions, bounds: Bounds<'_>) -> BeamSearch {
        let root = Node {
            parent: None,
            token: bounds.first,
            depth: 0,
            log_probability: 0.0,
            cumulated: 0.0,
            score: 0.0,
            fate: Fate::Kept,
        };
        BeamSearch {
            options: BeamOptions { width: options.width.max(1), ..options },
            start: bounds.state.to_vec(),
            end: bounds.end,
            max_length: bounds.max_length,
            nodes: vec![root],
            expansions: vec![None],
            live: vec![0],
            finished: Vec::new(),
            over: bounds.max_length == 0,
        }
    }

    /// The tree; a parent comes before its children.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The log-probability of every next token after a node, once the model has read it.
    pub fn next_log_probabilities(&self, node: usize) -> Option<&[f32]> {
        Some(&self.expansions.get(node)?.as_ref()?.log_probabilities)
    }

    /// The tokens from the root (without it) to a node.
    pub fn tokens(&self, node: usize) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(self.nodes[node].depth);
        let mut at = node;
        while let Some(parent) = self.nodes[at].parent {
            tokens.push(self.nodes[at].token);
            at = parent;
        }
        tokens.reverse();
        tokens
    }

    /// The best `width` hypotheses, best first: finished ones, and those that are live.
    pub fn hypotheses(&self) -> Vec<Hypothesis> {
        let mut leaves: Vec<Candidate> =
            self.finished.iter().chain(&self.live).map(|node| self.as_it_is(*node)).collect();
        leaves.retain(|leaf| self.nodes[leaf.node].depth > 0);
        order::sort_by(&mut leaves, |a, b| self.order(a, b));
        leaves.truncate(self.options.width);
        let hypothesis = |leaf: Candidate| Hypothesis {
            node: leaf.node,
            tokens: self.tokens(leaf.node),
            log_probability: self.nodes[leaf.node].cumulated,
            score: leaf.score,
            finished: self.nodes[leaf.node].fate == Fate::Finished,
        };
        leaves.into_iter().map(hypothesis).collect()
    }

    /// Steps until the search is over.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn run(&mut self, stepper: &mut dyn Stepper) -> Result<(), EngineError> {
        while self.step(stepper).await? {}
        Ok(())
    }

    /// Extends every live hypothesis by one token; whether the search goes on.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn step(&mut self, stepper: &mut dyn Stepper) -> Result<bool, EngineError> {
        if self.over {
            return Ok(false);
        }
        self.expand(stepper).await?;
        let parents = std::mem::take(&mut self.live);
        let mut candidates: Vec<Candidate> = parents.iter().flat_map(|node| self.extensions(*node)).collect();
        match self.options.policy {
            Policy::Hold => self.hold(&mut candidates),
            Policy::Aside => self.set_aside(&mut candidates),
        }
        for parent in &parents {
            self.show(*parent);
        }
        let depth = self.live.first().map_or(usize::MAX, |node| self.nodes[*node].depth);
        self.over |= depth >= self.max_length;
        Ok(!self.over)
    }

    /// Takes the search up again at a node, whatever became of it: from here on only its continuations are in the race.
    /// The tree keeps what is known. `false`, and nothing changes, for a node that ended or has the largest length.
    pub fn continue_from(&mut self, node: usize) -> bool {
        let goes_on = self
            .nodes
            .get(node)
            .is_some_and(|found| found.depth < self.max_length && (found.depth == 0 || Some(found.token) != self.end));
        if goes_on {
            self.live = vec![node];
            self.finished.clear();
            self.nodes[node].fate = Fate::Kept;
            self.over = false;
        }
        goes_on
    }

    /// Has the model read the tokens of the live nodes that it has not read yet.
    async fn expand(&mut self, stepper: &mut dyn Stepper) -> Result<(), EngineError> {
        let wanted: Vec<usize> = self.live.iter().copied().filter(|node| self.expansions[*node].is_none()).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let tokens: Vec<u32> = wanted.iter().map(|node| self.nodes[*node].token).collect();
        let states: Vec<&[f32]> = wanted.iter().map(|node| self.state_before(*node)).collect();
        let stepped = stepper.advance(&states, &tokens).await?;
        let (width, vocabulary) = (stepper.state_len(), stepper.vocabulary());
        let mut log_probabilities = vec![0.0; stepped.logits.len()];
        f32::log_softmax(vocabulary, &stepped.logits, &mut log_probabilities);
        for (row, node) in wanted.into_iter().enumerate() {
            self.expansions[node] = Some(Expansion {
                state: stepped.states[row * width..(row + 1) * width].to_vec(),
                log_probabilities: log_probabilities[row * vocabulary..(row + 1) * vocabulary].to_vec(),
                children: Vec::new(),
            });
        }
        Ok(())
    }

    /// The state in which a node's token is read: the one after its parent's.
    fn state_before(&self, node: usize) -> &[f32] {
        let parent = self.nodes[node].parent.and_then(|parent| self.expansions[parent].as_ref());
        parent.map_or(&self.start, |parent| &parent.state)
    }

    fn extensions(&self, node: usize) -> impl Iterator<Item = Candidate> + '_ {
        let Node { cumulated, depth, .. } = self.nodes[node];
        let next = self.next_log_probabilities(node).unwrap_or(&[]);
        next.iter().enumerate().map(move |(token, log_probability)| {
            let score = self.options.normalisation.score(cumulated + f64::from(*log_probability), depth + 1);
            Candidate { node, token: Some(token as u32), score }
        })
    }

    fn as_it_is(&self, node: usize) -> Candidate {
        Candidate { node, token: None, score: self.nodes[node].score }
    }

    /// Best first; ties by the order of the tokens.
    fn order(&self, a: &Candidate, b: &Candidate) -> Ordering {
        let sequence = |candidate: &Candidate| {
            let mut tokens = self.tokens(candidate.node);
            tokens.extend(candidate.token);
            tokens
        };
        b.score.total_cmp(&a.score).then_with(|| sequence(a).cmp(&sequence(b)))
    }

    fn hold(&mut self, candidates: &mut Vec<Candidate>) {
        let finished = std::mem::take(&mut self.finished);
        candidates.extend(finished.iter().map(|node| self.as_it_is(*node)));
        order::sort_by(candidates, |a, b| self.order(a, b));
        for (rank, candidate) in candidates.iter().enumerate() {
            match candidate.token {
                Some(token) if rank < self.options.width => self.keep(candidate.node, token),
                Some(_) => {}
                None if rank < self.options.width => self.finished.push(candidate.node),
                None => self.nodes[candidate.node].fate = Fate::Pruned,
            }
        }
        self.over = self.live.is_empty();
    }

    fn set_aside(&mut self, candidates: &mut Vec<Candidate>) {
        order::sort_by(candidates, |a, b| self.order(a, b));
        for candidate in candidates {
            if self.live.len() == self.options.width {
                break;
            }
            if let Some(token) = candidate.token {
                self.keep(candidate.node, token);
            }
        }
        let mut scores: Vec<f64> = self.finished.iter().map(|node| self.nodes[*node].score).collect();
        order::sort_by(&mut scores, |a, b| b.total_cmp(a));
        let bar = scores.get(self.options.width - 1);
        let hopeless = |node: &usize| bar.is_some_and(|bar| self.nodes[*node].score <= *bar);
        if self.live.first().is_none_or(hopeless) {
            for node in std::mem::take(&mut self.live) {
                self.nodes[node].fate = Fate::Pruned;
            }
            self.over = true;
        }
    }

    /// An extension that stays: among the live or the finished.
    fn keep(&mut self, parent: usize, token: u32) {
        let node = self.child(parent, token);
        if Some(token) == self.end {
            self.nodes[node].fate = Fate::Finished;
            self.finished.push(node);
        } else {
            self.nodes[node].fate = Fate::Kept;
            self.live.push(node);
        }
    }

    /// Puts the most probable children of an expanded node into the tree.
    fn show(&mut self, parent: usize) {
        let next = self.next_log_probabilities(parent).unwrap_or(&[]);
        let tokens = order::places(next.len(), &|a, b| next[b].total_cmp(&next[a]));
        for token in tokens.into_iter().take(self.options.shown) {
            self.child(parent, token as u32);
        }
    }

    /// The child of an expanded node for a token; a new one counts as pruned until it is kept.
    fn child(&mut self, parent: usize, token: u32) -> usize {
        let (new, Node { cumulated, depth, .. }) = (self.nodes.len(), self.nodes[parent]);
        let expansion = self.expansions[parent].as_mut().expect("children are asked for after the parent was read");
        let known = expansion.children.iter().copied().find(|child| self.nodes[*child].token == token);
        if let Some(known) = known {
            return known;
        }
        let log_probability = expansion.log_probabilities[token as usize];
        expansion.children.push(new);
        let (cumulated, depth) = (cumulated + f64::from(log_probability), depth + 1);
        let score = self.options.normalisation.score(cumulated, depth);
        let fate = Fate::Pruned;
        self.nodes.push(Node { parent: Some(parent), token, depth, log_probability, cumulated, score, fate });
        self.expansions.push(None);
        new
    }
}
