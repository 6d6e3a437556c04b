//! When the state is written to its file, and how.
//!
//! A change after a quiet second is on the disk before it is answered. What follows it closely is written together, a second
//! after that at the latest: a process that is killed loses that second. One that ends writes the rest first
//! ([`crate::Running::save`], which dropping does too). While the file cannot be written, each change is answered so.
//!
//! The state is serialised under the lock of the store, without a copy of it; the file is written without that lock.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// The time between two writes.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// The state file: what was changed, and what of it is on the disk.
#[derive(Debug)]
pub(crate) struct StateFile {
    file: Arc<Written>,
    /// Counts changes.
    changes: u64,
    /// How many changes the last snapshot has.
    taken: u64,
    /// When the last snapshot was taken. Times are counted from any moment.
    last: Option<Duration>,
    /// The length of the last snapshot.
    length: usize,
}

/// The file, as whoever writes it shares it.
#[derive(Debug)]
struct Written {
    path: PathBuf,
    /// How many changes the file has. Held by the write that is under way.
    changes: Mutex<u64>,
    /// Whether the last write failed: what it had is then not on the disk.
    failed: AtomicBool,
    writes: AtomicU64,
}

/// The state at one time, to be written.
#[must_use]
pub(crate) struct Snapshot {
    file: Arc<Written>,
    bytes: Vec<u8>,
    changes: u64,
}

/// When a change is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Before it is answered.
    Now,
    /// After this time, with what comes until then.
    In(Duration),
    /// It is on its way already.
    Soon,
}

impl StateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        let (changes, failed, writes) = (Mutex::default(), AtomicBool::default(), AtomicU64::default());
        let file = Arc::new(Written { path, changes, failed, writes });
        StateFile { file, changes: 0, taken: 0, last: None, length: 0 }
    }

    /// Counts a change that was made at a time.
    pub(crate) fn changed(&mut self, now: Duration) -> Due {
        let waits = self.changes > self.taken;
        self.changes += 1;
        if self.file.failed.load(Ordering::Relaxed) {
            return Due::Now;
        }
        let rest = self.last.map_or(Duration::ZERO, |last| (last + INTERVAL).saturating_sub(now));
        match (waits, rest) {
            (true, _) => Due::Soon,
            (false, Duration::ZERO) => Due::Now,
            (false, rest) => Due::In(rest),
        }
    }

    /// Takes a snapshot of what was changed since the last one, or since the last one that was written.
    pub(crate) fn snapshot(&mut self, now: Duration, state: impl FnOnce(&mut Vec<u8>)) -> Option<Snapshot> {
        let is_due = self.changes > self.taken || self.file.failed.load(Ordering::Relaxed);
        is_due.then(|| self.take(now, state))
    }

    /// Takes a snapshot if there is anything that is not on the disk, whether or not somebody is about to write it: a process
    /// that ends waits for nobody. Waits for the write that is under way.
    pub(crate) fn rest(&mut self, now: Duration, state: impl FnOnce(&mut Vec<u8>)) -> Option<Snapshot> {
        let written = *self.file.changes.lock().unwrap_or_else(PoisonError::into_inner);
        (self.changes > written).then(|| self.take(now, state))
    }

    fn take(&mut self, now: Duration, state: impl FnOnce(&mut Vec<u8>)) -> Snapshot {
        let mut bytes = Vec::with_capacity(self.length + self.length / 8);
        state(&mut bytes);
        (self.taken, self.last, self.length) = (self.changes, Some(now), bytes.len());
        Snapshot { file: self.file.clone(), bytes, changes: self.changes }
    }

    /// How often the file was written.
    pub(crate) fn writes(&self) -> u64 {
        self.file.writes.load(Ordering::Relaxed)
    }
}

impl Snapshot {
    /// Writes the file, unless this state or a later one is in it already. The error says which file and why.
    pub(crate) fn write(self) -> Result<(), String> {
        let Written { path, changes, failed, writes } = &*self.file;
        let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
        if *changes >= self.changes {
            return Ok(());
        }
        let written = write(path, &self.bytes);
        failed.store(written.is_err(), Ordering::Relaxed);
        written.map_err(|e| format!("the sandbox cannot write {}: {e}", path.display()))?;
        *changes = self.changes;
        writes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let moved = written.and_then(|()| std::fs::rename(&temporary, path));
    if moved.is_err() {
        // Half a file on a full disk helps nobody.
        let _ = std::fs::remove_file(&temporary);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What a server does: writes at once what is due, and the rest when its time has come.
    fn play(file: &mut StateFile, changes: impl Iterator<Item = u64>) {
        let mut later: Option<Duration> = None;
        for (number, at) in changes.enumerate() {
            let now = ms(at);
            if let Some(time) = later.filter(|time| *time <= now) {
                file.snapshot(time, |bytes| bytes.extend(number.to_string().bytes())).unwrap().write().unwrap();
                later = None;
            }
            match file.changed(now) {
                Due::Now => {
                    file.snapshot(now, |bytes| bytes.extend((number + 1).to_string().bytes())).unwrap().write().unwrap()
                }
                Due::In(rest) => later = Some(now + rest),
                Due::Soon => assert!(later.is_some()),
            }
        }
    }

    #[test]
    fn changes_are_written_once_a_second_and_the_rest_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let mut file = StateFile::new(path.clone());
        play(&mut file, (0..500).map(|n| n * 10));
        assert_eq!(file.writes(), 5, "500 changes in five seconds");
        file.snapshot(ms(5_000), |bytes| bytes.extend(b"500")).unwrap().write().unwrap();
        assert_eq!((file.writes(), std::fs::read_to_string(&path).unwrap().as_str()), (6, "500"));
        assert!(file.snapshot(ms(5_000), |_| panic!("there is nothing new")).is_none());
        assert!(file.rest(ms(5_000), |_| panic!("there is nothing new")).is_none());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_lone_change_is_written_before_it_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = StateFile::new(dir.path().join("state.json"));
        play(&mut file, (0..20).map(|n| n * 1_000));
        assert_eq!(file.writes(), 20);
        assert_eq!(std::fs::read_to_string(dir.path().join("state.json")).unwrap(), "20");
    }

    #[test]
    fn a_failed_write_is_tried_again_with_each_change_and_told_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        let mut file = StateFile::new(folder.join("state.json"));
        assert_eq!(file.changed(ms(0)), Due::Now);
        file.snapshot(ms(0), |bytes| bytes.push(b'1')).unwrap().write().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(file.changed(ms(100)), Due::In(ms(900)));
        let error = file.snapshot(ms(1_000), |bytes| bytes.push(b'2')).unwrap().write().unwrap_err();
        assert!(error.contains("state.json"), "{error}");
        assert_eq!(file.changed(ms(1_010)), Due::Now, "not only after a second");
        file.snapshot(ms(1_010), |bytes| bytes.push(b'3')).unwrap().write().unwrap_err();
        std::fs::create_dir(&folder).unwrap();
        // Nothing was changed, but the last change is not on the disk.
        file.snapshot(ms(1_020), |bytes| bytes.push(b'3')).unwrap().write().unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("state.json")).unwrap(), "3");
        assert_eq!(file.changed(ms(1_030)), Due::In(ms(990)));
    }

    #[test]
    fn what_somebody_was_about_to_write_is_written_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = StateFile::new(dir.path().join("state.json"));
        file.changed(ms(0));
        let about = file.snapshot(ms(0), |bytes| bytes.push(b'1')).unwrap();
        file.rest(ms(1), |bytes| bytes.push(b'2')).unwrap().write().unwrap();
        about.write().unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("state.json")).unwrap(), "2");
        assert_eq!(file.writes(), 1);
    }

    #[test]
    fn an_older_state_never_takes_the_place_of_a_newer_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let mut file = StateFile::new(path.clone());
        file.changed(ms(0));
        let slow = file.snapshot(ms(0), |bytes| bytes.push(b'1')).unwrap();
        file.changed(ms(1_000));
        let fast = file.snapshot(ms(1_000), |bytes| bytes.push(b'2')).unwrap();
        fast.write().unwrap();
        slow.write().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2");
        assert_eq!(file.writes(), 1);
    }
}
