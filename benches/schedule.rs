//! Time per decision of the scheduler with a hundred thousand jobs, and how much longer the schedule is than the least
//! it could be: sweeps as they are, where trainings feed evaluations, and random graphs. Jobs pass virtual time.
//!
//! `cargo bench --bench schedule`

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ablate::{
    plan::JobId,
    schedule::{
        Action, Demand, Device, Event, Executor, Node, Outcome, Policy, Scheduler, Scripted, Shape, Sharing, Take,
    },
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const JOBS: usize = 100_000;
const SLOTS: [usize; 3] = [1, 8, 64];
/// Jobs that need different amounts of memory, all of which fit.
const SHAPES: usize = 16;
/// Parents in a large random graph are among so many jobs before, and in a small one.
const REACH: [usize; 2] = [2000, 40];
/// Trainings in a small sweep, and jobs in a small random graph, for each slot.
const PER_SLOT: [usize; 3] = [2, 8, 32];
/// Small graphs of each size.
const GRAPHS: u64 = 200;

/// A job: seconds, places of its parents, round.
struct Work {
    seconds: f64,
    parents: Vec<usize>,
    round: usize,
}

/// What a run in virtual time shows.
struct Played {
    /// Time of every decision, in order of size.
    steps: Vec<Duration>,
    /// Virtual seconds until the last job ended.
    makespan: f64,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    println!("{JOBS} jobs, priorities from exact durations; bound: longest chain, or all work / slots if that is more");
    println!(
        "{:<22} {:>5}  {:>9} {:>9} {:>9}  {:>9}  {:>8} {:>14}",
        "graph", "slots", "p50", "p99", "max", "in all", "of bound", "in plan order"
    );
    let graphs = [
        ("sweep, one seed", sweep(JOBS, 1, 1)),
        ("sweep, five seeds", sweep(JOBS, 5, 1)),
        ("random", random(JOBS, REACH[0], 2)),
    ];
    for (name, graph) in &graphs {
        let chains = chains(graph);
        for slots in SLOTS {
            let bound = bound(graph, &chains, slots);
            match (play(graph, slots, |place| chains[place]), play(graph, slots, |_| 0.0)) {
                (Ok(best), Ok(plain)) => println!("{}", line(name, slots, &best, &plain, bound)),
                (Err(problem), _) | (_, Err(problem)) => eprintln!("{name}: {problem}"),
            }
        }
    }
    small();
}

/// How much longer than the bound small graphs take, where the end of the schedule counts for more.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn small() {
    println!("\n{GRAPHS} small graphs each: makespan by the bound, mean and worst");
    println!("{:<22} {:>5} {:>9}  {:>15} {:>15}", "graph", "slots", "per slot", "by priority", "in plan order");
    for (slots, per_slot) in [8, 64].into_iter().flat_map(|slots| PER_SLOT.map(|per_slot| (slots, per_slot))) {
        let size = slots * per_slot;
        // A training comes with 2.5 evaluations on average.
        for name in ["sweep, one seed", "random"] {
            let graph = |seed| match name {
                "random" => random(size, REACH[1], seed),
                _ => sweep(size * 7 / 2, 1, seed),
            };
            match (1..=GRAPHS).map(|seed| ratios(&graph(seed), slots)).collect::<Result<Vec<_>, _>>() {
                Ok(found) => {
                    let [best, plain] = [0, 1].map(|column| {
                        let ratios = found.iter().map(|ratios| ratios[column]);
                        let worst = ratios.clone().fold(0.0, f64::max);
                        format!("{:.3} {worst:.3}", ratios.sum::<f64>() / GRAPHS as f64)
                    });
                    println!("{name:<22} {slots:>5} {per_slot:>9}  {best:>15} {plain:>15}");
                }
                Err(problem) => eprintln!("{name}: {problem}"),
            }
        }
    }
}

/// Makespan by the bound, by priority and in plan order.
fn ratios(graph: &[Work], slots: usize) -> Result<[f64; 2], String> {
    let chains = chains(graph);
    let bound = bound(graph, &chains, slots);
    let (best, plain) = (play(graph, slots, |place| chains[place])?, play(graph, slots, |_| 0.0)?);
    Ok([best.makespan / bound, plain.makespan / bound])
}

fn line(name: &str, slots: usize, best: &Played, plain: &Played, bound: f64) -> String {
    let at = |share: f64| micros(best.steps[((best.steps.len() - 1) as f64 * share) as usize]);
    format!(
        "{name:<22} {slots:>5}  {:>6.2} µs {:>6.2} µs {:>6.0} µs  {:>7.0} ms  {:>8.4} {:>14.4}",
        at(0.5),
        at(0.99),
        at(1.0),
        1e-3 * best.steps.iter().map(|&step| micros(step)).sum::<f64>(),
        best.makespan / bound,
        plain.makespan / bound
    )
}

fn micros(time: Duration) -> f64 {
    1e6 * time.as_secs_f64()
}

/// Runs a graph in virtual time and takes the time of every step. Nothing else here uses the scheduler's interface.
fn play(graph: &[Work], slots: usize, chain: impl Fn(usize) -> f64) -> Result<Played, String> {
    let ids: Vec<JobId> = (0..graph.len())
        .map(|place| format!("{place:032x}").parse().map_err(|_| "no id".to_owned()))
        .collect::<Result<_, _>>()?;
    let seconds: BTreeMap<JobId, f64> = ids.iter().copied().zip(graph.iter().map(|work| work.seconds)).collect();
    let node = |(place, work): (usize, &Work)| Node {
        chain: chain(place),
        round: work.round,
        shape: place % SHAPES,
        ..Node::new(ids[place], work.parents.iter().map(|&parent| ids[parent]).collect())
    };
    let nodes = graph.iter().enumerate().map(node).collect();
    let shape = |shape: usize| Shape { demand: Demand::Shared { memory: shape as u64 }, ..Shape::UNKNOWN };
    let shapes: Vec<Shape> = (0..SHAPES).map(shape).collect();
    let device = Device { slots, jobs: slots, memory: 1 << 30, sharing: Sharing::Places };
    let scheduler = Scheduler::new(nodes, &shapes, &[device], Policy::default());
    let mut scheduler = scheduler.map_err(|error| error.to_string())?;
    let duration = |job: JobId| Duration::from_secs_f64(seconds[&job]);
    let mut scripted = Scripted::new(|launch| Take::new(duration(launch.job), Outcome::Succeeded));
    let (mut steps, mut next) = (Vec::with_capacity(graph.len() + 1), Some(Event::Begin));
    while let Some(event) = next {
        let now = scripted.now();
        let begin = Instant::now();
        let step = scheduler.step(event, now);
        steps.push(begin.elapsed());
        for action in step.actions {
            if let Action::Start(launch) = action {
                scripted.start(&launch).map_err(|error| error.to_string())?;
            }
        }
        next = scripted.next(None);
    }
    steps.sort();
    Ok(Played { steps, makespan: scripted.now().as_secs_f64() })
}

/// Seconds of each job and of the longest chain that needs it.
fn chains(graph: &[Work]) -> Vec<f64> {
    let mut below = vec![0.0_f64; graph.len()];
    for (place, work) in graph.iter().enumerate().rev() {
        let chain = work.seconds + below[place];
        work.parents.iter().for_each(|&parent| below[parent] = below[parent].max(chain));
    }
    graph.iter().zip(below).map(|(work, below)| work.seconds + below).collect()
}

/// No schedule is shorter, in seconds.
fn bound(graph: &[Work], chains: &[f64], slots: usize) -> f64 {
    let share = graph.iter().map(|work| work.seconds).sum::<f64>() / slots as f64;
    chains.iter().copied().fold(share, f64::max)
}

/// Trainings of 10 s to 1000 s, each with one to four evaluations of 1 % to 20 % of its duration.
fn sweep(jobs: usize, seeds: usize, seed: u64) -> Vec<Work> {
    let mut dice = Dice(seed);
    let mut graph: Vec<Work> = Vec::with_capacity(jobs);
    while graph.len() < jobs {
        let (seconds, place, round) = (10_f64.powf(1.0 + 2.0 * dice.roll()), graph.len(), graph.len() * seeds / jobs);
        graph.push(Work { seconds, parents: vec![], round });
        let evaluations = (1 + dice.below(4)).min(jobs - graph.len());
        for _ in 0..evaluations {
            graph.push(Work { seconds: seconds * (0.01 + 0.19 * dice.roll()), parents: vec![place], round });
        }
    }
    graph
}

/// Jobs of 10 s to 1000 s with up to three parents among those shortly before.
fn random(jobs: usize, reach: usize, seed: u64) -> Vec<Work> {
    let mut dice = Dice(seed);
    (0..jobs)
        .map(|place| {
            let parents = if place == 0 { 0 } else { dice.below(4) };
            let parents = (0..parents).map(|_| place - 1 - dice.below(place.min(reach))).collect();
            Work { seconds: 10_f64.powf(1.0 + 2.0 * dice.roll()), parents, round: 0 }
        })
        .collect()
}

/// Random numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// In [0, 1).
    fn roll(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below a number.
    fn below(&mut self, number: usize) -> usize {
        (self.roll() * number as f64) as usize
    }
}
