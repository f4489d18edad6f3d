//! Makes what training needs next in a thread of its own.

use std::{
    sync::mpsc::{Receiver, sync_channel},
    thread::Scope,
    time::{Duration, Instant},
};

/// Items in their order, made one ahead of their use.
pub struct Prefetch<T> {
    items: Receiver<T>,
    waited: Duration,
}

impl<T> Prefetch<T> {
    /// Starts the thread; it ends with the last item or with this value.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        items: impl IntoIterator<Item = T, IntoIter: Send + 'scope>,
    ) -> Self
    where
        T: Send + 'scope,
    {
        // One item waits while the next is made: enough to hide one that takes longer than others.
        let (sender, receiver) = sync_channel(1);
        let items = items.into_iter();
        scope.spawn(move || {
            for item in items {
                if sender.send(item).is_err() {
                    // Training has ended early; there is nobody to tell.
                    return;
                }
            }
        });
        Self { items: receiver, waited: Duration::ZERO }
    }

    /// How long was waited for items since this was asked last.
    pub fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let start = Instant::now();
        let item = self.items.recv().ok();
        self.waited += start.elapsed();
        item
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn items_come_in_order_and_may_be_left() {
        let all: Vec<usize> = thread::scope(|scope| Prefetch::start(scope, 0..100).collect());
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        // The scope ends although most items were never asked for.
        let first: Vec<usize> = thread::scope(|scope| Prefetch::start(scope, 0..).take(3).collect());
        assert_eq!(first, [0, 1, 2]);
    }
}
