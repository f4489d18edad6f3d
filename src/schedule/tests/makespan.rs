//! How long a run takes, against the least that it could take.

use std::time::Duration;

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::world::{node, number, play, scheduler};
use crate::schedule::{Node, Outcome, Scripted, Take};

/// A job: milliseconds, the places of its parents, round.
type Work = (u64, Vec<usize>, usize);

/// Jobs in plan order.
type Graph = Vec<Work>;

/// The duration of each job and of the longest chain that needs it.
fn chains(graph: &Graph) -> Vec<u64> {
    let mut below = vec![0; graph.len()];
    for (place, (duration, parents, _)) in graph.iter().enumerate().rev() {
        let chain = duration + below[place];
        parents.iter().for_each(|&parent| below[parent] = below[parent].max(chain));
    }
    graph.iter().zip(below).map(|((duration, ..), below)| duration + below).collect()
}

/// How long the scheduler takes on so many slots if it knows the durations. Nothing else here uses its interface.
fn makespan(graph: &Graph, slots: usize) -> Duration {
    let make = |(place, ((_, parents, round), chain)): (usize, (&Work, u64))| Node {
        chain: chain as f64,
        round: *round,
        ..node(place, parents)
    };
    let nodes = graph.iter().zip(chains(graph)).enumerate().map(make).collect();
    let duration = |job| Duration::from_millis(graph[number(job)].0);
    let mut scripted = Scripted::new(|launch| Take::new(duration(launch.job), Outcome::Succeeded));
    let (_, summary) = play(scheduler(nodes, slots), &mut scripted);
    assert_eq!(summary.done, graph.len());
    scripted.now()
}

/// The longest chain, and an equal share of all work for each slot, in seconds: no schedule is shorter than either.
fn bounds(graph: &Graph, slots: usize) -> (f64, f64) {
    let longest = chains(graph).into_iter().max().unwrap_or(0);
    let work: u64 = graph.iter().map(|(duration, ..)| duration).sum();
    (longest as f64 / 1e3, work as f64 / 1e3 / slots as f64)
}

/// Sweeps as they are: in each round at least eight trainings per slot, from 10 s to 1000 s, each with one to four
/// evaluations of at most a fifth of its duration.
fn sweeps() -> impl Strategy<Value = (Graph, usize)> {
    (1..=8_usize, 1..=3_usize, 8..=20_usize).prop_flat_map(|(slots, rounds, per_slot)| {
        let evaluations = prop::collection::vec(0.01..0.2_f64, 1..=4);
        let training = (1.0..3.0_f64, evaluations);
        prop::collection::vec(training, slots * per_slot * rounds).prop_map(move |trainings| {
            let mut graph = Graph::new();
            for (index, (logarithm, evaluations)) in trainings.into_iter().enumerate() {
                let (seconds, place, round) = (10_f64.powf(logarithm), graph.len(), index / (slots * per_slot));
                graph.push(((1000.0 * seconds) as u64, vec![], round));
                graph.extend(evaluations.iter().map(|share| ((1000.0 * share * seconds) as u64, vec![place], round)));
            }
            (graph, slots)
        })
    })
}

/// Any graphs.
fn graphs() -> impl Strategy<Value = (Graph, usize)> {
    let one = (0..100_000_u64, prop::collection::vec(any::<prop::sample::Index>(), 0..4), 0..3_usize);
    let graph = prop::collection::vec(one, 1..80).prop_map(|jobs| {
        let one = |(place, (duration, parents, round)): (usize, (u64, Vec<prop::sample::Index>, usize))| {
            let parents = if place == 0 { vec![] } else { parents.iter().map(|parent| parent.index(place)).collect() };
            (duration, parents, round)
        };
        jobs.into_iter().enumerate().map(one).collect()
    });
    (graph, 1..=8_usize)
}

fn config(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn sweeps_take_at_most_15_percent_longer_than_any_schedule_must((graph, slots) in sweeps()) {
        let (longest, share) = bounds(&graph, slots);
        let took = makespan(&graph, slots).as_secs_f64();
        prop_assert!(took >= longest.max(share) - 0.001 && took <= 1.15 * longest.max(share), "{took} {longest} {share}");
    }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn no_graph_takes_longer_than_grahams_bound((graph, slots) in graphs()) {
        // Graham 1966: whenever no job of the longest chain runs, every slot has work.
        let (longest, share) = bounds(&graph, slots);
        let took = makespan(&graph, slots).as_secs_f64();
        prop_assert!(took >= longest.max(share) - 0.001);
        prop_assert!(took <= share + (1.0 - 1.0 / slots as f64) * longest + 0.001, "{took} {longest} {share}");
    }
}
