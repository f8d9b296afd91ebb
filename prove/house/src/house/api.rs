//! The API, called without our own client: what is sent is what the test says.

use serde_json::Value;

/// What the client library says of a connection that closes without a byte; it makes a 503 of that.
const NO_STATUS_LINE: &str = "Server did not provide a status line";

/// A server and a credential.
pub struct Api {
    url: String,
    key: String,
}

/// An answer, whatever it is.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; a string when it is no JSON.
    pub body: Value,
    headers: Vec<(String, String)>,
}

impl Api {
    /// The server at `url`, asked with `key`; without one when it is empty.
    pub fn new(url: &str, key: &str) -> Self {
        Self {
            url: url.to_owned(),
            key: key.to_owned(),
        }
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Answer {
        self.send(minreq::Method::Get, path, None, &[])
    }

    /// `POST path`.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(minreq::Method::Post, path, Some(body), &[])
    }

    /// `POST path` with a form that is encoded already, as OAuth endpoints take it.
    pub fn form(&self, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let body = ("application/x-www-form-urlencoded", form.as_bytes());
        self.exchange(minreq::Method::Post, path, Some(body), headers)
            .unwrap_or_else(|| panic!("{path}: no answer"))
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> Answer {
        self.send(minreq::Method::Delete, path, None, &[])
    }

    /// Any request at all.
    pub fn send(&self, method: minreq::Method, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Answer {
        self.try_send(method, path, body, headers)
            .unwrap_or_else(|| panic!("{path}: no answer"))
    }

    /// The same; `None` when the server goes away before it has answered.
    pub fn try_send(
        &self,
        method: minreq::Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        self.try_send_bytes(
            method,
            path,
            body.map(Value::to_string).as_deref().map(str::as_bytes),
            headers,
        )
    }

    /// The same with bytes that need not be JSON.
    pub fn try_send_bytes(
        &self,
        method: minreq::Method,
        path: &str,
        body: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        self.exchange(method, path, body.map(|body| ("application/json", body)), headers)
    }

    fn exchange(
        &self,
        method: minreq::Method,
        path: &str,
        body: Option<(&str, &[u8])>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        let mut request = minreq::Request::new(method, format!("{}{path}", self.url)).with_timeout(30);
        if !self.key.is_empty() {
            request = request.with_header("Authorization", format!("Bearer {}", self.key));
        }
        if let Some((kind, body)) = body {
            request = request.with_header("Content-Type", kind).with_body(body);
        }
        for (name, value) in headers {
            request = request.with_header(*name, *value);
        }
        let answer = request.send().ok()?;
        if answer.reason_phrase == NO_STATUS_LINE {
            return None;
        }
        let text = answer.as_str().unwrap();
        Some(Answer {
            status: answer.status_code,
            body: serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
            headers: answer.headers.clone(),
        })
    }
}

impl Answer {
    /// The body, given the status.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.body);
        &self.body
    }

    /// The body of a problem with this status and code, in the form of every problem.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) -> &Value {
        let body = self.is(status);
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["type"], format!("urn:portreeve:error:{code}"));
        assert_eq!(body["status"], status);
        assert_eq!(self.header("x-request-id"), body["requestId"].as_str());
        body
    }

    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
