//! Reads a request body whole: at most [`MAX_BODY_BYTES`], and not at a crawl.

use {
    crate::problem::Problem,
    axum::body::{Body, Bytes},
    http_body_util::BodyExt,
    portreeve_kernel::Code,
    std::time::Duration,
    tokio::time::timeout,
};

/// What a JSON body may measure, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Longest pause between two pieces of a body.
const IDLE: Duration = Duration::from_secs(15);

/// Longest time for a whole body.
const TOTAL: Duration = Duration::from_secs(60);

/// # Errors
/// `REQUEST_TOO_LARGE`, `REQUEST_TIMEOUT`; `VALIDATION_INVALID_FORMAT` when the body breaks off.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    timeout(TOTAL, pieces(body)).await.map_err(|_| slow())?
}

fn slow() -> Problem {
    Problem::new(Code::RequestTimeout)
}

async fn pieces(mut body: Body) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = timeout(IDLE, body.frame()).await.map_err(|_| slow())? {
        let frame = frame
            .map_err(|_| Problem::new(Code::ValidationInvalidFormat).detail("the body broke off before its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().saturating_add(all.len()).saturating_add(data.len()) > MAX_BODY_BYTES {
            return Err(Problem::new(Code::RequestTooLarge));
        }
        // Most bodies come in one piece, which is then used where it lies.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

#[cfg(test)]
mod tests {
    use {super::*, futures_util::stream};

    fn streamed(pieces: Vec<usize>) -> Body {
        Body::from_stream(stream::iter(
            pieces.into_iter().map(|size| Ok::<_, std::io::Error>(vec![b'x'; size])),
        ))
    }

    #[tokio::test]
    async fn the_last_byte_that_fits_is_read_and_the_first_that_does_not_is_refused() {
        assert_eq!(
            read(Body::from(vec![0; MAX_BODY_BYTES])).await.unwrap().len(),
            MAX_BODY_BYTES
        );
        assert_eq!(
            read(streamed(vec![MAX_BODY_BYTES - 1, 1])).await.unwrap().len(),
            MAX_BODY_BYTES
        );
        for body in [
            Body::from(vec![0; MAX_BODY_BYTES + 1]),
            streamed(vec![1, MAX_BODY_BYTES]),
        ] {
            assert_eq!(read(body).await.unwrap_err().code(), Code::RequestTooLarge);
        }
    }

    #[tokio::test]
    async fn pieces_are_joined_in_order() {
        let body = Body::from_stream(stream::iter(["", "ab", "c", "de"].map(Ok::<_, std::io::Error>)));
        assert_eq!(read(body).await.unwrap(), "abcde");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(body).await.unwrap_err().code(), Code::RequestTimeout);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up_after_a_minute() {
        let body = Body::from_stream(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        }));
        let start = tokio::time::Instant::now();
        assert_eq!(read(body).await.unwrap_err().code(), Code::RequestTimeout);
        assert_eq!(start.elapsed(), TOTAL);
    }
}
