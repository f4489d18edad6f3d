//! How the cores of a machine are divided among jobs that run at the same time.

/// Threads for each of `parallel_jobs` slots, as equal as possible. Together they are no more than the cores, except
/// that every slot has at least one.
pub fn share_cores(cores: usize, parallel_jobs: usize) -> Vec<usize> {
    (0..parallel_jobs)
        .map(|slot| {
            let remainder = usize::from(slot < cores % parallel_jobs);
            (cores / parallel_jobs + remainder).max(1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_as_equally_as_possible() {
        assert_eq!(share_cores(8, 3), [3, 3, 2]);
        assert_eq!(share_cores(8, 8), [1; 8]);
        assert_eq!(share_cores(8, 1), [8]);
        assert_eq!(share_cores(8, 0), [0; 0]);
    }

    #[test]
    fn no_core_is_used_twice_unless_there_are_more_jobs_than_cores() {
        for cores in 1..20 {
            for jobs in 1..=cores {
                assert_eq!(share_cores(cores, jobs).iter().sum::<usize>(), cores);
            }
        }
        assert_eq!(share_cores(2, 5), [1; 5]);
    }
}
