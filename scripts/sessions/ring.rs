//! A ring buffer of a fixed size. A new value replaces the oldest one when the buffer is full.

use std::fmt;

/// The values, oldest first, in a circle of slots.
pub struct Ring<T> {
    slots: Vec<Option<T>>,
    first: usize,
    count: usize,
}

impl<T> Ring<T> {
    /// Returns an empty buffer for `size` values.
    pub fn new(size: usize) -> Self {
        assert!(size > 0, "a ring needs room for one value");
        let mut slots = Vec::with_capacity(size);
        slots.resize_with(size, || None);
        Ring { slots, first: 0, count: 0 }
    }

    /// Returns how many values the buffer holds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Tells whether the buffer holds no value.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Tells whether the next value replaces the oldest one.
    pub fn is_full(&self) -> bool {
        self.count == self.slots.len()
    }

    /// Adds a value and returns the one that it replaces.
    pub fn push(&mut self, value: T) -> Option<T> {
        let index = self.index_of(self.count);
        if self.is_full() {
            self.first = (self.first + 1) % self.slots.len();
            return self.slots[index].replace(value);
        }
        self.count += 1;
        self.slots[index] = Some(value);
        None
    }

    /// Removes the oldest value.
    pub fn pop(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let value = self.slots[self.first].take();
        self.first = (self.first + 1) % self.slots.len();
        self.count -= 1;
        value
    }

    /// Returns the value at a position; 0 is the oldest.
    pub fn get(&self, position: usize) -> Option<&T> {
        if position >= self.count {
            return None;
        }
        self.slots[self.index_of(position)].as_ref()
    }

    /// Returns the values, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        (0..self.count).filter_map(move |position| self.get(position))
    }

    fn index_of(&self, position: usize) -> usize {
        (self.first + position) % self.slots.len()
    }
}

impl<T: fmt::Debug> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    #[test]
    fn the_newest_value_replaces_the_oldest() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.push(1), None);
        assert_eq!(ring.push(2), None);
        assert_eq!(ring.push(3), Some(1));
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [2, 3]);
    }
}
