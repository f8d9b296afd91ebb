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
    /// The id of its passkey.
    pub fn passkey(&self) -> String {
        self.device.pinned()["credentialId"].as_str().unwrap().to_owned()
    }

    /// Its consent to something exact, by its passkey: what the API takes.
    pub fn consents(&self, challenge: &[u8]) -> Value {
        self.device.consent(challenge)
    }

    /// Has the signer take its passkey's word for the owner's, by the approval key.
    pub fn is_pinned(&self, house: &House) {
        house.cli(&["user", "pin", &self.id, &self.passkey(), "--yes"]).ok();
    }

    /// Opens the page on which a policy is approved: all of it, and what its form holds.
    pub fn looks_at(&self, house: &House, agent: &str) -> (String, Vec<(String, String)>) {
        let page = self.opens(house, &format!("/approve/{agent}"));
        let page = page.is(200).as_str().unwrap().to_owned();
        let field = |part: &str| {
            let (name, rest) = part.split_once("\" value=\"")?;
            Some((name.to_owned(), rest.split('"').next()?.to_owned()))
        };
        let fields = page
            .split("<input type=\"hidden\" name=\"")
            .skip(1)
            .filter_map(field)
            .collect();
        (page, fields)
    }

    /// Approves the policy that waits: what the page's script sends.
    pub fn approval(&self, house: &House, agent: &str) -> Value {
        let (page, fields) = self.looks_at(house, agent);
        let of = |name: &str| {
            let found = fields.iter().find(|(known, _)| known == name);
            found.unwrap_or_else(|| panic!("no `{name}` in {page}")).1.clone()
        };
        let shown = self.device.show(&json!({"options": {"challenge": of("challenge")}}));
        json!({
            "agentId": of("agent"),
            "policyVersion": of("version").parse::<u64>().unwrap(),
            "formToken": of("formToken"),
            "id": shown["id"],
            "authenticatorData": shown["authenticatorData"],
            "clientData": shown["clientData"],
            "signature": shown["signature"],
        })
    }

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

    /// What it let in, as the page of who is signed in shows it: a form for each, with the grant and what ends it.
    pub fn let_in(&self, house: &House) -> Vec<(String, Value)> {
        let page = self.opens(house, "/signin");
        let page = page.is(200).as_str().unwrap().to_owned();
        let field = |part: &str, name: &str| {
            let (_, rest) = part.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let forms = page.split("<form class=\"end\">").skip(1);
        forms
            .map(|part| {
                let (grant, token) = (field(part, "grantId"), field(part, "formToken"));
                (grant.clone(), json!({"grantId": grant, "formToken": token}))
            })
            .collect()
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
