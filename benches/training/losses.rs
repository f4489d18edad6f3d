//! What was measured, by way of training and seed, and what it says.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Losses that differ by less count as equal, in nats.
const MARGIN: f64 = 0.01;
/// What all others are compared with: PyTorch with ablate's weights and views.
const BASE: &str = "same";

/// Mean losses of the epochs, by way of training and seed.
pub struct Losses {
    /// In the order in which they were first measured.
    names: Vec<String>,
    of: BTreeMap<(String, u64), Vec<f64>>,
}

impl Losses {
    /// Reads lines of a seed, a way and the losses; the later of two with the same seed and way counts.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut all = Self { names: Vec::new(), of: BTreeMap::new() };
        for line in fs::read_to_string(path)?.lines() {
            let mut words = line.split_whitespace();
            let seed = words.next().unwrap_or_default().parse()?;
            let name = words.next().unwrap_or_default().to_owned();
            let losses: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>()?;
            if !all.names.contains(&name) {
                all.names.push(name.clone());
            }
            all.of.insert((name, seed), losses);
        }
        Ok(all)
    }

    /// For each way the last epoch's loss, and its difference from [`BASE`] over the seeds that both have.
    pub fn table(&self) -> String {
        let mut table = "\
| | seeds | last epoch's loss | difference from `same` | 90 % interval | p | within ± 0.01 | first epoch's, at most |
|---|---|---|---|---|---|---|---|
"
        .to_owned();
        for name in &self.names {
            let own = |&(of, _): &(&(String, u64), &Vec<f64>)| &of.0 == name;
            let last: Vec<f64> = self.of.iter().filter(own).filter_map(|(_, losses)| losses.last().copied()).collect();
            let (mean, deviation) = moments(&last);
            table += &format!("| {name} | {} | {mean:.4} ± {deviation:.4} | ", last.len());
            let pairs = self.of.iter().filter(own).filter_map(|((_, seed), losses)| {
                let base = self.of.get(&(BASE.to_owned(), *seed))?;
                Some((losses.last()? - base.last()?, (losses.first()? - base.first()?).abs()))
            });
            let (differences, first): (Vec<f64>, Vec<f64>) = pairs.unzip();
            table += &if name == BASE { "| | | | |".to_owned() } else { verdict(&differences, &first) };
            table.push('\n');
        }
        table
    }
}

/// What the paired differences say: mean ± standard error, the interval whose place within the margin is the test of
/// equivalence by two one-sided tests at 5 %, and Student's p.
fn verdict(differences: &[f64], first: &[f64]) -> String {
    let count = differences.len() as f64;
    let (mean, deviation) = moments(differences);
    let error = deviation / count.sqrt();
    // Without spread, as of one seed or of losses that are equal to the bit, there is nothing to test.
    let Some(student) = StudentsT::new(0.0, 1.0, count - 1.0).ok().filter(|_| error > 0.0) else {
        return format!("{mean:+.4} | | | | |");
    };
    let reach = student.inverse_cdf(0.95) * error;
    let p = 2.0 * student.cdf(-(mean / error).abs());
    let equal = if mean.abs() + reach < MARGIN { "yes" } else { "no" };
    let first = first.iter().fold(0.0_f64, |most, &one| most.max(one));
    let (low, high) = (mean - reach, mean + reach);
    format!("{mean:+.4} ± {error:.4} | {low:+.4} … {high:+.4} | {p:.2e} | {equal} | {first:.1e} |")
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}
