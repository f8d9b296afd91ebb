//! `/metrics`: numbers for Prometheus. Names of nobody and amounts of nothing.

use {
    super::health::Needs,
    axum::{
        extract::State,
        http::header,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Answer, AnswerSink, health::Status},
    std::{
        fmt::Write,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    },
};

/// The text format of Prometheus, version 0.0.4.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the answer times that are told apart, in milliseconds.
const BUCKETS: [u64; 8] = [1, 5, 10, 50, 100, 500, 1_000, 5_000];

/// What is counted, and what is looked at when somebody asks.
#[derive(Clone)]
pub(super) struct Metrics {
    counts: Arc<Counts>,
    needs: Needs,
}

#[derive(Default)]
pub(super) struct Counts {
    /// 1xx … 5xx.
    by_class: [AtomicU64; 5],
    /// How many took at most as long as the bound of the same place, and longer than the bound before it.
    within: [AtomicU64; BUCKETS.len()],
    microseconds: AtomicU64,
}

impl Metrics {
    pub(super) fn new(needs: Needs) -> Self {
        Self {
            counts: Arc::default(),
            needs,
        }
    }

    /// Counts every answer of a gate.
    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl AnswerSink for Counts {
    fn answered(&self, answer: &Answer<'_>) {
        self.add(answer.status.as_u16(), answer.micros());
    }
}

impl Counts {
    fn add(&self, status: u16, microseconds: u64) {
        let class = usize::from(status)
            .checked_div(100)
            .and_then(|class| class.checked_sub(1));
        let Some(class) = class.and_then(|class| self.by_class.get(class)) else {
            return;
        };
        class.fetch_add(1, Ordering::Relaxed);
        let mut all = BUCKETS.iter().zip(&self.within);
        if let Some((_, count)) = all.find(|(bound, _)| microseconds <= bound.saturating_mul(1_000)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    fn text(&self, ready: &[(String, Status)]) -> String {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut out = String::new();
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{text}");
        };
        line(format_args!("# TYPE portreeve_build_info gauge"));
        line(format_args!(
            "portreeve_build_info{{version=\"{}\"}} 1",
            env!("CARGO_PKG_VERSION")
        ));
        line(format_args!("# TYPE portreeve_ready gauge"));
        for (need, status) in ready {
            line(format_args!(
                "portreeve_ready{{need=\"{need}\"}} {}",
                u8::from(*status == Status::Ok)
            ));
        }
        line(format_args!("# TYPE portreeve_http_responses_total counter"));
        let mut all: u64 = 0;
        for (class, count) in (1..).zip(&self.by_class) {
            all = all.saturating_add(read(count));
            line(format_args!(
                "portreeve_http_responses_total{{class=\"{class}xx\"}} {}",
                read(count)
            ));
        }
        line(format_args!("# TYPE portreeve_http_response_seconds histogram"));
        let mut within: u64 = 0;
        for (bound, count) in BUCKETS.iter().zip(&self.within) {
            within = within.saturating_add(read(count));
            let (seconds, millis) = (bound / 1_000, bound % 1_000);
            line(format_args!(
                "portreeve_http_response_seconds_bucket{{le=\"{seconds}.{millis:03}\"}} {within}"
            ));
        }
        line(format_args!(
            "portreeve_http_response_seconds_bucket{{le=\"+Inf\"}} {all}"
        ));
        let micros = read(&self.microseconds);
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        line(format_args!("portreeve_http_response_seconds_sum {seconds}.{rest:06}"));
        line(format_args!("portreeve_http_response_seconds_count {all}"));
        out
    }
}

/// Numbers for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "getMetrics", security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus' text format"))
)]
pub(super) async fn show(State(metrics): State<Metrics>) -> Response {
    let ready: Vec<(String, Status)> = metrics.needs.look().await.checks.into_iter().collect();
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], metrics.counts.text(&ready)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class_and_by_how_long_they_took() {
        let counts = Counts::default();
        counts.add(200, 900);
        counts.add(204, 1_000);
        counts.add(503, 6_000_000);
        counts.add(999, 1);
        let text = counts.text(&[("chain".to_owned(), Status::Down), ("signer".to_owned(), Status::Ok)]);
        for line in [
            "portreeve_ready{need=\"chain\"} 0",
            "portreeve_ready{need=\"signer\"} 1",
            "portreeve_http_responses_total{class=\"2xx\"} 2",
            "portreeve_http_responses_total{class=\"5xx\"} 1",
            "portreeve_http_response_seconds_bucket{le=\"0.001\"} 2",
            "portreeve_http_response_seconds_bucket{le=\"5.000\"} 2",
            "portreeve_http_response_seconds_bucket{le=\"+Inf\"} 3",
            "portreeve_http_response_seconds_sum 6.001900",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
        }
    }
}
