//! Requests and answers as a proxy sees them: complete, and one per connection.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A request that was read completely.
pub struct Request {
    head: String,
    pub body: Vec<u8>,
}

impl Request {
    /// Reads one request whose body has a length.
    pub async fn read(client: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = end_of_head(&bytes) {
                break end;
            }
            if client.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let body = bytes.split_off(end + END_OF_HEAD.len());
        bytes.truncate(end);
        let mut request = Self { head: String::from_utf8(bytes).unwrap(), body };
        assert!(request.header("transfer-encoding").is_none(), "{}", request.head);
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        let read = request.body.len();
        request.body.resize(length, 0);
        client.read_exact(&mut request.body[read..]).await?;
        Ok(request)
    }

    pub fn verb(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// The path with its query.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    /// Returns the body, or null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Sends the request on unchanged, except that the connection is closed after it.
    pub async fn forward(&self, upstream: &str) -> io::Result<Answer> {
        let kept = self.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let head: String = kept.map(|line| format!("{line}\r\n")).collect();
        let mut server = TcpStream::connect(upstream).await?;
        server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
        server.write_all(&self.body).await?;
        let mut bytes = Vec::new();
        server.read_to_end(&mut bytes).await?;
        Answer::parse(bytes).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// An answer, with the length of its body known.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// Creates an answer that contains JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        let head = format!("HTTP/1.1 {status} Made\r\nContent-Type: application/json");
        Self { status, head, body: body.to_string().into_bytes() }
    }

    /// Creates a refusal in the format of KMS, Lambda, API Gateway and CloudWatch Logs.
    pub fn refusal(status: u16, code: &str, message: &str) -> Self {
        let both = json!({ "__type": code, "message": message, "Message": message });
        Self::json(status, &both).with("x-amzn-errortype", code)
    }

    /// Creates a refusal in the format of IAM.
    pub fn iam_refusal(status: u16, code: &str, message: &str) -> Self {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>r-1</RequestId></ErrorResponse>"
        );
        Self::xml(status, body)
    }

    /// Creates a refusal in the format of S3.
    pub fn s3_refusal(status: u16, code: &str, message: &str) -> Self {
        Self::xml(status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
    }

    fn xml(status: u16, body: String) -> Self {
        let head = format!("HTTP/1.1 {status} Made\r\nContent-Type: text/xml");
        Self { status, head, body: body.into_bytes() }
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("\r\n{name}: {value}"));
        self
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the body, or null if it is not JSON.
    pub fn read_json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Replaces the body by other JSON.
    pub fn write_json(&mut self, body: &Value) {
        self.body = body.to_string().into_bytes();
    }

    /// Formats the answer so that the connection is closed after it.
    pub fn bytes(&self) -> Vec<u8> {
        let dropped = ["content-length:", "transfer-encoding:", "connection:"];
        let kept = self.head.lines().filter(|line| {
            let line = line.to_ascii_lowercase();
            !dropped.iter().any(|name| line.starts_with(name))
        });
        let head: String = kept.map(|line| format!("{line}\r\n")).collect();
        let length = self.body.len();
        let mut bytes = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        let end = end_of_head(&bytes)?;
        let rest = bytes.split_off(end + END_OF_HEAD.len());
        bytes.truncate(end);
        let head = String::from_utf8(bytes).ok()?;
        let status = head.get(9..12)?.parse().ok()?;
        let chunked = field(&head, "transfer-encoding").is_some();
        Some(Self { status, body: if chunked { joined(&rest)? } else { rest }, head })
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD)
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Joins the chunks of a body.
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let begin = line + 2;
        body.extend_from_slice(rest.get(begin..begin + size)?);
        rest = rest.get(begin + size + 2..)?;
    }
}
