//! Room for tables: what is kept and what is on its way may together take so many bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Refusal;

/// The room, and what of it tables on their way have taken.
pub(crate) struct Room {
    most: usize,
    taken: Mutex<usize>,
}

/// What one upload has taken. Given back when it is dropped.
pub(crate) struct Part {
    room: Arc<Room>,
    /// Bytes of tables that were kept when it began.
    kept: usize,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(most: usize) -> Room {
        Room { most, taken: Mutex::default() }
    }

    /// An upload's part, with nothing in it yet, beside tables that take so many bytes.
    pub(crate) fn part(room: &Arc<Room>, kept: usize) -> Part {
        Part { room: Arc::clone(room), kept, bytes: 0 }
    }

    fn check(&self, kept: usize, taken: usize) -> Result<(), Refusal> {
        let fits = kept.checked_add(taken).is_some_and(|all| all <= self.most);
        if fits { Ok(()) } else { Err(Refusal::Full { most: self.most }) }
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole count.
    fn taken(&self) -> MutexGuard<'_, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Takes more of the room.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let mut taken = self.room.taken();
        let after = taken.saturating_add(bytes);
        self.room.check(self.kept, after)?;
        *taken = after;
        self.bytes += bytes;
        Ok(())
    }

    /// Whether all fits beside the tables that are kept by now.
    pub(crate) fn fits(&self, kept: usize) -> Result<(), Refusal> {
        self.room.check(kept, *self.room.taken())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        *self.room.taken() -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_share_the_room_and_give_it_back() {
        let room = Arc::new(Room::new(100));
        let [mut one, mut other] = [Room::part(&room, 20), Room::part(&room, 20)];
        assert_eq!(one.grow(50), Ok(()));
        assert_eq!(other.grow(31), Err(Refusal::Full { most: 100 }));
        assert_eq!(other.grow(30), Ok(()));
        // Another table was kept meanwhile.
        assert_eq!(other.fits(20), Ok(()));
        assert_eq!(other.fits(21), Err(Refusal::Full { most: 100 }));
        assert_eq!(other.grow(usize::MAX), Err(Refusal::Full { most: 100 }));
        drop(one);
        assert_eq!(other.grow(50), Ok(()));
        drop(other);
        assert_eq!(Room::part(&room, 0).grow(100), Ok(()));
    }
}
