//! A TCP listener whose connections can be cut, for faults on demand: before the answer, or in the middle of its body.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

const WHOLE: i64 = -1;

/// The means to cut one connection.
#[derive(Clone, Debug)]
pub struct Scissors(Arc<AtomicI64>);

impl Scissors {
    /// Lets nothing of the answer through.
    pub fn drop_answer(&self) {
        self.0.store(-2, Ordering::SeqCst);
    }

    /// Lets the head of the answer and `bytes` of its body through.
    pub fn truncate_body(&self, bytes: u32) {
        self.0.store(i64::from(bytes), Ordering::SeqCst);
    }
}

/// A TCP listener that hands out [`Cuttable`] connections.
pub struct Listener(pub TcpListener);

impl axum::serve::Listener for Listener {
    type Io = Cuttable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Cuttable, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, peer)) => {
                    // Small answers must not wait for the peer's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return (Cuttable { stream, cut: Arc::new(AtomicI64::new(WHOLE)), tail: Vec::new() }, peer);
                }
                // Out of file descriptors, or the peer is gone already: neither ends the server.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, Listener>> for Scissors {
    fn connect_info(stream: axum::serve::IncomingStream<'_, Listener>) -> Self {
        Scissors(stream.io().cut.clone())
    }
}

/// A connection that [`Scissors`] can cut.
pub struct Cuttable {
    stream: TcpStream,
    cut: Arc<AtomicI64>,
    /// The last bytes of the head, while its end has not been seen.
    tail: Vec<u8>,
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "cut by a fault")
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.cut.load(Ordering::SeqCst);
        match left {
            WHOLE => Pin::new(&mut self.stream).poll_write(cx, buf),
            0 if self.tail.ends_with(b"\r\n\r\n") => Poll::Ready(Err(cut_off())),
            0.. => {
                let in_body = self.tail.ends_with(b"\r\n\r\n");
                let head =
                    if in_body { 0 } else { super::request::find(buf, b"\r\n\r\n").map_or(buf.len(), |at| at + 4) };
                let allowed = usize::try_from(left).unwrap_or(0).saturating_add(head).min(buf.len());
                let written = match Pin::new(&mut self.stream).poll_write(cx, &buf[..allowed]) {
                    Poll::Ready(Ok(n)) => n,
                    other => return other,
                };
                if !in_body {
                    self.tail = buf[..written.min(head)].to_vec();
                }
                let of_body = i64::try_from(written.saturating_sub(head)).unwrap_or(0);
                self.cut.store(left - of_body, Ordering::SeqCst);
                Poll::Ready(Ok(written))
            }
            _ => Poll::Ready(Err(cut_off())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
