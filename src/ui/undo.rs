//! Undo and redo: a list of states and where we stand in it.

/// States in the order they were made. The one we stand at is the present.
#[derive(Clone, Debug)]
pub struct Timeline<T> {
    states: Vec<T>,
    at: usize,
    label: String,
}

impl<T: Clone + PartialEq> Timeline<T> {
    const CAPACITY: usize = 100;

    /// A timeline that begins with `state`.
    pub fn new(state: T) -> Self {
        Timeline { states: vec![state], at: 0, label: String::new() }
    }

    /// The state we stand at.
    pub fn present(&self) -> &T {
        &self.states[self.at]
    }

    /// Makes `state` the present and forgets what had been undone. With `merge`, a change under the same `label` as
    /// the last one replaces it, so that one drag of a slider is one step.
    pub fn record(&mut self, state: T, label: &str, merge: bool) {
        if state == *self.present() {
            return;
        }
        self.states.truncate(self.at + 1);
        if merge && self.at > 0 && self.label == label {
            self.states.pop();
        }
        self.states.push(state);
        if self.states.len() > Self::CAPACITY {
            self.states.remove(0);
        }
        self.at = self.states.len() - 1;
        label.clone_into(&mut self.label);
    }

    /// Makes `state` of the present, which could not be had as it is. Where nothing is left of the step, it was none.
    pub fn amend(&mut self, state: T) {
        if self.at > 0 && self.states[self.at - 1] == state {
            return self.reject();
        }
        self.states[self.at] = state;
    }

    /// Drops the present, which could not be had, and everything after it.
    pub fn reject(&mut self) {
        if self.at > 0 {
            self.states.truncate(self.at);
            self.at -= 1;
        }
        self.label.clear();
    }

    /// One step back.
    pub fn undo(&mut self) -> Option<T> {
        self.at = self.at.checked_sub(1)?;
        self.label.clear();
        Some(self.present().clone())
    }

    /// One step forth.
    pub fn redo(&mut self) -> Option<T> {
        let next = self.states.get(self.at + 1)?.clone();
        self.at += 1;
        self.label.clear();
        Some(next)
    }

    /// Whether there is a step back.
    pub fn can_undo(&self) -> bool {
        self.at > 0
    }

    /// Whether there is a step forth.
    pub fn can_redo(&self) -> bool {
        self.at + 1 < self.states.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_back_and_forth() {
        let mut line = Timeline::new(0);
        line.record(1, "a", false);
        line.record(2, "a", true);
        line.record(3, "b", true);
        assert_eq!(line.undo(), Some(2));
        assert_eq!(line.undo(), Some(0));
        assert_eq!(line.undo(), None);
        assert_eq!(line.redo(), Some(2));
        line.record(9, "c", false);
        assert!(!line.can_redo());
        line.reject();
        assert_eq!(*line.present(), 2);
    }

    #[test]
    fn what_could_not_be_had_is_amended() {
        let mut line = Timeline::new(0);
        line.amend(1);
        line.record(5, "a", false);
        line.amend(3);
        assert_eq!((*line.present(), line.undo()), (3, Some(1)));
        line.record(7, "a", false);
        line.amend(1);
        assert_eq!((*line.present(), line.can_undo(), line.can_redo()), (1, false, false));
    }

    #[test]
    fn is_bounded() {
        let mut line = Timeline::new(0);
        (1..1000).for_each(|state| line.record(state, "", false));
        assert_eq!(*line.present(), 999);
        let back = std::iter::from_fn(|| line.undo()).count();
        assert_eq!(back, 99);
    }
}
