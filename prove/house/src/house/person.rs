//! Somebody with a passkey, signed in, in a browser that is only as much of one as it takes.

use {
    super::{Answer, House},
    portreeve_pages::testing::Authenticator,
    serde_json::{Value, json},
};

/// Somebody who is signed in.
#[derive(Debug)]
pub struct Person {
    /// The user's id.
    pub id: String,
    cookie: String,
    device: Authenticator,
}

impl House {
    /// Invites somebody, who makes a passkey with the link. `seed` is the passkey, another one for everybody.
    pub fn person(&self, seed: u8, role: &str) -> Person {
        let name = format!("person {seed}");
        let made = self.cli(&["user", "invite", &name, "--role", role, "--json"]).json();
        let secret = made["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
        let mut person = Person {
            id: made["id"].as_str().unwrap().to_owned(),
            cookie: String::new(),
            device: Authenticator::new(seed, &self.origin()),
        };
        let begun = person
            .asks(self, "/enrol/begin", &json!({"link": secret}))
            .is(200)
            .clone();
        let passkey = person.device.make(&begun);
        person.asks(self, "/enrol/finish", &passkey).is(200);
        person
    }
}

impl Person {
    /// What a page of the house's own is answered.
    pub fn asks(&mut self, house: &House, path: &str, body: &Value) -> Answer {
        let origin = house.origin();
        let headers = [("Origin", &*origin), ("Cookie", &*self.cookie)];
        let answer = house.api("").send(minreq::Method::Post, path, Some(body), &headers);
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        answer
    }

    /// Opens a page.
    pub fn opens(&self, house: &House, path: &str) -> Answer {
        house
            .api("")
            .send(minreq::Method::Get, path, None, &[("Cookie", &self.cookie)])
    }

    /// Looks at what a program asks and says yes to all of it, for `agent` or for itself: where the browser goes then.
    pub fn allows(&mut self, house: &House, request: &str, scopes: &[&str], agent: Option<&str>) -> String {
        let token = self.form_token(house, &format!("/oauth/authorize?{request}"));
        let body = json!({
            "request": request, "formToken": token, "decision": "allow", "scopes": scopes, "agentId": agent,
        });
        let next = self.asks(house, "/oauth/consent", &body);
        next.is(200)["next"].as_str().unwrap().to_owned()
    }

    /// Types the code that a program shows and says yes to `scopes`, for itself.
    pub fn allows_device(&mut self, house: &House, code: &str, scopes: &[&str]) {
        let token = self.form_token(house, &format!("/device?user_code={code}"));
        let body = json!({
            "userCode": code, "formToken": token, "decision": "allow", "scopes": scopes, "agentId": null,
        });
        self.asks(house, "/device", &body).is(200);
    }

    /// What stands in the form of a page.
    fn form_token(&self, house: &House, path: &str) -> String {
        let page = self.opens(house, path);
        let page = page.is(200).as_str().unwrap().to_owned();
        let (_, rest) = page
            .split_once("name=\"formToken\" value=\"")
            .unwrap_or_else(|| panic!("{page}"));
        rest.split('"').next().unwrap().to_owned()
    }
}
