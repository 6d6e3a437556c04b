//! Reading an object piece by piece. A connection that breaks is taken up where it broke, while the object stays the same.

use super::{S3Client, S3Request};
use crate::services::http::Broken;
use bytes::Bytes;
use plumb_model::call::{Call, ServiceError};
use std::sync::Arc;

/// How often a download is taken up again.
const MOST_BREAKS: u32 = 4;

/// An object on its way.
pub(crate) struct S3Download {
    client: Arc<S3Client>,
    call: Call,
    key: String,
    etag: Option<String>,
    response: reqwest::Response,
    /// How many bytes have come.
    at: u64,
    breaks: u32,
}

impl S3Client {
    /// Begins to read an object.
    ///
    /// # Errors
    /// It is not there, or may not be read; the message says what it takes.
    pub(crate) async fn download(self: &Arc<Self>, call: &Call, key: &str) -> Result<S3Download, ServiceError> {
        let (response, etag) = self.pieces(call, key, 0, None).await?;
        let (client, call, key) = (self.clone(), call.clone(), key.to_owned());
        Ok(S3Download { client, call, key, etag, response, at: 0, breaks: 0 })
    }

    async fn pieces(
        &self,
        call: &Call,
        key: &str,
        from: u64,
        etag: Option<&str>,
    ) -> Result<(reqwest::Response, Option<String>), ServiceError> {
        let condition = etag.map(|etag| ("if-match", etag));
        let ask = S3Request { key, action: "s3:GetObject", pieces: true, from, condition, ..S3Request::default() };
        let reply = match self.ask(call, &ask).await? {
            Ok(reply) => reply,
            Err(refusal) => return Err(self.explained(call, &ask, refusal).await),
        };
        let etag = reply.headers.get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let response = reply.rest.ok_or_else(|| self.odd(call, "the answer has no body"))?;
        // A store that knows no ranges begins again at the beginning.
        if from > 0 && response.status().as_u16() != 206 {
            return Err(self.odd(call, "it does not read on from where the connection broke"));
        }
        Ok((response, etag))
    }
}

impl S3Download {
    /// The next piece; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ServiceError> {
        loop {
            match self.response.chunk().await {
                Ok(Some(chunk)) => {
                    self.at += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Ok(None) => return Ok(None),
                Err(_) if self.breaks < MOST_BREAKS && self.etag.is_some() => {
                    self.breaks += 1;
                    let etag = self.etag.as_deref();
                    (self.response, _) = self.client.pieces(&self.call, &self.key, self.at, etag).await?;
                }
                Err(e) => {
                    let why = Broken::of(e).why;
                    return Err(self.client.odd(&self.call, &format!("the object broke off: {why}")));
                }
            }
        }
    }

    /// How many requests it took.
    pub(crate) fn sent(&self) -> u64 {
        u64::from(self.breaks) + 1
    }
}
