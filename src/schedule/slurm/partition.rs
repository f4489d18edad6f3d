//! What sinfo says about a cluster.

use std::{collections::BTreeSet, fmt};

use super::{ClientError, listing::SEPARATOR};

/// The fields asked of sinfo, in the order in which [`partitions`] reads them.
const FIELDS: [&str; 6] = ["PartitionName", "Available", "Time", "StateLong", "Nodes", "Gres"];

/// States in which a node takes jobs, now or later.
const USABLE: [&str; 8] =
    ["idle", "mixed", "allocated", "completing", "planned", "reserved", "powering_up", "powered_down"];

/// A partition of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Whether it takes and starts jobs.
    pub up: bool,
    /// The longest that a job may run, in Slurm's form, as `1-00:00:00` or `infinite`.
    pub time_limit: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// How many of them can run jobs.
    pub usable: usize,
    /// What its nodes have besides cores and memory.
    pub gres: BTreeSet<Gres>,
}

/// A generic resource of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gres {
    /// What it is, as `gpu`.
    pub name: String,
    /// Of which type, as `a100`, if the cluster tells types apart.
    pub kind: Option<String>,
    /// How many of them a node has.
    pub count: u64,
}

/// The argument of sinfo's `--Format`.
pub(super) fn format() -> String {
    FIELDS.map(|field| format!("{field}:{SEPARATOR}")).join(",")
}

/// Reads sinfo's output: one line for the nodes of a partition that are alike.
pub(super) fn partitions(out: &str) -> Result<Vec<Partition>, ClientError> {
    let mut found: Vec<Partition> = Vec::new();
    for line in out.lines().filter(|line| !line.trim().is_empty()) {
        let unreadable = || ClientError::unreadable("sinfo", line);
        let fields: Vec<&str> = line.split(SEPARATOR).collect();
        let [name, available, time_limit, state, nodes, gres, ""] = fields[..] else { return Err(unreadable()) };
        let nodes: usize = nodes.parse().map_err(|_| unreadable())?;
        let index = found.iter().position(|partition| partition.name == name).unwrap_or_else(|| {
            found.push(Partition {
                name: name.to_owned(),
                up: available == "up",
                time_limit: time_limit.to_owned(),
                nodes: 0,
                usable: 0,
                gres: BTreeSet::new(),
            });
            found.len() - 1
        });
        let partition = &mut found[index];
        partition.nodes += nodes;
        // Marks such as * (does not answer), ~ (powered down) or # (powering up) follow the word.
        let word = state.trim_end_matches(|letter: char| !letter.is_ascii_alphabetic());
        if USABLE.contains(&word) && !state.ends_with('*') {
            partition.usable += nodes;
        }
        partition.gres.extend(split(gres).into_iter().filter_map(|text| Gres::read(&text)));
    }
    Ok(found)
}

/// The parts between commas that stand in no parentheses, as in `gpu:a100:4(S:0,1),shard:8`.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts
}

impl fmt::Display for Gres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Some(kind) => write!(f, "{}:{kind}:{}", self.name, self.count),
            None => write!(f, "{}:{}", self.name, self.count),
        }
    }
}

impl Gres {
    /// Reads `gpu`, `gpu:4`, `gpu:a100:4` and these with a list of sockets behind; none for `(null)`.
    fn read(text: &str) -> Option<Self> {
        let text = text.split('(').next().unwrap_or_default();
        let parts: Vec<&str> = text.split(':').filter(|part| *part != "no_consume").collect();
        let count = |text: &str| {
            let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
            let factor = match &text[digits.len()..] {
                "" => Some(1),
                "K" => Some(1 << 10),
                "M" => Some(1 << 20),
                "G" => Some(1 << 30),
                _ => None,
            };
            digits.parse::<u64>().ok().zip(factor).map(|(number, factor)| number.saturating_mul(factor))
        };
        let (name, kind, count) = match parts[..] {
            [""] | [] => return None,
            [name] => (name, None, 1),
            [name, last] => match count(last) {
                Some(count) => (name, None, count),
                None => (name, Some(last.to_owned()), 1),
            },
            [name, kind, last, ..] => (name, Some(kind.to_owned()), count(last).unwrap_or(1)),
        };
        Some(Self { name: name.to_owned(), kind, count })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gres(text: &str) -> Vec<(String, Option<String>, u64)> {
        split(text).iter().filter_map(|part| Gres::read(part)).map(|gres| (gres.name, gres.kind, gres.count)).collect()
    }

    #[test]
    fn generic_resources_are_read_in_all_forms() {
        let own = |name: &str, kind: Option<&str>, count| (name.to_owned(), kind.map(str::to_owned), count);
        assert_eq!(gres("(null)"), []);
        assert_eq!(gres("gpu:2"), [own("gpu", None, 2)]);
        assert_eq!(gres("gpu:tesla:2(S:0,1),shard:8"), [own("gpu", Some("tesla"), 2), own("shard", None, 8)]);
        assert_eq!(gres("gpu:a100"), [own("gpu", Some("a100"), 1)]);
        assert_eq!(gres("bandwidth:lustre:no_consume:4G"), [own("bandwidth", Some("lustre"), 4 << 30)]);
    }

    #[test]
    fn what_sinfo_said_in_22_05_is_read() {
        let found = partitions(include_str!("../../../tests/fixtures/slurm/sinfo-22.05.txt")).unwrap();
        let gres = BTreeSet::from([Gres { name: "gpu".to_owned(), kind: None, count: 2 }]);
        let partition = |name: &str| Partition {
            name: name.to_owned(),
            up: true,
            time_limit: "infinite".to_owned(),
            nodes: 2,
            usable: 1,
            gres: gres.clone(),
        };
        assert_eq!(found, [partition("main"), partition("high")]);
    }

    #[test]
    fn nodes_that_are_alike_add_up_to_partitions() {
        let text = "main|up|1-00:00:00|mixed|3|gpu:a100:4|\nmain|up|1-00:00:00|down*|1|gpu:a100:4|\n\
                    main|up|1-00:00:00|idle~|2|(null)|\nold|down|infinite|idle*|5|(null)|\n";
        let found = partitions(&text.replace('|', "\u{1f}")).unwrap();
        let seen: Vec<_> =
            found.iter().map(|it| (&*it.name, it.up, &*it.time_limit, it.nodes, it.usable, it.gres.len())).collect();
        assert_eq!(seen, [("main", true, "1-00:00:00", 6, 5, 1), ("old", false, "infinite", 5, 0, 0)]);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(text in "([a-z0-9:(),*\u{1f}]{0,40}\n){0,3}") {
            let _ = partitions(&text);
        }
    }
}
