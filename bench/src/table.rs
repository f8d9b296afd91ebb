//! A report as people read it: a table for the terminal, and the same in Markdown.

use crate::result::{Figure, Report, number};

/// For a terminal.
pub(crate) fn plain(report: &Report) -> String {
    let mut lines = vec![heading(report)];
    for measurement in &report.measurements {
        lines.push(String::new());
        lines.push(measurement.name.to_uppercase());
        lines.extend(measurement.setting.iter().map(|line| format!("  {line}")));
        for figure in &measurement.figures {
            let [what, value, target, verdict] = cells(figure);
            lines.push(
                format!("  {what:<66} {value:>16}  {target:<9} {verdict}")
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    lines.join("\n")
}

/// For a page.
pub(crate) fn markdown(report: &Report) -> String {
    let mut lines = vec![heading(report)];
    for measurement in &report.measurements {
        lines.push(format!("\n### {}\n", measurement.name));
        lines.extend(measurement.setting.iter().map(|line| format!("- {line}")));
        lines.push("\n| | | target | |\n|---|--:|---|---|".to_owned());
        for figure in &measurement.figures {
            let [what, value, target, verdict] = cells(figure);
            lines.push(format!("| {what} | {value} | {target} | {verdict} |"));
        }
    }
    lines.join("\n")
}

fn heading(report: &Report) -> String {
    let machine = &report.machine;
    let quick = if report.quick {
        "\nA quick run: it shows that everything runs, and no number of it counts."
    } else {
        ""
    };
    format!(
        "{} · commit {} · {}, {} cores · Linux {} · {}, fsync p50 {} µs · load {} before, {} at the end{quick}",
        report.taken_at,
        report.commit,
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.file_system,
        number(machine.fsync_p50_us),
        number(machine.load.0),
        number(machine.load.1),
    )
}

fn cells(figure: &Figure) -> [String; 4] {
    let value = format!("{} {}", number(figure.value), figure.unit)
        .trim_end()
        .to_owned();
    let (target, verdict) = match figure.target {
        Some(target) if target.is_met(figure.value) => (target.words(), "met"),
        Some(target) => (target.words(), "MISSED"),
        None => (String::new(), ""),
    };
    [figure.what.clone(), value, target, verdict.to_owned()]
}
