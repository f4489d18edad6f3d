//! Which nodes jobs failed on for no fault of their own.

use std::collections::{BTreeMap, BTreeSet};

/// Failures on a node, one after the other, after which nothing is sent there any more.
const STRIKES: usize = 2;

/// What is known of nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    strikes: BTreeMap<String, usize>,
    excluded: BTreeSet<String>,
}

impl Nodes {
    /// Notes that a job failed on a node; answers whether it should be left out from now on.
    pub(super) fn strike(&mut self, node: &str) -> bool {
        if node.is_empty() || self.excluded.contains(node) {
            return false;
        }
        let strikes = self.strikes.entry(node.to_owned()).or_default();
        *strikes += 1;
        *strikes >= STRIKES
    }

    /// Notes that a job succeeded on a node.
    pub(super) fn praise(&mut self, node: &str) {
        self.strikes.remove(node);
    }

    pub(super) fn exclude(&mut self, node: &str) {
        self.excluded.insert(node.to_owned());
    }

    pub(super) fn excluded(&self) -> Vec<String> {
        self.excluded.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_left_out_after_two_failures_without_a_success_between() {
        let mut nodes = Nodes::default();
        assert!(!nodes.strike("n1") && !nodes.strike(""));
        nodes.praise("n1");
        assert!(!nodes.strike("n1") && !nodes.strike("n2") && nodes.strike("n1"));
        nodes.exclude("n1");
        assert!(!nodes.strike("n1"), "it is said once");
        assert_eq!(nodes.excluded(), ["n1"]);
    }
}
