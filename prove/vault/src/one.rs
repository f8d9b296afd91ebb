//! One vault.

use {
    portreeve_notes::{
        Filter, Index, Limits, NotePath, Progress, Query, Root, Vault,
        testing::{Expect, Manifest, Odd, Plan, differences},
    },
    std::{
        collections::BTreeSet,
        fs::{self, File},
        path::Path,
        sync::atomic::{AtomicU64, Ordering},
        time::{Duration, Instant, SystemTime},
    },
};

/// No file may take longer.
const LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) entities: usize,
    pub(crate) seed: u64,
    pub(crate) hostile: bool,
}

/// The most memory that reading it took, in bytes; or what is wrong.
pub(crate) fn prove(case: Case, folder: &Path) -> Result<u64, String> {
    let home = tempfile::tempdir_in(folder).unwrap();
    let plan = Plan {
        entities: case.entities,
        seed: case.seed,
        hostile: case.hostile,
        ..Plan::default()
    };
    let manifest = plan.write(home.path()).unwrap();
    let before = peak_anew();
    let root = Root::at(&home.path().join("notes")).unwrap();
    let vault = Vault::open(&root, Limits::default(), &|_| {}).unwrap();
    let peak = peak().saturating_sub(before);
    let as_written = |vault: &Vault, how: &str| {
        let found = differences(vault, &manifest, plan.today);
        if found.is_empty() {
            return Ok(());
        }
        Err(format!("{case:?}, {how}:\n{}", found.join("\n")))
    };
    as_written(&vault, "read")?;
    quick(&vault, &manifest, home.path())?;
    let (state, kept) = (home.path().join("text"), home.path().join("kept"));
    found(&vault, &manifest, &state)?;
    vault.keep(&kept).unwrap();
    let again = AtomicU64::new(0);
    let tell = |progress: Progress| {
        again.fetch_max(progress.bytes, Ordering::Relaxed);
    };
    let warm = Vault::open_kept(&root, Limits::default(), &kept, &tell).unwrap();
    if warm.snapshot().generation().content != vault.snapshot().generation().content {
        return Err(format!("{case:?}: what was kept is another vault"));
    }
    as_written(&warm, "kept")?;
    // What is not served is no note, and is not kept. Among the hostile files that is a lot.
    let refused = manifest
        .odd
        .iter()
        .filter(|odd| matches!(odd.expect, Expect::Refused(_)));
    let refused: u64 = refused.map(|odd| size(home.path(), odd)).sum();
    let again = again.into_inner();
    if !case.hostile && again > refused {
        return Err(format!(
            "{case:?}: {again} bytes were read again, of which {refused} are no note's"
        ));
    }
    Ok(peak)
}

/// Each odd file is read again, alone.
fn quick(vault: &Vault, manifest: &Manifest, home: &Path) -> Result<(), String> {
    for odd in &manifest.odd {
        let Ok(path) = NotePath::parse(&odd.path) else { continue };
        if size(home, odd) > 0 {
            // So that it is not believed to be as it was.
            let file = File::open(home.join("notes").join(&odd.path)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        let start = Instant::now();
        vault.refresh(&[path]).unwrap();
        let took = start.elapsed();
        if took > LONGEST {
            return Err(format!("{} ({}) took {took:?}", odd.path, odd.why));
        }
    }
    Ok(())
}

fn found(vault: &Vault, manifest: &Manifest, state: &Path) -> Result<(), String> {
    let index = Index::at(state).unwrap();
    index.follow(vault, &vault.snapshot(), &|_| {}).unwrap();
    for (term, files) in &manifest.terms {
        let query = Query::parse(term).unwrap();
        let found = index.search(&query, &Filter::default(), 0, files.len() + 1).unwrap();
        let paths: BTreeSet<String> = found.hits.iter().map(|hit| hit.path.to_string()).collect();
        if paths != *files || found.total != files.len() {
            return Err(format!(
                "`{term}` is in {} files and found in {}",
                files.len(),
                found.total
            ));
        }
    }
    Ok(())
}

/// Zero for what is no file, or is spelled otherwise on the disk.
fn size(home: &Path, odd: &Odd) -> u64 {
    let found = fs::symlink_metadata(home.join("notes").join(&odd.path));
    found.map_or(0, |found| if found.is_file() { found.len() } else { 0 })
}

fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1024
}

/// Forgets what the peak was until now, and gives the memory there is.
fn peak_anew() -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}
