//! Every figure that has a target, over time: one panel each, the target as a line across it.

use {
    crate::result::{Figure, Report, Target, number},
    std::fmt::Write,
};

const COLUMNS: usize = 3;
const PANEL: (f64, f64) = (380.0, 170.0);
/// Left, top, right and bottom of the field within a panel.
const FIELD: (f64, f64, f64, f64) = (56.0, 44.0, 364.0, 140.0);
/// Characters of a title that fit one line.
const TITLE: usize = 52;

/// A point of a panel: when, and how much.
struct Point<'a> {
    day: &'a str,
    value: f64,
}

/// The picture, as SVG.
pub(crate) fn draw(reports: &[Report]) -> String {
    let titles = titles(reports);
    let rows = titles.len().div_ceil(COLUMNS).max(1);
    let (width, height) = (PANEL.0 * COLUMNS as f64, PANEL.1 * rows as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for (place, (measurement, what)) in titles.iter().enumerate() {
        let (x, y) = (PANEL.0 * (place % COLUMNS) as f64, PANEL.1 * (place / COLUMNS) as f64);
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        panel(&mut svg, reports, measurement, what);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// What has a target in any report, in the order of the newest.
fn titles(reports: &[Report]) -> Vec<(String, String)> {
    let mut titles = Vec::new();
    for report in reports.iter().rev() {
        for measurement in &report.measurements {
            for figure in measurement.figures.iter().filter(|figure| figure.target.is_some()) {
                let title = (measurement.name.clone(), figure.what.clone());
                if !titles.contains(&title) {
                    titles.push(title);
                }
            }
        }
    }
    titles
}

fn panel(svg: &mut String, reports: &[Report], measurement: &str, what: &str) {
    let found: Vec<(&Report, &Figure)> = reports
        .iter()
        .filter_map(|report| Some((report, figure(report, measurement, what)?)))
        .collect();
    let Some((_, newest)) = found.last() else { return };
    let (Some(target), unit) = (newest.target, &newest.unit) else {
        return;
    };
    let points: Vec<Point<'_>> = found
        .iter()
        .map(|(report, figure)| Point {
            day: report.taken_at.split('T').next().unwrap_or_default(),
            value: figure.value,
        })
        .collect();
    let met = target.is_met(newest.value);
    let color = if met { "#1b7f4b" } else { "#b3261e" };
    let title: String = format!("{measurement}: {what}").chars().take(TITLE).collect();
    text(
        svg,
        (12.0, 18.0),
        "start",
        "#111111",
        &format!("font-weight=\"bold\">{}", escape(&title)),
    );
    let now = format!("{} {unit}, target {}", number(newest.value), target.words());
    text(svg, (12.0, 34.0), "start", color, &format!(">{}", escape(&now)));
    axes(svg, &points, target, color);
}

fn axes(svg: &mut String, points: &[Point<'_>], target: Target, color: &str) {
    let (left, top, right, bottom) = FIELD;
    let highest = points.iter().map(|point| point.value).fold(target.bound(), f64::max);
    // From zero, so that a small change looks small.
    let most = if highest > 0.0 { highest * 1.15 } else { 1.0 };
    let y = |value: f64| bottom - (bottom - top) * (value / most);
    let x = |place: usize| match points.len() {
        1 => f64::midpoint(left, right),
        all => left + 8.0 + (right - left - 16.0) * place as f64 / (all - 1) as f64,
    };
    let line = |svg: &mut String, from: (f64, f64), to: (f64, f64), style: &str| {
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {style}/>",
            from.0, from.1, to.0, to.1
        );
    };
    line(svg, (left, top), (left, bottom), "stroke=\"#999999\"");
    line(svg, (left, bottom), (right, bottom), "stroke=\"#999999\"");
    for value in [0.0, target.bound()] {
        text(
            svg,
            (left - 5.0, y(value) + 4.0),
            "end",
            "#555555",
            &format!(">{}", number(value)),
        );
    }
    let at = y(target.bound());
    line(
        svg,
        (left, at),
        (right, at),
        "stroke=\"#c07800\" stroke-dasharray=\"5 3\"",
    );
    let path: Vec<String> = points
        .iter()
        .enumerate()
        .map(|(place, point)| format!("{:.1},{:.1}", x(place), y(point.value)))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\"/>",
        path.join(" ")
    );
    for (place, point) in points.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{color}\"><title>{} {}</title></circle>",
            x(place),
            y(point.value),
            point.day,
            number(point.value)
        );
    }
    let days = [points.first(), points.last().filter(|_| points.len() > 1)];
    for (point, (place, anchor)) in days.into_iter().zip([(left, "start"), (right, "end")]) {
        if let Some(point) = point {
            text(
                svg,
                (place, bottom + 16.0),
                anchor,
                "#555555",
                &format!(">{}", point.day),
            );
        }
    }
}

fn figure<'a>(report: &'a Report, measurement: &str, what: &str) -> Option<&'a Figure> {
    let measurement = report.measurements.iter().find(|found| found.name == measurement)?;
    measurement.figures.iter().find(|found| found.what == what)
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, color: &str, rest: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\" {rest}</text>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
