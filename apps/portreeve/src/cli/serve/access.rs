//! Lines of the access log, which every request pays for. They read letter for letter as the library would write them, and cost a
//! fifth of it, because nobody is asked how.

use {
    super::lines::Lines,
    portreeve_guard::{Answer, AnswerSink},
    portreeve_kernel::Timestamp,
    std::{
        cell::RefCell,
        fmt::{self, Write},
        net::IpAddr,
        time::{SystemTime, UNIX_EPOCH},
    },
    tracing::Level,
};

/// Writes the access log as plain text, where the log's filter wants it.
pub(super) struct AccessLog(pub(super) Lines);

impl AnswerSink for AccessLog {
    fn answered(&self, answer: &Answer<'_>) {
        if !tracing::enabled!(target: Answer::TARGET, Level::INFO) {
            return;
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            // Writing to a string cannot fail.
            let _ = write_time(line).and_then(|()| write_answer(line, answer));
            self.0.push(line.as_bytes());
        });
    }
}

thread_local! {
    /// A second since 1970, and how it is written: all but its microseconds is made once for each on each thread.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };

    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The time of the system. Before 1970 the clock is wrong, and 1970 is as good.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by when a line was written")]
fn write_time(line: &mut String) -> fmt::Result {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() || text.is_empty() {
            let at = Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)).to_string();
            (*second, *text) = (since.as_secs(), at.trim_end_matches('Z').to_owned());
        }
        line.push_str(text);
    });
    // Six digits, the first of which may be zeros.
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(since.subsec_micros().saturating_add(1_000_000));
    line.push('.');
    line.push_str(digits.get(1..).unwrap_or_default());
    line.push('Z');
    Ok(())
}

/// The rest of the line.
fn write_answer(line: &mut String, answer: &Answer<'_>) -> fmt::Result {
    let (context, mut digits) = (answer.context, itoa::Buffer::new());
    line.push_str("  INFO access: answered request.id=");
    line.push_str(context.id().as_str());
    line.push_str(" http.method=");
    line.push_str(context.method().as_str());
    // A template of ours, in which nothing has to be written otherwise.
    line.push_str(" http.route=\"");
    line.push_str(answer.route());
    line.push_str("\" http.status=");
    line.push_str(digits.format(answer.status.as_u16()));
    line.push_str(" duration_us=");
    line.push_str(digits.format(answer.micros()));
    if let Some(principal) = context.principal() {
        write!(line, " credential.id={}", principal.credential)?;
    }
    line.push_str(" client.ip=");
    match context.client() {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    line.push('.');
                }
                line.push_str(digits.format(octet));
            }
        }
        IpAddr::V6(address) => write!(line, "{address}")?,
    }
    line.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        axum::{
            Router,
            body::Body,
            extract::{FromRef, connect_info::MockConnectInfo},
            http::Request,
            routing::any,
        },
        portreeve_guard::{
            Admission, AuditSink, AuthFailure, Authenticate, Bypass, Caller, Gate, GateParts, Limiter, Limits, Proxies,
            Refusal, Traced,
        },
        portreeve_kernel::{Credential, ManualClock, Principal, entropy::Seeded},
        std::{
            io,
            net::SocketAddr,
            sync::{Arc, Mutex},
        },
        tower::ServiceExt,
        tracing_subscriber::fmt::{
            MakeWriter,
            format::Writer,
            time::{FormatTime, SystemTime as Library},
        },
    };

    portreeve_kernel::scopes! {
        /// See.
        Read = "agents:read";
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    struct Everybody;

    #[async_trait::async_trait]
    impl Authenticate for Everybody {
        async fn authenticate(&self, _: &str, _: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
            Ok(Arc::new(Principal {
                credential: Credential::ApiKey("key_000000000001".parse().unwrap()),
                scopes: "agents:read".parse().unwrap(),
                ..Principal::stranger(Timestamp::EPOCH, &Seeded::new(1))
            }))
        }
    }

    impl AuditSink for Everybody {
        fn refused(&self, _: &Refusal<'_>) {}

        fn admitted(&self, _: &Admission<'_>) {}

        fn bypassed(&self, _: &Bypass<'_>) {}
    }

    #[derive(Clone)]
    struct App(Gate);

    impl FromRef<App> for Gate {
        fn from_ref(app: &App) -> Self {
            app.0.clone()
        }
    }

    const AGENT: &str = "/agents/{agentId}";
    const OPEN: &str = "/open";

    /// Answers one request, of which `sinks` are told.
    async fn answer(sinks: Vec<Arc<dyn AnswerSink>>, method: &str, path: &str, client: [u16; 8]) {
        let gate = Gate::new(GateParts {
            answers: sinks,
            limiter: Arc::new(Limiter::new(Limits::default())),
            authenticator: Arc::new(Everybody),
            audit: Arc::new(Everybody),
            clock: Arc::new(ManualClock::at(Timestamp::EPOCH)),
            entropy: Arc::new(Seeded::new(7)),
            proxies: Proxies::default(),
            faces: Vec::new(),
            https_only: false,
        });
        let router = Router::new()
            .route(AGENT, any(|_: Caller<Read>| async { "x" }))
            .route(OPEN, any(|| async { "x" }))
            .with_state(App(gate.clone()));
        let router = gate
            .protect(router)
            .layer(MockConnectInfo(SocketAddr::from((client, 1))));
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", "Bearer hunter2").body(Body::empty());
        router.oneshot(request.unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn a_line_reads_as_the_library_writes_it() {
        let (ours, librarys) = (Kept::default(), Kept::default());
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(librarys.clone());
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        let lines = Lines::to(ours.clone()).unwrap();
        let (here, there) = (
            [0, 0, 0, 0, 0, 0xffff, 0xc633, 0x6407],
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1],
        );
        for (method, path, client) in [
            ("GET", "/agents/agt_1?x=y", here),
            ("POST", "/agents/a", there),
            ("GET", OPEN, here),
            ("GET", "/nowhere/at/all", there),
            ("QU!#$%&'*+.^_`|~", OPEN, here),
        ] {
            let sinks: Vec<Arc<dyn AnswerSink>> = vec![Arc::new(Traced), Arc::new(AccessLog(lines.clone()))];
            answer(sinks, method, path, client).await;
        }
        lines.end();
        let after_the_time = |kept: &Kept| -> Vec<String> {
            let text = kept.text();
            let all = text.lines().filter(|line| line.contains("access: "));
            all.map(|line| line.split_once('Z').unwrap().1.to_owned()).collect()
        };
        assert_eq!(after_the_time(&ours), after_the_time(&librarys));
        assert!(
            ours.text().lines().count() == 5 && ours.text().contains("client.ip=198.51.100.7\n"),
            "{}",
            ours.text()
        );
    }

    #[tokio::test]
    async fn what_the_filter_leaves_out_is_not_written() {
        let ours = Kept::default();
        let lines = Lines::to(ours.clone()).unwrap();
        let subscriber = tracing_subscriber::fmt().with_env_filter("info,access=warn").finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        answer(vec![Arc::new(AccessLog(lines.clone()))], "GET", OPEN, [0; 8]).await;
        lines.end();
        assert_eq!(ours.text(), "");
    }

    #[test]
    fn the_time_is_written_as_the_library_writes_it() {
        let ours = || {
            let mut text = String::new();
            write_time(&mut text).unwrap();
            text
        };
        let librarys = || {
            let mut text = String::new();
            Library.format_time(&mut Writer::new(&mut text)).unwrap();
            text
        };
        // Also the second time within a second, and in the next one.
        for _ in 0..3 {
            let [before, ours, after] = [librarys(), ours(), librarys()];
            assert!(before <= ours && ours <= after, "{before} {ours} {after}");
            assert_eq!(ours.len(), "2026-01-02T12:00:00.000001Z".len());
            std::thread::sleep(std::time::Duration::from_millis(501));
        }
    }
}
