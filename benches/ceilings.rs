//! What this machine can do at most: fused multiply-adds in registers, and reading and writing of memory, on all its
//! threads. The step of `benches/pytorch` is measured against these.
//!
//! `cargo bench --bench ceilings`

use std::{hint::black_box, thread, time::Instant};

/// The fastest of so many counts.
const ROUNDS: usize = 5;
/// Rounds over the sums of one thread: about a tenth of a second.
const REPEATS: usize = 20_000_000;
/// Values that a thread reads: more than any cache holds.
const VALUES: usize = 32 << 20;

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, threads];
    counts.dedup();
    for threads in counts {
        let products: Vec<String> = levels()
            .into_iter()
            .map(|(name, lanes, run)| {
                let operations = 2.0 * (lanes * SUMS * REPEATS * threads) as f64;
                let seconds = best(threads, |_| _ = black_box(run()), || ());
                format!("{name} {:.0} GFLOP/s", 1e-9 * operations / seconds)
            })
            .collect();
        let bytes = (4 * VALUES * threads) as f64;
        let memory = || vec![1.0_f32; VALUES];
        let read = best(threads, |values| _ = black_box(sum(values)), memory);
        let scale = best(threads, |values| values.iter_mut().for_each(|value| *value *= black_box(1.0)), memory);
        println!(
            "{threads} threads: {}; reading {:.1} GB/s, reading and writing {:.1} GB/s",
            products.join(", "),
            1e-9 * bytes / read,
            2e-9 * bytes / scale
        );
    }
}

/// Seconds of the fastest round in which each of `threads` threads works on memory of its own.
fn best<T: Send>(threads: usize, work: impl Fn(&mut T) + Sync, memory: impl Fn() -> T + Sync) -> f64 {
    let mut all: Vec<T> = (0..threads).map(|_| memory()).collect();
    let mut fastest = f64::INFINITY;
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        thread::scope(|scope| {
            for own in &mut all {
                scope.spawn(|| work(own));
            }
        });
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    fastest
}

fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; 64];
    for chunk in values.chunks_exact(64) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum()
}

/// Sums that are independent of each other, enough to keep the multipliers busy.
const SUMS: usize = 12;

/// Name, lanes and loop of a vector width.
type Level = (&'static str, usize, fn() -> f32);

/// Each vector width that the processor has.
fn levels() -> Vec<Level> {
    #[allow(unused_mut, reason = "only x86-64 has names for them")]
    let mut levels: Vec<Level> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;

        #[target_feature(enable = "avx2,fma")]
        fn avx2() -> f32 {
            let mut sums: [__m256; SUMS] = [_mm256_set1_ps(1.0); SUMS];
            let (factor, term) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(1e-3)));
            for _ in 0..REPEATS {
                for sum in &mut sums {
                    *sum = _mm256_fmadd_ps(*sum, factor, term);
                }
            }
            sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
        }

        #[target_feature(enable = "avx512f")]
        fn avx512() -> f32 {
            let mut sums: [__m512; SUMS] = [_mm512_set1_ps(1.0); SUMS];
            let (factor, term) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(1e-3)));
            for _ in 0..REPEATS {
                for sum in &mut sums {
                    *sum = _mm512_fmadd_ps(*sum, factor, term);
                }
            }
            sums.into_iter().map(|sum| _mm512_cvtss_f32(sum)).sum()
        }

        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the instructions, as just checked.
            levels.push(("AVX2", 8, || unsafe { avx2() }));
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the instructions, as just checked.
            levels.push(("AVX-512", 16, || unsafe { avx512() }));
        }
    }
    levels
}
