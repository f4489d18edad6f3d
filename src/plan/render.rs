//! Plans as text: DOT and Mermaid graphs, and the critical path in one line.

use std::fmt::{self, Write};

use super::{Cost, Job, JobId, Plan};

impl fmt::Display for Cost {
    /// Multiply-accumulates with an SI prefix, as in `3.20 TMAC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes = ["", "k", "M", "G", "T", "P", "E", "Z"];
        let mut value = self.macs;
        let mut index = 0;
        // 999.5 would be rounded to four digits.
        while value >= 999.5 && index + 1 < prefixes.len() {
            value /= 1000.0;
            index += 1;
        }
        let decimals = if index == 0 || value >= 99.95 { 0 } else { 1 + usize::from(value < 9.995) };
        write!(f, "{value:.decimals$} {}MAC", prefixes[index])
    }
}

impl Plan {
    /// The graph in the DOT language of Graphviz; the critical path is bold.
    pub fn to_dot(&self) -> String {
        let critical = self.critical_path(|job| self.cost(job.id).macs);
        let mut dot = String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box];\n");
        for job in self.jobs() {
            let style = if critical.contains(&job.id) { ", style=bold" } else { "" };
            let _ = writeln!(dot, "  \"{}\" [label=\"{}\"{style}];", job.id, self.label(job, "\\n"));
        }
        for (parent, child) in self.edges() {
            let on_path = critical.contains(&parent) && critical.contains(&child);
            let style = if on_path { " [style=bold]" } else { "" };
            let _ = writeln!(dot, "  \"{parent}\" -> \"{child}\"{style};");
        }
        dot.push_str("}\n");
        dot
    }

    /// The graph as a Mermaid flowchart, which GitHub shows in Markdown; the critical path is bold.
    pub fn to_mermaid(&self) -> String {
        let mut mermaid = String::from("flowchart LR\n");
        for job in self.jobs() {
            let _ = writeln!(mermaid, "  {}[\"{}\"]", node(job.id), self.label(job, "<br/>"));
        }
        for (parent, child) in self.edges() {
            let _ = writeln!(mermaid, "  {} --> {}", node(parent), node(child));
        }
        for id in self.critical_path(|job| self.cost(job.id).macs) {
            let _ = writeln!(mermaid, "  style {} stroke-width:4px", node(id));
        }
        mermaid
    }

    /// The critical path by estimated work, as in `pretrain 0123abcd > evaluate 4567cdef (3.20 TMAC)`.
    pub fn critical_path_line(&self) -> String {
        let path = self.critical_path(|job| self.cost(job.id).macs);
        let total = path.iter().fold(Cost::default(), |total, &id| total + self.cost(id));
        let steps: Vec<_> = path
            .iter()
            .filter_map(|&id| self.job(id))
            .map(|job| format!("{} {}", job.spec.kind(), job.id.short()))
            .collect();
        if steps.is_empty() { "nothing to do".to_owned() } else { format!("{} ({total})", steps.join(" > ")) }
    }

    fn label(&self, job: &Job, newline: &str) -> String {
        format!("{}{newline}{}{newline}{}", job.spec.kind(), job.id.short(), self.cost(job.id))
    }

    /// Parent and child of every edge, by child in plan order.
    fn edges(&self) -> impl Iterator<Item = (JobId, JobId)> {
        self.jobs().flat_map(|job| job.parents.iter().map(|&parent| (parent, job.id)))
    }
}

/// A Mermaid node name: a bare hash would be taken for a number if it starts with a digit.
fn node(id: JobId) -> String {
    format!("job{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    /// One trial with two evaluations, its ids replaced by letters so that the text does not change with the hash.
    fn readable(render: fn(&Plan) -> String) -> String {
        let mut sweep = fixture::sweep(&[0]);
        sweep.axes.clear();
        let plan = Plan::new(&[sweep]);
        plan.jobs().zip(["A", "B", "C"]).fold(render(&plan), |text, (job, letter)| {
            text.replace(&job.id.to_string(), letter).replace(&job.id.short(), &letter.to_lowercase())
        })
    }

    #[test]
    fn dot() {
        insta::assert_snapshot!(readable(Plan::to_dot), @r#"
        digraph plan {
          rankdir=LR;
          node [shape=box];
          "A" [label="pretrain\na\n122 GMAC", style=bold];
          "B" [label="evaluate\nb\n8.46 GMAC"];
          "C" [label="evaluate\nc\n8.48 GMAC", style=bold];
          "A" -> "B";
          "A" -> "C" [style=bold];
        }
        "#);
    }

    #[test]
    fn mermaid() {
        insta::assert_snapshot!(readable(Plan::to_mermaid), @r#"
        flowchart LR
          jobA["pretrain<br/>a<br/>122 GMAC"]
          jobB["evaluate<br/>b<br/>8.46 GMAC"]
          jobC["evaluate<br/>c<br/>8.48 GMAC"]
          jobA --> jobB
          jobA --> jobC
          style jobA stroke-width:4px
          style jobC stroke-width:4px
        "#);
    }

    #[test]
    fn critical_path_line() {
        insta::assert_snapshot!(readable(Plan::critical_path_line), @"pretrain a > evaluate c (130 GMAC)");
        assert_eq!(Plan::default().critical_path_line(), "nothing to do");
    }

    #[test]
    fn costs_have_three_digits_and_a_prefix() {
        let text = [0.0, 999.0, 999.7, 1234.0, 9.996e6, 555_417_600.0, 99.96e12, 1e21, 1e27]
            .map(|macs| Cost { macs, images: 0.0 }.to_string());
        assert_eq!(
            text.join(", "),
            "0 MAC, 999 MAC, 1.00 kMAC, 1.23 kMAC, 10.0 MMAC, 555 MMAC, 100 TMAC, 1.00 ZMAC, 1000000 ZMAC"
        );
    }
}
