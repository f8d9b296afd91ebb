//! One message on the signer's socket: four bytes of length, big endian, then that many bytes of JSON.
//!
//! Both ends use this and bring their own reading and writing, blocking or not: read [`HEADER`] bytes, ask
//! [`body_length`] how many follow, read those, and give them to [`decode`].

use serde::{Serialize, de::DeserializeOwned};

/// Bytes of length in front of every frame.
pub const HEADER: usize = 4;

/// The largest body. A peer that announces more is cut off before it can send it.
pub const MAX_BODY: usize = 64 * 1024;

/// Why a frame is none.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Larger than [`MAX_BODY`], or empty.
    #[error("a frame of {0} bytes; 1 to {MAX_BODY} are allowed")]
    Length(usize),
    /// Not the JSON that belongs here.
    #[error("not a message of this protocol: {0}")]
    Body(#[from] serde_json::Error),
}

/// The whole frame of `message`, ready to be written.
///
/// # Errors
/// [`FrameError::Length`] when it is too large.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|_| allowed(body.len()));
    let length = length.ok_or(FrameError::Length(body.len()))?;
    Ok([length.to_be_bytes().as_slice(), &body].concat())
}

/// How many bytes of body follow the header.
///
/// # Errors
/// [`FrameError::Length`] when the peer announces more than allowed, or nothing.
pub fn body_length(header: [u8; HEADER]) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if allowed(length) {
        Ok(length)
    } else {
        Err(FrameError::Length(length))
    }
}

/// The message in a frame's body.
///
/// # Errors
/// [`FrameError::Body`] for anything but exactly one message.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    Ok(serde_json::from_slice(body)?)
}

const fn allowed(length: usize) -> bool {
    length >= 1 && length <= MAX_BODY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gives_back_what_was_put_in() {
        let frame = encode(&vec!["a", "b"]).unwrap();
        let (header, body) = frame.split_at(HEADER);
        assert_eq!(body_length(header.try_into().unwrap()).unwrap(), body.len());
        assert_eq!(decode::<Vec<String>>(body).unwrap(), ["a", "b"]);
    }

    #[test]
    fn the_largest_frame_passes_and_one_byte_more_does_not() {
        let text = |length: usize| "x".repeat(length - 2); // two quotation marks
        assert_eq!(encode(&text(MAX_BODY)).unwrap().len(), MAX_BODY + HEADER);
        assert!(encode(&text(MAX_BODY + 1)).is_err());
        assert!(body_length(65_536_u32.to_be_bytes()).is_ok());
        assert!(body_length(65_537_u32.to_be_bytes()).is_err());
        assert!(body_length([0; 4]).is_err());
        assert!(body_length([0xFF; 4]).is_err());
    }

    #[test]
    fn two_messages_in_one_frame_are_none() {
        assert!(decode::<u8>(b"1 2").is_err());
    }
}
