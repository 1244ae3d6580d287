//! The head of an answer as browsers take it, where hyper is stricter and has no switch for it.
//!
//! What the switches cover stays with hyper. A connection carries one answer, so a head that is read generously can't make a
//! later answer out of a part of this one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest head that is looked at, in bytes; a longer one is left to hyper, which refuses it.
const MAX_HEAD: usize = 256 * 1024;
/// How many bytes are read at once.
const STEP: usize = 16 * 1024;

/// A connection whose answer has a head that hyper accepts.
///
/// It also ends like any other where TLS ends without saying so (RFC 8446, section 6.1): many servers just close the connection.
/// Whether a body is whole, its length says.
#[derive(Debug)]
pub(super) struct MendedHead<T> {
    inner: T,
    state: State,
}

#[derive(Debug)]
enum State {
    /// What came of the head.
    Head(Start),
    /// What is to be read, from a place on, and what of the next head has come already.
    Mended {
        bytes: Vec<u8>,
        place: usize,
        next: Option<Start>,
    },
    Body,
}

/// The beginning of a head.
#[derive(Debug, Default)]
struct Start {
    came: Vec<u8>,
    /// Where the line begins whose end has not come.
    line: usize,
    /// Up to where its end was looked for.
    looked: usize,
}

impl<T> MendedHead<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            state: State::Head(Start::default()),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for MendedHead<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, state } = &mut *self;
        loop {
            match state {
                State::Body => {
                    // Little at once, so that hyper's buffers, which grow with what they get, stay small.
                    let size = out.remaining().min(STEP);
                    let mut step = ReadBuf::new(out.initialize_unfilled_to(size));
                    let read = ready!(Pin::new(&mut *inner).poll_read(cx, &mut step));
                    let count = step.filled().len();
                    out.advance(count);
                    return Poll::Ready(match read {
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                        read => read,
                    });
                }
                State::Mended { bytes, place, next } => {
                    let left = &bytes[*place..];
                    let count = left.len().min(out.remaining());
                    out.put_slice(&left[..count]);
                    *place += count;
                    if *place == bytes.len() {
                        *state = next.take().map_or(State::Body, State::Head);
                    }
                    return Poll::Ready(Ok(()));
                }
                State::Head(start) => {
                    if let Some(mended) = start.split() {
                        *state = mended;
                        continue;
                    }
                    let mut buffer = [0; STEP];
                    let mut step = ReadBuf::new(&mut buffer);
                    match ready!(Pin::new(&mut *inner).poll_read(cx, &mut step)) {
                        Ok(()) if !step.filled().is_empty() => {
                            start.came.extend_from_slice(step.filled());
                        }
                        _ if !start.came.is_empty() => return Poll::Ready(Err(cut())),
                        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                            return Poll::Ready(Err(error));
                        }
                        _ => return Poll::Ready(Ok(())),
                    }
                }
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for MendedHead<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// That a head has begun and has no end.
fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it ended within its head")
}

/// Whether an exchange failed with [`cut`].
pub(super) fn is_cut(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::InvalidData)
}

fn as_it_is(bytes: Vec<u8>) -> State {
    State::Mended {
        bytes,
        place: 0,
        next: None,
    }
}

impl Start {
    /// What follows once the whole head has come, or it is certain that it is none.
    fn split(&mut self) -> Option<State> {
        // Empty lines before the head are passed over, as hyper does.
        let empty = self.came.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let start = empty.count();
        let marker = &self.came[start..self.came.len().min(start + 5)];
        let is_head = marker.eq_ignore_ascii_case(&b"HTTP/"[..marker.len()]);
        if !is_head || self.came.len() > MAX_HEAD {
            return Some(as_it_is(std::mem::take(&mut self.came)));
        }
        self.line = self.line.max(start);
        self.looked = self.looked.max(start);
        let end = self.end()?;
        let rest = self.came.split_off(end);
        let (mut bytes, status) = mend(&self.came[start..]);
        // The answer itself follows what is only on the way (RFC 9110, section 15.2).
        let is_on_the_way = status.is_some_and(|status| (100..200).contains(&status) && status != 101);
        let next = match is_on_the_way {
            true => Some(Self {
                came: rest,
                ..Self::default()
            }),
            false => {
                bytes.extend_from_slice(&rest);
                None
            }
        };
        Some(State::Mended {
            bytes,
            place: 0,
            next,
        })
    }

    /// The end of the head with its empty line.
    fn end(&mut self) -> Option<usize> {
        while let Some(length) = self.came[self.looked..].iter().position(|byte| *byte == b'\n') {
            let end = self.looked + length;
            self.looked = end + 1;
            let line = &self.came[std::mem::replace(&mut self.line, end + 1)..end];
            if line.trim_ascii_end().is_empty() {
                return Some(end + 1);
            }
        }
        self.looked = self.came.len();
        None
    }
}

/// The head with a status line that hyper reads, and without a length that is none; and its status, if it has one.
fn mend(head: &[u8]) -> (Vec<u8>, Option<u16>) {
    let mut mended = Vec::with_capacity(head.len());
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let status = status(first);
    match status {
        Some((version, status)) => {
            mended.extend_from_slice(format!("HTTP/1.{version} {status:03} \r\n").as_bytes());
        }
        None => mended.extend_from_slice(first),
    }
    let mut is_dropped = false;
    for line in lines {
        let is_folded =
            line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) && !line.trim_ascii().is_empty();
        is_dropped = if is_folded { is_dropped } else { is_no_length(line) };
        if !is_dropped {
            mended.extend_from_slice(line);
        }
    }
    (mended, status.map(|(_, status)| status))
}

/// The minor version and the status of a status line, however it is spaced, whatever else it says.
fn status(line: &[u8]) -> Option<(u8, u16)> {
    let mut words = line
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| !word.is_empty());
    let version = words.next()?.get(5..)?;
    let is_version = version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let code = words.next()?;
    if !is_version || code.len() != 3 {
        return None;
    }
    let status: u16 = std::str::from_utf8(code).ok()?.parse().ok()?;
    let minor = u8::from(version != b"1.0" && version != b"1" && !version.starts_with(b"0"));
    (100..=999).contains(&status).then_some((minor, status))
}

/// Whether a line is a `Content-Length` without a number, which says nothing (RFC 9110, section 8.6, lets a recipient refuse it;
/// browsers read on to the end).
fn is_no_length(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let (name, value) = (line[..colon].trim_ascii(), &line[colon + 1..]);
    let is_number = |value: &[u8]| {
        let value = value.trim_ascii();
        !value.is_empty() && value.iter().all(u8::is_ascii_digit)
    };
    name.eq_ignore_ascii_case(b"content-length") && !value.split(|byte| *byte == b',').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    fn mended(head: &str) -> String {
        String::from_utf8(mend(head.as_bytes()).0).unwrap()
    }

    #[test]
    fn a_status_line_is_read_however_it_is_written() {
        for (line, expected) in [
            ("HTTP/1.1 200 OK", "HTTP/1.1 200 "),
            ("HTTP/1.0 404", "HTTP/1.0 404 "),
            ("HTTP/1.1   200   OK", "HTTP/1.1 200 "),
            ("http/1.1\t200 gut", "HTTP/1.1 200 "),
            ("HTTP/2.0 200 OK", "HTTP/1.1 200 "),
            ("HTTP/1 301 Moved", "HTTP/1.0 301 "),
            ("HTTP/1.1 200 \u{e9}\u{1}", "HTTP/1.1 200 "),
        ] {
            assert_eq!(
                mended(&format!("{line}\r\n\r\n")),
                format!("{expected}\r\n\r\n"),
                "{line}"
            );
        }
        for none in [
            "HTTP/1.1 OK",
            "HTTP/1.1 2x0 OK",
            "HTTP/x 200 OK",
            "HTTP/1.1 099 no",
            "HTTP/1.1",
        ] {
            assert_eq!(
                mended(&format!("{none}\r\n\r\n")),
                format!("{none}\r\n\r\n"),
                "{none}"
            );
        }
    }

    #[test]
    fn a_length_that_is_no_number_is_left_out_with_what_is_folded_to_it() {
        for none in ["", "abc", "-1", "+5", "5;", "5, x", "0x10", "1 2"] {
            let head = format!("HTTP/1.1 200 \r\nContent-Length: {none}\r\n more\r\nA: b\r\n\r\n");
            assert_eq!(mended(&head), "HTTP/1.1 200 \r\nA: b\r\n\r\n", "{none}");
        }
        for kept in ["0", "12", " 7 ", "5, 5"] {
            let head = format!("HTTP/1.1 200 \r\nA: b\r\nCONTENT-LENGTH : {kept}\n\n");
            assert_eq!(mended(&head), head, "{kept}");
        }
    }

    #[tokio::test]
    async fn a_head_is_mended_wherever_it_is_split_and_a_body_is_not_touched() {
        let body = "Content-Length: x\r\n\r\nHTTP/1.1   200 OK\r\n";
        let sent = format!(
            "\r\nHTTP/1.1  103 Early\r\nLink: a\r\n\r\nHTTP/1.1  200 OK\r\nContent-Length: ?\r\nA: b\r\n\r\n{body}"
        );
        let expected = format!("HTTP/1.1 103 \r\nLink: a\r\n\r\nHTTP/1.1 200 \r\nA: b\r\n\r\n{body}");
        for place in 0..sent.len() {
            let (one, two) = sent.as_bytes().split_at(place);
            let mut came = String::new();
            let mut reader = MendedHead::new(one.chain(two));
            reader.read_to_string(&mut came).await.unwrap();
            assert_eq!(came, expected, "split at {place}");
        }
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_an_error() {
        for sent in [
            "HTT",
            "HTTP/1.1 200 OK\r\nA: b",
            "HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 OK\r\n",
        ] {
            let mut came = Vec::new();
            let read = MendedHead::new(sent.as_bytes()).read_to_end(&mut came).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData, "{sent}");
        }
    }

    #[tokio::test]
    async fn what_is_no_head_or_too_long_stays_as_it_is() {
        for sent in [
            String::new(),
            "SSH-2.0-x\r\n".to_owned(),
            format!("HTTP/1.1  200 OK\r\nA: {}\r\n\r\n", "b".repeat(MAX_HEAD)),
        ] {
            let mut came = String::new();
            MendedHead::new(sent.as_bytes())
                .read_to_string(&mut came)
                .await
                .unwrap();
            assert!(came == sent, "{}", &sent[..sent.len().min(30)]);
        }
    }
}
