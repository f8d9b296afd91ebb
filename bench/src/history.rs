//! Runs that were kept: one JSON file each, a page with the newest, and a plot of all.

use {
    crate::{plot, result::Report, table},
    std::{
        fs,
        path::{Path, PathBuf},
    },
};

const PAGE: &str = "README.md";
const PLOT: &str = "history.svg";

/// Keeps `report` in `folder`, and writes page and plot anew. Gives the file.
pub(crate) fn keep(folder: &Path, report: &Report) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let day = report.taken_at.split('T').next().unwrap();
    let file = folder.join(format!("{day}-{}.json", report.commit));
    fs::write(&file, format!("{}\n", serde_json::to_string_pretty(report).unwrap())).unwrap();
    render(folder);
    file
}

/// Writes page and plot from what is kept.
pub(crate) fn render(folder: &Path) {
    let reports = read(folder);
    fs::write(folder.join(PLOT), plot::draw(&reports)).unwrap();
    if let Some(newest) = reports.last() {
        fs::write(folder.join(PAGE), page(newest)).unwrap();
    }
}

/// All that is kept, oldest first.
fn read(folder: &Path) -> Vec<Report> {
    let mut reports: Vec<Report> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect();
    reports.sort_by(|one, other| one.taken_at.cmp(&other.taken_at));
    reports
}

fn page(newest: &Report) -> String {
    format!(
        "# Measured\n\nWritten by `cargo xtask bench`; do not edit. Each run is a file of this folder. Only ratios within one run \
         compare: what the machine gives differs from day to day.\n\n![Every figure with a target, over time]({PLOT})\n\n\
         ## The newest run\n\n{}\n",
        table::markdown(newest)
    )
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::result::{Machine, Measurement, Target},
    };

    fn report(taken_at: &str, value: f64) -> Report {
        let mut measurement = Measurement::new("policy");
        measurement.hold("time & <space>", value, "ns", Target::AtMost(1000.0));
        Report {
            taken_at: taken_at.to_owned(),
            commit: "abc".to_owned(),
            quick: false,
            machine: Machine {
                cpu: "a cpu".to_owned(),
                cores: 2,
                kernel: "6.1".to_owned(),
                file_system: "ext2/ext3".to_owned(),
                fsync_p50_us: 1000.0,
                load: (0.0, 1.0),
            },
            measurements: vec![measurement],
        }
    }

    #[test]
    fn what_is_kept_is_read_again_oldest_first_and_the_page_shows_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let (late, early) = (
            report("2026-11-21T08:00:00Z", 1500.0),
            report("2026-11-20T08:00:00Z", 500.0),
        );
        for report in [&late, &early] {
            keep(folder.path(), report);
        }
        assert_eq!(read(folder.path()), [early, late]);
        let page = fs::read_to_string(folder.path().join(PAGE)).unwrap();
        assert!(
            page.contains("| time & <space> | 1,500 ns | ≤ 1,000 | MISSED |"),
            "{page}"
        );
        let plot = fs::read_to_string(folder.path().join(PLOT)).unwrap();
        assert!(plot.contains("time &amp; &lt;space&gt;"), "{plot}");
        assert_eq!(plot.matches("<circle").count(), 2);
    }
}
