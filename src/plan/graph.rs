//! Trials become a graph of jobs in which equal jobs are one node.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    path::PathBuf,
    sync::Arc,
};

use petgraph::{
    Direction,
    graph::{DiGraph, NodeIndex},
};

use super::{Job, JobId, Versions, form::Forms};
use crate::{recipe::JobSpec, sweep::Sweep};

/// The jobs of one or more sweeps; edges lead from a job to the jobs that need it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    graph: DiGraph<Job, ()>,
    /// Never walked through: its order is that of the hashes.
    nodes: HashMap<JobId, NodeIndex, BuildHasherDefault<IdHasher>>,
    /// One entry per sweep, trial and seed: which jobs make its numbers. Sorted by sweep, then seed, then trial, so
    /// that one seed of every trial comes before the second seed of any.
    pub trials: Vec<PlannedTrial>,
}

/// The jobs behind one trial with one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTrial {
    /// Index of the sweep among those planned together.
    pub sweep: usize,
    /// Index of the chosen value on each axis of the sweep.
    pub point: Vec<usize>,
    /// The seed.
    pub seed: u64,
    /// The pretraining job.
    pub pretrain: JobId,
    /// The evaluation jobs, one per evaluation of the sweep.
    pub evaluations: Vec<JobId>,
}

impl Plan {
    /// Plans sweeps together; jobs that are equal, within a sweep or across, are planned once.
    pub fn new(sweeps: &[Sweep]) -> Self {
        let mut plan = Self::default();
        for (index, sweep) in sweeps.iter().enumerate() {
            for &seed in &sweep.seeds {
                plan.add_seed(index, sweep, seed);
            }
        }
        plan
    }

    fn add_seed(&mut self, index: usize, sweep: &Sweep, seed: u64) {
        let mut pretraining = Similar::default();
        let mut protocols: Vec<Similar> = sweep.evaluations.iter().map(|_| Similar::default()).collect();
        for trial in sweep.trials() {
            let mut recipe = trial.recipe;
            let spec = JobSpec::Pretrain(recipe.pretrain_job(seed));
            let pretrain = self.add(&mut pretraining, spec, None, recipe.pretrain_source());
            let protocol = recipe.evaluation.clone();
            let mut evaluations = Vec::with_capacity(sweep.evaluations.len());
            for (evaluation, similar) in sweep.evaluations.iter().zip(&mut protocols) {
                recipe.evaluation.clone_from(&protocol);
                evaluation.apply(&mut recipe.evaluation);
                let spec = JobSpec::Evaluate(recipe.evaluation_job(seed));
                evaluations.push(self.add(similar, spec, Some(pretrain), recipe.evaluation_source()));
            }
            self.trials.push(PlannedTrial { sweep: index, point: trial.point, seed, pretrain, evaluations });
        }
    }

    /// Adds a job after its parent unless an equal one is there, and returns its id.
    fn add(&mut self, similar: &mut Similar, spec: JobSpec, parent: Option<JobId>, folder: Option<PathBuf>) -> JobId {
        let parents = parent.as_slice();
        let id = JobId::of_form(similar.forms.of(&spec, parents));
        if !self.nodes.contains_key(&id) {
            let versions = Versions::of(&spec);
            let job = Job { id, spec: similar.shared(spec), parents: parents.to_vec(), folder, versions };
            let node = self.graph.add_node(job);
            for parent in parents {
                self.graph.add_edge(self.nodes[parent], node, ());
            }
            self.nodes.insert(id, node);
        }
        id
    }

    /// Number of jobs.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All jobs, parents before children, in the order in which trials ask for them.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.graph.node_weights()
    }

    /// The job with this id, if the plan has it.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.nodes.get(&id).map(|&node| &self.graph[node])
    }

    /// The jobs that need this one directly, in plan order.
    pub fn children(&self, id: JobId) -> impl Iterator<Item = &Job> {
        let parent = self.nodes.get(&id).into_iter();
        let mut nodes: Vec<_> =
            parent.flat_map(|&node| self.graph.neighbors_directed(node, Direction::Outgoing)).collect();
        // petgraph gives the newest first.
        nodes.sort_unstable();
        nodes.into_iter().map(|node| &self.graph[node])
    }
}

/// Jobs that one trial after the other asks for, and that have most of their settings in common.
#[derive(Default)]
struct Similar {
    forms: Forms,
    last: Option<Arc<JobSpec>>,
}

impl Similar {
    /// The spec, in the memory of the last one if it is the same.
    fn shared(&mut self, spec: JobSpec) -> Arc<JobSpec> {
        match &self.last {
            Some(last) if **last == spec => Arc::clone(last),
            _ => Arc::clone(self.last.insert(Arc::new(spec))),
        }
    }
}

/// Takes the hash that an id is for its hash.
#[derive(Clone, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    #[test]
    fn evaluations_share_one_pretraining() {
        let plan = Plan::new(&[fixture::sweep(&[0])]);
        assert_eq!(plan.trials.len(), 6);
        for trial in &plan.trials {
            assert_eq!(trial.evaluations.len(), 2);
            let children: Vec<_> = plan.children(trial.pretrain).map(|job| job.id).collect();
            assert_eq!(children, trial.evaluations);
        }
    }

    #[test]
    fn untrained_trials_share_one_job_whatever_their_schedule() {
        let plan = Plan::new(&[fixture::sweep(&[0])]);
        let controls: Vec<_> = plan.trials.iter().filter(|trial| trial.point[0] == 2).collect();
        assert_eq!(controls.len(), 2);
        assert_eq!(controls[0].pretrain, controls[1].pretrain);
        assert_eq!(controls[0].evaluations, controls[1].evaluations);
        assert_eq!(plan.job(controls[0].pretrain).unwrap().spec.kind(), "initialize");
        // Five different pretrainings with two evaluations each.
        assert_eq!(plan.len(), 5 * 3);
    }

    #[test]
    fn sweeps_share_equal_jobs() {
        let mut other = fixture::sweep(&[0]);
        other.axes = vec![fixture::axis("objective", &[("tau 0.1", "(objective: NtXent(temperature: 0.1))")])];
        let plan = Plan::new(&[fixture::sweep(&[0]), other]);
        assert_eq!(plan.len(), 5 * 3);
        let shared = plan.trials.last().unwrap();
        assert_eq!((shared.sweep, &shared.point[..]), (1, &[0][..]));
        assert_eq!(plan.trials.iter().filter(|trial| trial.pretrain == shared.pretrain).count(), 2);
    }

    #[test]
    fn names_and_folders_do_not_change_ids() {
        let sweep = fixture::sweep(&[0]);
        let mut renamed = sweep.clone();
        renamed.title = "another title".into();
        renamed.base.data.folder = Some("/data".into());
        for axis in &mut renamed.axes {
            axis.name.push('x');
            axis.values.iter_mut().for_each(|value| value.label.push('x'));
        }
        renamed.evaluations.iter_mut().for_each(|evaluation| evaluation.name.push('x'));
        let [plan, other] = [sweep, renamed].map(|sweep| Plan::new(&[sweep]));
        assert_eq!(plan.trials, other.trials);
        assert!(other.jobs().all(|job| job.folder.as_deref() == Some("/data".as_ref())));
    }

    #[test]
    fn parents_come_before_children() {
        let plan = Plan::new(&[fixture::sweep(&[0, 1]), fixture::sweep(&[1, 2])]);
        assert_eq!(plan.len(), 3 * 5 * 3);
        let mut seen = Vec::new();
        for job in plan.jobs() {
            assert!(job.parents.iter().all(|parent| seen.contains(parent)));
            assert!(!seen.contains(&job.id));
            assert_eq!(plan.job(job.id), Some(job));
            seen.push(job.id);
        }
    }

    #[test]
    fn one_seed_of_every_trial_comes_before_the_second_of_any() {
        let plan = Plan::new(&[fixture::sweep(&[7, 3])]);
        let order: Vec<_> = plan.trials.iter().map(|trial| (trial.seed, trial.point.clone())).collect();
        let points = [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]];
        let expected: Vec<_> = [7, 3].iter().flat_map(|&seed| points.map(|point| (seed, point.to_vec()))).collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn an_unknown_job_has_no_children() {
        let plan = Plan::new(&[fixture::sweep(&[])]);
        assert!(plan.is_empty());
        let id = "00".repeat(16).parse().unwrap();
        assert_eq!((plan.job(id), plan.children(id).count()), (None, 0));
    }
}
