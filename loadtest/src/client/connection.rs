//! One connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::reply::{Frame, Reply};
use crate::target::{Target, source};

/// A keep-alive connection. After an error it is of no further use.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// Bytes of the last answer, still in the buffer because they were lent out.
    consumed: usize,
}

impl Connection {
    /// The `index`th connection of a run; the index decides which address it comes from.
    pub(crate) async fn open(target: Target, index: usize) -> Result<Self> {
        let connecting = connect(target.address(), source(target, index));
        let stream = timeout(CONNECT_MAX, connecting).await.context("no connection in time")??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES], filled: 0, consumed: 0 })
    }

    /// Sends `request` and returns its answer. Has no deadline of its own: whoever drives the run has one.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.copy_within(self.consumed..self.filled, 0);
        self.filled -= self.consumed;
        self.consumed = 0;
        let frame = loop {
            if let Some(frame) = self.find()? {
                break frame;
            }
            self.fill().await?;
        };
        while self.filled < frame.bytes() {
            self.fill().await?;
        }
        self.consumed = frame.bytes();
        Ok(Reply::new(&self.buffer[..self.filled], &frame))
    }

    fn find(&self) -> Result<Option<Frame>> {
        if self.filled == 0 { Ok(None) } else { Frame::find(&self.buffer[..self.filled]) }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        if read == 0 {
            bail!("the server closed the connection before it had answered");
        }
        self.filled += read;
        Ok(())
    }
}

async fn connect(to: SocketAddr, from: Option<SocketAddr>) -> Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(from)?;
    }
    Ok(socket.connect(to).await?)
}

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Room for a head and a pixel; pages make it grow. Small, because there may be 10,000 of them.
const BUFFER_BYTES: usize = 2048;
