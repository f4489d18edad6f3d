//! Matrix products on the calling thread, by the `gemm` crate that burn-flex multiplies with, too.
//!
//! Callers cut the work themselves, so that the order of sums depends on shapes and never on the number of threads.

use gemm::Parallelism;

/// A number type that can be multiplied.
pub trait Real: Copy + Send + Sync + 'static {
    /// One.
    const ONE: Self;
}

impl Real for f32 {
    const ONE: Self = 1.0;
}

impl Real for f64 {
    const ONE: Self = 1.0;
}

/// A matrix whose entries lie in a slice, row by row or column by column.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A matrix stored row by row; panics if the number of values is not `rows * columns`.
    pub fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "values of a {rows} x {columns} matrix");
        Self { values, rows, columns, row_step: columns, column_step: 1 }
    }

    /// The transpose; nothing moves.
    pub fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }
}

/// Adds `a` `[m, k]` times `b` `[k, n]` to `output` `[m, n]`, stored row by row; panics if the shapes disagree.
pub fn add_product<T: Real>(output: &mut [T], a: Matrix<'_, T>, b: Matrix<'_, T>) {
    assert_eq!(a.columns, b.rows, "inner sizes of a product");
    assert_eq!(output.len(), a.rows * b.columns, "values of a {} x {} product", a.rows, b.columns);
    // SAFETY: the steps of a `Matrix` reach exactly its values, as `new` has checked; `output` is row-major and, as a
    // unique borrow, overlaps neither; `gemm` knows `T`, which is `f32` or `f64`.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            output.as_mut_ptr(),
            1,
            b.columns as isize,
            true,
            a.values.as_ptr(),
            a.column_step as isize,
            a.row_step as isize,
            b.values.as_ptr(),
            b.column_step as isize,
            b.row_step as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers, whose products and sums are exact in both types.
    fn integers(count: usize, step: usize) -> Vec<f64> {
        (0..count).map(|index| ((index * step) % 7) as f64 - 3.0).collect()
    }

    #[test]
    fn products_are_exact_on_integers_in_all_layouts() {
        for (m, k, n) in [(1, 1, 1), (1, 5, 3), (4, 1, 9), (7, 300, 10), (64, 33, 17), (3, 0, 2)] {
            let (a, b) = (integers(m * k, 3), integers(k * n, 5));
            let transpose = |values: &[f64], rows: usize, columns: usize| -> Vec<f64> {
                (0..rows * columns).map(|index| values[index % rows * columns + index / rows]).collect()
            };
            let expected: Vec<f64> = (0..m * n)
                .map(|index| 1.0 + (0..k).map(|j| a[index / n * k + j] * b[j * n + index % n]).sum::<f64>())
                .collect();
            let (at, bt) = (transpose(&a, m, k), transpose(&b, k, n));
            for (a, b) in [
                (Matrix::new(&a, m, k), Matrix::new(&b, k, n)),
                (Matrix::new(&at, k, m).transposed(), Matrix::new(&b, k, n)),
                (Matrix::new(&a, m, k), Matrix::new(&bt, n, k).transposed()),
            ] {
                let mut output = vec![1.0; m * n];
                add_product(&mut output, a, b);
                assert_eq!(output, expected, "{m} {k} {n}");
            }
            let [a, b] = [&a, &b].map(|values| values.iter().map(|&value| value as f32).collect::<Vec<_>>());
            let mut output = vec![1_f32; m * n];
            add_product(&mut output, Matrix::new(&a, m, k), Matrix::new(&b, k, n));
            assert!(output.iter().zip(&expected).all(|(&ours, &other)| f64::from(ours) == other), "{m} {k} {n}");
        }
    }

    #[test]
    #[should_panic(expected = "inner sizes")]
    fn shapes_must_agree() {
        add_product(&mut [0.0; 4], Matrix::new(&[0.0; 6], 2, 3), Matrix::new(&[0.0; 4], 2, 2));
    }
}
