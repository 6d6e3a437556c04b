//! The files of a folder in S3: listed, downloaded as they were listed, and looked at again.
//!
//! The engine has no network and no credentials: it reads what plumb has downloaded, and only objects whose ETag is the one
//! that was pinned.

use super::files::{PinnedSide, SideError};
use crate::services::Requests;
use crate::services::aws::{Aws, Env, Files};
use crate::services::s3::answer::S3Object;
use crate::services::s3::{S3Client, S3Fetched};
use plumb_core::kinds::emr::compare::FileFormat;
use plumb_core::parity::files::{ListedFile, ReadAs, SideFault, SideFiles, changes, choose, fingerprint};
use plumb_model::call::{Call, ServiceError, System};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// How many objects are downloaded at a time.
const AT_ONCE: usize = 4;

/// A side that is a folder or an object of S3.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketSide {
    /// As the manifest has it, the period filled in.
    pub source: String,
    bucket: String,
    key: String,
    format: FileFormat,
    done: Option<String>,
}

/// A side whose objects are known.
pub struct PinnedBucket {
    side: BucketSide,
    s3: Arc<S3Client>,
    pub files: SideFiles,
    /// What was read: [`fingerprint`] over keys, sizes and ETags.
    pub fingerprint: String,
    /// What all keys begin with that `files` have left out.
    root: String,
}

impl BucketSide {
    /// Reads `s3://BUCKET/KEY`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(source: &str, format: FileFormat, done: Option<&str>) -> Result<BucketSide, String> {
        let place = source.strip_prefix("s3://").or_else(|| source.strip_prefix("s3a://"));
        let Some((bucket, key)) = place.and_then(|place| place.split_once('/')) else {
            return Err(format!("`{source}` is no place in S3: expected `s3://BUCKET/FOLDER/`"));
        };
        if bucket.is_empty() || key.is_empty() {
            return Err(format!("`{source}` names a whole bucket: expected `s3://BUCKET/FOLDER/`"));
        }
        let done = done.map(str::to_owned);
        Ok(BucketSide { source: source.to_owned(), bucket: bucket.to_owned(), key: key.to_owned(), format, done })
    }

    /// Lists the objects and chooses what is read.
    ///
    /// # Errors
    /// Why there is no verdict, or what is wrong with credentials and rights.
    pub async fn pin(&self, env: &Env) -> Result<PinnedBucket, SideError> {
        let failed = |e: &dyn std::fmt::Display| SideError::Failed(format!("{}: {e}", self.source));
        if self.format == FileFormat::Delta {
            let says =
                format!("{} is a Delta folder in S3, which only a warehouse reads: `engine: databricks`", self.source);
            return Err(SideError::NoVerdict(SideFault { cause: "unreadable", says }));
        }
        let aws = Aws::new(env.clone(), &Files::read(env)).map_err(|e| failed(&e))?;
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let s3 = S3Client::new(aws, bucket, key, "the `path`", Requests::default()).map_err(|e| failed(&e))?;
        let (root, files) = self.look(&s3).await?;
        let described: Vec<(String, u64, &str)> =
            files.pinned.iter().map(|file| (format!("{root}{}", file.path), file.size, &*file.version)).collect();
        let fingerprint = fingerprint(described.iter().map(|(key, size, etag)| (&**key, *size, *etag)));
        Ok(PinnedBucket { side: self.clone(), s3: Arc::new(s3), files, fingerprint, root })
    }

    /// What the listing of this side is called in messages.
    fn call(&self) -> Call {
        Call::get(System::DagFiles, &*self.source)
    }

    async fn list(&self, s3: &S3Client, prefix: &str) -> Result<Vec<S3Object>, SideError> {
        s3.list(&self.call(), prefix).await.map_err(|fault| self.failed(&fault))
    }

    fn failed(&self, fault: &ServiceError) -> SideError {
        SideError::Failed(format!("{}: {fault}", self.source))
    }

    /// What all keys begin with, and the files below it.
    async fn look(&self, s3: &S3Client) -> Result<(String, SideFiles), SideError> {
        // `month=2024-05` is a folder or an object, and not what begins like it.
        let folder = format!("{}/", self.key.trim_end_matches('/'));
        let mut objects = self.list(s3, &folder).await?;
        let mut root = folder;
        if objects.is_empty() && !self.key.ends_with('/') {
            root = self.key.rfind('/').map(|at| self.key[..=at].to_owned()).unwrap_or_default();
            let mut wanted = vec![self.key.clone()];
            wanted.extend(self.done.as_ref().map(|done| format!("{root}{done}")));
            for key in wanted {
                objects.extend(self.list(s3, &key).await?.into_iter().filter(|object| object.key == key));
            }
        }
        if objects.is_empty() {
            let says = format!("{} is not there: has the pipeline run, and is the path right?", self.source);
            return Err(SideError::NoVerdict(SideFault { cause: "unreadable", says }));
        }
        let listed: Vec<ListedFile> = objects
            .into_iter()
            .map(|object| ListedFile {
                path: object.key[root.len()..].to_owned(),
                size: object.size,
                version: object.etag,
            })
            .collect();
        let read = ReadAs { source: &self.source, root: &root, format: self.format, done: self.done.as_deref() };
        let files = choose(&listed, read).map_err(SideError::NoVerdict)?;
        Ok((root, files))
    }
}

impl PinnedBucket {
    /// Downloads what is not in the cache yet, and returns the side as one of this machine.
    ///
    /// # Errors
    /// An object is not the one that was listed, the cache is too small, or the download failed.
    pub async fn fetch(&self, cache: &mut DownloadCache) -> Result<PinnedSide, SideError> {
        let (side, folder) = (&self.side, cache.folder.clone());
        let failed = |e: io::Error| SideError::Failed(format!("{}: {e}", folder.display()));
        let wanted: BTreeMap<String, &ListedFile> = self
            .files
            .pinned
            .iter()
            .filter(|file| file.size > 0)
            .map(|file| (format!("{}{}", self.root, file.path), file))
            .collect();
        let mut paths = BTreeMap::new();
        let mut missing = Vec::new();
        for (key, file) in &wanted {
            let path = cache.path(&side.bucket, key, file);
            let is_there = std::fs::metadata(&path).is_ok_and(|about| about.len() == file.size);
            if !is_there {
                missing
                    .push((S3Object { key: key.clone(), size: file.size, etag: file.version.clone() }, path.clone()));
            }
            paths.insert(key.clone(), path);
        }
        let needed = missing.iter().map(|(object, _)| object.size).sum();
        cache.keep(paths.values().cloned(), &side.source, needed)?;
        let mut running = tokio::task::JoinSet::new();
        let mut waiting = missing.into_iter();
        loop {
            while running.len() < AT_ONCE
                && let Some((object, path)) = waiting.next()
            {
                let (s3, call) = (self.s3.clone(), side.call());
                running.spawn(async move {
                    let part = path.with_extension(format!("{}.part", std::process::id()));
                    let fetched = s3.fetch(&call, &object, &part).await;
                    (object, path, part, fetched)
                });
            }
            let Some(done) = running.join_next().await else { break };
            let (object, path, part, fetched) = done.map_err(|e| SideError::Failed(e.to_string()))?;
            let name = &object.key[self.root.len()..];
            let size = std::fs::metadata(&part).map_or(0, |about| about.len());
            match fetched.map_err(|fault| side.failed(&fault))? {
                S3Fetched::Done if size == object.size => std::fs::rename(&part, &path).map_err(failed)?,
                S3Fetched::Done => {
                    let why = format!("{}: {name} is {} bytes, and {size} came", side.source, object.size);
                    return Err(SideError::Failed(why));
                }
                S3Fetched::Changed => {
                    let says = format!(
                        "{} was changed while it was read ({name}): run again when its writer has finished",
                        side.source
                    );
                    return Err(SideError::NoVerdict(SideFault::changed(says)));
                }
            }
        }
        let mut files = self.files.clone();
        for part in &mut files.parts {
            let Some(path) = paths.get(&part.path).and_then(|path| path.to_str()) else {
                return Err(SideError::Failed(format!("{} is no UTF-8", folder.display())));
            };
            path.clone_into(&mut part.path);
        }
        let input = folder.clone();
        Ok(PinnedSide { files, fingerprint: self.fingerprint.clone(), input })
    }

    /// Whether everything is as it was when it was pinned.
    ///
    /// # Errors
    /// What was changed meanwhile, or cannot be looked at any more.
    pub async fn repin(&self) -> Result<(), SideError> {
        let source = &self.side.source;
        let now = self.side.look(&self.s3).await.map_err(|error| match error {
            SideError::NoVerdict(fault) => {
                let says = format!("{source} was changed while it was compared: {}", fault.says);
                SideError::NoVerdict(SideFault::changed(says))
            }
            failed @ SideError::Failed(_) => failed,
        })?;
        match changes(source, &self.files.pinned, &now.1.pinned) {
            Some(fault) => Err(SideError::NoVerdict(fault)),
            None => Ok(()),
        }
    }
}

/// A folder of downloads that is never larger than it may be. Only its owner can look into it.
pub struct DownloadCache {
    folder: PathBuf,
    /// In bytes.
    most: u64,
    /// What this run reads, and so is not removed.
    kept: BTreeSet<PathBuf>,
}

impl DownloadCache {
    /// A folder, made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path, most: u64) -> Result<DownloadCache, String> {
        let failed = |e: io::Error| format!("{}: {e}; PLUMB_CACHE names another folder", folder.display());
        std::fs::create_dir_all(folder).map_err(failed)?;
        #[cfg(unix)]
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(failed)?;
        let folder = std::fs::canonicalize(folder).map_err(failed)?;
        Ok(DownloadCache { folder, most, kept: BTreeSet::new() })
    }

    /// Where an object is kept: by what it is, with the endings that engines go by (`.csv.gz`).
    fn path(&self, bucket: &str, key: &str, file: &ListedFile) -> PathBuf {
        let mut hash = Sha256::new();
        for text in [bucket, key, &file.version, &file.size.to_string()] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let digits: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let name = key.rsplit('/').next().unwrap_or(key);
        let endings = name.find('.').map_or("", |at| &name[at..]);
        let is_plain = endings.len() < 60 && endings.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
        self.folder.join(format!("{digits}{}", if is_plain { endings } else { "" }))
    }

    /// Makes room for so many bytes more, and remembers what is not to be removed.
    fn keep(&mut self, paths: impl Iterator<Item = PathBuf>, source: &str, needed: u64) -> Result<(), SideError> {
        let failed = |e: io::Error| SideError::Failed(format!("{}: {e}", self.folder.display()));
        self.kept.extend(paths);
        let mut others: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
        let mut used = needed;
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let about = entry.metadata().map_err(failed)?;
            used += about.len();
            if !self.kept.contains(&entry.path()) && about.is_file() {
                let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                others.push((written, entry.path(), about.len()));
            }
        }
        others.sort();
        let mut others = others.into_iter();
        while used > self.most {
            let Some((_, path, size)) = others.next() else {
                let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
                return Err(SideError::Failed(format!(
                    "{source}: what this run reads of S3 is {}, and the cache holds {}: give it more with `--cache`, or compare \
                     on a warehouse with `engine: databricks`",
                    gigabytes(used),
                    gigabytes(self.most)
                )));
            };
            std::fs::remove_file(&path).map_err(failed)?;
            used -= size;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_of_a_bucket() {
        let read = |source: &str| BucketSide::new(source, FileFormat::Parquet, None);
        let side = read("s3://bau/agg/month=2024-05/").unwrap();
        assert_eq!((&*side.bucket, &*side.key), ("bau", "agg/month=2024-05/"));
        assert_eq!(read("s3a://bau/x").unwrap().key, "x");
        for (source, wanted) in [
            ("s3://bau", "is no place in S3"),
            ("s3://bau/", "a whole bucket"),
            ("s3:///x", "a whole bucket"),
            ("/x", "is no place in S3"),
        ] {
            assert!(read(source).unwrap_err().contains(wanted), "{source}");
        }
    }

    #[test]
    fn a_cache_drops_the_oldest_and_never_what_this_run_reads() {
        let root = tempfile::tempdir().unwrap();
        let mut cache = DownloadCache::open(&root.path().join("s3"), 100).unwrap();
        let put = |name: &str, age: u64| {
            let path = cache.folder.join(name);
            std::fs::write(&path, [0; 30]).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
            path
        };
        let (old, older, new) = (put("old", 100), put("older", 200), put("new", 1));
        cache.keep([older.clone()].into_iter(), "s3://b/x/", 30).unwrap();
        assert!(older.exists() && !old.exists() && new.exists());
        let error = cache.keep([new.clone()].into_iter(), "s3://b/x/", 50).unwrap_err();
        assert!(error.to_string().contains("give it more with `--cache`"), "{error}");
        assert!(older.exists() && new.exists());
    }

    #[test]
    fn what_is_kept_is_named_by_what_it_is() {
        let root = tempfile::tempdir().unwrap();
        let cache = DownloadCache::open(root.path(), 100).unwrap();
        let file = |version: &str, size| ListedFile { path: String::new(), size, version: version.to_owned() };
        let path =
            |key: &str, file: ListedFile| cache.path("b", key, &file).file_name().unwrap().to_str().unwrap().to_owned();
        let one = path("m=1/part-0.csv.gz", file("e", 1));
        assert!(one.len() == 32 + 7 && one.ends_with(".csv.gz"), "{one}");
        for other in [
            path("m=2/part-0.csv.gz", file("e", 1)),
            path("m=1/part-0.csv.gz", file("f", 1)),
            path("m=1/part-0.csv.gz", file("e", 2)),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(path("a.b c", file("e", 1)).len(), 32);
    }
}
