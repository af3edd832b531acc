//! A folder for one test's files, gone when the test ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// A fresh, empty folder. Dropping it removes it with all that is in it.
pub(crate) struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// Makes the folder.
    pub(crate) fn new() -> TempDir {
        let name = format!("upcheck-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a folder under the target folder");
        TempDir { path }
    }

    /// The path of `name` in this folder, whether it exists or not.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, and gives its path as an argument for a command.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file in a folder of our own");
        path.into_os_string().into_string().expect("the target folder has a UTF-8 name")
    }

    /// The names of the files that are in the folder now, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.path)
            .expect("a folder of our own")
            .map(|entry| entry.expect("a folder of our own").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
