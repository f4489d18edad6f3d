//! Memory for results that kernels write whole: taken without being filled with zeros first, which would take as long
//! as writing the result itself.

use std::mem::{ManuallyDrop, MaybeUninit};

/// Room for `length` values.
pub(super) fn unwritten(length: usize) -> Vec<MaybeUninit<f32>> {
    let mut values = Vec::with_capacity(length);
    // SAFETY: values that may be unwritten need no writing.
    unsafe { values.set_len(length) };
    values.fill(MaybeUninit::new(f32::NAN));
    values
}

/// The values themselves.
///
/// # Safety
/// Each must have been written.
pub(super) unsafe fn written(values: Vec<MaybeUninit<f32>>) -> Vec<f32> {
    let mut values = ManuallyDrop::new(values);
    // SAFETY: the parts of a vector of the same layout; the caller vouches for the values.
    unsafe { Vec::from_raw_parts(values.as_mut_ptr().cast(), values.len(), values.capacity()) }
}

/// The values themselves.
///
/// # Safety
/// Each must have been written.
pub(super) unsafe fn written_slice(values: &[MaybeUninit<f32>]) -> &[f32] {
    // SAFETY: the same memory; the caller vouches for the values.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}
