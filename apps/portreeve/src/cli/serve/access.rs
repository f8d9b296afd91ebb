//! Lines of the access log, which every request pays for. They read as the library's own do, and cost a third of them: it
//! asks of each part of each line whether that has a colour.

use {
    portreeve_kernel::Timestamp,
    std::{cell::RefCell, fmt, time},
    tracing::{
        Event, Subscriber,
        field::{Field, Visit},
    },
    tracing_subscriber::{
        fmt::{
            FmtContext, FormatEvent, FormatFields,
            format::{Format, Full, Writer},
            time::{FormatTime, SystemTime},
        },
        registry::LookupSpan,
    },
};

/// What the lines of the access log are about.
const ACCESS: &str = "access";

/// Writes lines of the access log without colours; all others are written by the library.
#[derive(Debug)]
pub(super) struct Lines<T = Now> {
    time: T,
    others: Format<Full, T>,
}

impl Lines {
    /// With the time of the system.
    pub(super) fn new() -> Self {
        Self {
            time: Now,
            others: Format::default().with_timer(Now),
        }
    }
}

/// The time of the system as the library writes it. All but its microseconds is the same for a second, and is made once for that on
/// each thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now;

thread_local! {
    /// A second since 1970, and how it is written.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

impl FormatTime for Now {
    #[expect(clippy::disallowed_methods, reason = "nothing is decided by when a line was written")]
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let since = time::SystemTime::now().duration_since(time::UNIX_EPOCH);
        // Before 1970 the clock is wrong, and the library knows how to say so.
        let Ok(since) = since else {
            return SystemTime.format_time(writer);
        };
        SECOND.with_borrow_mut(|(second, text)| {
            if *second != since.as_secs() || text.is_empty() {
                let at = Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)).to_string();
                (*second, *text) = (since.as_secs(), at.trim_end_matches('Z').to_owned());
            }
            write!(writer, "{text}.{:06}Z", since.subsec_micros())
        })
    }
}

impl<S, N, T> FormatEvent<S, N> for Lines<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    T: FormatTime,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let about = event.metadata();
        if about.target() != ACCESS || writer.has_ansi_escapes() || context.event_scope().is_some() {
            return self.others.format_event(context, writer, event);
        }
        self.time.format_time(&mut writer)?;
        write!(writer, " {:>5} {ACCESS}:", about.level())?;
        let mut fields = Fields {
            writer: &mut writer,
            written: Ok(()),
        };
        event.record(&mut fields);
        fields.written?;
        writer.write_char('\n')
    }
}

/// Writes each field as ` name=value`, and the message as it is.
struct Fields<'a, 'w> {
    writer: &'a mut Writer<'w>,
    written: fmt::Result,
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // As nearly all are: nothing in it has to be written otherwise, so it is not looked at sign by sign.
        let is_plain = value.bytes().fold(true, |all, byte| {
            all & matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')
        });
        if !is_plain {
            return self.record_debug(field, &value);
        }
        if self.written.is_ok() {
            self.written = match field.name() {
                "message" => write!(self.writer, " {value}"),
                name => self.name(name).and_then(|()| write!(self.writer, "\"{value}\"")),
            };
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.written.is_ok() {
            self.written = match field.name() {
                "message" => write!(self.writer, " {value:?}"),
                name => self.name(name).and_then(|()| write!(self.writer, "{value:?}")),
            };
        }
    }
}

impl Fields<'_, '_> {
    fn name(&mut self, name: &str) -> fmt::Result {
        self.writer.write_char(' ')?;
        self.writer.write_str(name)?;
        self.writer.write_char('=')
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        std::{
            io,
            sync::{Arc, Mutex},
        },
        tracing::subscriber::with_default,
        tracing_subscriber::fmt::MakeWriter,
    };

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

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

    #[derive(Default)]
    struct Noon;

    impl FormatTime for Noon {
        fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
            writer.write_str("2026-01-02T12:00:00.000001Z")
        }
    }

    fn events() {
        tracing::info!(
            target: "access",
            { request.id = %"req_1", http.method = %"GET", http.route = "/a/\"{b}", plain = "/a/{b}", odd = "\\ \u{202e}\n가", http.status = 200_u16, duration_us = u64::MAX,
              credential.id = None::<tracing::field::DisplayValue<&str>>, client.ip = %"::1" },
            "answered"
        );
        tracing::warn!(target: "access", { credential.id = Some(tracing::field::display("key_1")) }, "said");
        tracing::info!(target: "access", message = "a text");
        tracing::info!(target: "other", a = 1, "else");
        let span = tracing::info_span!("within", b = 2);
        let _within = span.enter();
        tracing::info!(target: "access", "in a span");
    }

    fn text(ansi: bool, ours: bool) -> String {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(ansi).with_writer(kept.clone());
        if ours {
            let lines = Lines {
                time: Noon,
                others: Format::default().with_timer(Noon),
            };
            with_default(subscriber.event_format(lines).finish(), events);
        } else {
            with_default(subscriber.with_timer(Noon).finish(), events);
        }
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_reads_as_the_library_writes_it() {
        let text = text(false, true);
        assert_eq!(text, self::text(false, false));
        assert!(
            text.starts_with(
                "2026-01-02T12:00:00.000001Z  INFO access: answered request.id=req_1 http.method=GET http.route=\"/a/\\\"{b}\" plain=\"/a/{b}\" odd=\"\\\\ \\u{202e}\\n가\" \
                 http.status=200 duration_us=18446744073709551615 client.ip=::1\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_time_is_written_as_the_library_writes_it() {
        let written = |time: &dyn FormatTime| {
            let mut text = String::new();
            time.format_time(&mut Writer::new(&mut text)).unwrap();
            text
        };
        // Also the second time within a second, and in the next one.
        for _ in 0..3 {
            let [before, ours, after] = [written(&SystemTime), written(&Now), written(&SystemTime)];
            assert!(before <= ours && ours <= after, "{before} {ours} {after}");
            assert_eq!(ours.len(), "2026-01-02T12:00:00.000001Z".len());
            std::thread::sleep(time::Duration::from_millis(501));
        }
    }

    #[test]
    fn on_a_terminal_it_has_the_librarys_colours() {
        assert_eq!(text(true, true), text(true, false));
    }
}
