//! Compiles a kernel twice, for AVX2 with FMA and for any processor, and picks one at run time.

/// Declares a function whose body is compiled for AVX2 + FMA as well; inside it `FMA` says which version runs.
///
/// Loops over fixed-size arrays in the body are vectorized by the compiler for the chosen instruction set.
macro_rules! vectorized {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident $(<$(const $n:ident: usize),+>)? ($($arg:ident: $type:ty),* $(,)?) $body:block
    ) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "kernels take slices and strides, not structures")]
        $vis fn $name $(<$(const $n: usize),+>)? ($($arg: $type),*) {
            #[inline(always)]
            fn body<const FMA: bool $(, $(const $n: usize),+)?>($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                #[target_feature(enable = "avx2,fma")]
                fn wide $(<$(const $n: usize),+>)? ($($arg: $type),*) {
                    body::<true $(, $($n),+)?>($($arg),*)
                }
                // SAFETY: the processor has AVX2 and FMA, as just checked.
                return unsafe { wide $(::<$($n),+>)? ($($arg),*) };
            }
            body::<{ cfg!(target_arch = "aarch64") } $(, $($n),+)?>($($arg),*)
        }
    };
}
pub(super) use vectorized;

/// `a * b + c`, fused where the processor can (`FMA`); elsewhere a fused emulation would be slow.
#[inline(always)]
pub(super) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
