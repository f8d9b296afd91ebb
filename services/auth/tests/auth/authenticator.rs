//! A browser in memory, with an authenticator.

pub(crate) use portreeve_pages::testing::{Authenticator, PRESENT_AND_VERIFIED, cbor_bytes};

use {
    crate::house::{Answer, House, ORIGIN},
    serde_json::{Value, json},
    std::sync::atomic::{AtomicU16, Ordering},
};

/// An authenticator of somebody who is at the house.
pub(crate) fn phone(seed: u8) -> Authenticator {
    Authenticator::new(seed, ORIGIN)
}

/// A browser: what it asks comes from a page of ours, and it keeps the cookie.
pub(crate) struct Browser<'a> {
    pub(crate) house: &'a House,
    pub(crate) cookie: String,
    /// From where it asks: each from an address of its own.
    peer: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(house: &'a House) -> Self {
        static BROWSERS: AtomicU16 = AtomicU16::new(1);
        let [high, low] = BROWSERS.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        Self {
            house,
            cookie: String::new(),
            peer: format!("198.18.{high}.{low}"),
        }
    }

    /// The same browser at another node.
    pub(crate) fn at(&self, house: &'a House) -> Self {
        Self {
            house,
            cookie: self.cookie.clone(),
            peer: self.peer.clone(),
        }
    }

    pub(crate) async fn ask(&mut self, path: &str, body: &Value) -> Answer {
        let headers = [
            ("content-type", "application/json"),
            ("origin", ORIGIN),
            ("sec-fetch-site", "same-origin"),
            ("cookie", &self.cookie.clone()),
        ];
        let line = format!("POST {path}");
        let answer = self
            .house
            .send(&line, &headers, &self.peer, Some(&body.to_string()))
            .await;
        if let Some(set) = answer.headers.get("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = pair.to_owned();
        }
        answer
    }

    pub(crate) async fn page(&self, path: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str())];
        self.house
            .send(&format!("GET {path}"), &headers, &self.peer, None)
            .await
    }

    /// The page that says who is signed in; `None` when nobody is.
    pub(crate) async fn who(&self) -> Option<String> {
        let page = self.page("/signin").await.expect(200);
        let page = page.as_str().unwrap().to_owned();
        page.contains("You are signed in").then_some(page)
    }

    pub(crate) async fn begin_enrolment(&mut self, link: &str) -> Answer {
        let secret = link.split_once('#').unwrap().1.to_owned();
        self.ask("/enrol/begin", &json!({"link": secret})).await
    }

    /// Opens the link and makes a passkey.
    pub(crate) async fn enrol(&mut self, link: &str, with: &mut Authenticator) -> Answer {
        let begun = self.begin_enrolment(link).await;
        if begun.status != 200 {
            return begun;
        }
        let made = with.make(&begun.body);
        self.ask("/enrol/finish", &made).await
    }

    pub(crate) async fn begin_sign_in(&mut self) -> Value {
        self.ask("/signin/begin", &json!({})).await.expect(200)
    }

    pub(crate) async fn sign_in(&mut self, with: &mut Authenticator) -> Answer {
        let begun = self.begin_sign_in().await;
        with.counter += 1;
        self.ask("/signin/finish", &with.show(&begun)).await
    }
}
