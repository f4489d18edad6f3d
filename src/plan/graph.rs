//! Trials become a graph of jobs in which equal jobs are one node.

use std::collections::BTreeMap;

use petgraph::{
    Direction,
    graph::{DiGraph, NodeIndex},
};

use super::{Job, JobId};
use crate::{
    recipe::{JobSpec, Patchable},
    sweep::Sweep,
};

/// The jobs of one or more sweeps; edges lead from a job to the jobs that need it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    graph: DiGraph<Job, ()>,
    nodes: BTreeMap<JobId, NodeIndex>,
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
        for trial in sweep.trials() {
            let mut recipe = trial.recipe;
            let folder = recipe.data.folder.clone();
            let pretrain = self.add(Job::new(JobSpec::Pretrain(recipe.pretrain_job(seed)), vec![], folder.clone()));
            let protocol = recipe.evaluation.clone();
            let mut evaluations = Vec::with_capacity(sweep.evaluations.len());
            for evaluation in &sweep.evaluations {
                recipe.evaluation.clone_from(&protocol);
                recipe.evaluation.apply(&evaluation.patch);
                let spec = JobSpec::LinearEvaluation(recipe.evaluation_job(seed));
                evaluations.push(self.add(Job::new(spec, vec![pretrain], folder.clone())));
            }
            self.trials.push(PlannedTrial { sweep: index, point: trial.point, seed, pretrain, evaluations });
        }
    }

    /// Adds a job after its parents unless an equal one is there, and returns its id.
    fn add(&mut self, job: Job) -> JobId {
        let id = job.id;
        if !self.nodes.contains_key(&id) {
            let parents: Vec<_> = job.parents.iter().map(|parent| self.nodes[parent]).collect();
            let node = self.graph.add_node(job);
            for parent in parents {
                self.graph.add_edge(parent, node, ());
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

    /// The jobs that need this one directly.
    pub fn children(&self, id: JobId) -> impl Iterator<Item = &Job> {
        self.nodes
            .get(&id)
            .into_iter()
            .flat_map(|&node| self.graph.neighbors_directed(node, Direction::Outgoing))
            .map(|node| &self.graph[node])
    }
}
