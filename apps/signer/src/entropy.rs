//! Chance from the operating system.

use {
    portreeve_kernel::Entropy,
    rustix::rand::{GetRandomFlags, getrandom},
};

/// The kernel's generator. Without it there are no keys and no nonces, so the process ends rather than go on.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut rest = out;
        while !rest.is_empty() {
            match getrandom(&mut *rest, GetRandomFlags::empty()) {
                Ok(filled) => rest = rest.get_mut(filled..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => std::process::abort(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draw_is_another_and_fills_all() {
        let draw = || {
            let mut out = [0; 1000];
            SystemEntropy.fill(&mut out);
            out
        };
        let (one, two) = (draw(), draw());
        assert_ne!(one, two);
        assert!(one.chunks(8).all(|chunk| chunk != [0; 8]));
    }
}
