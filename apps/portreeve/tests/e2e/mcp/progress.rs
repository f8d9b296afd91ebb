//! How far a payment is, told while it is on its way.

use {
    super::{ERAS, Era, Mcp},
    crate::estate::{Agent, Estate, policy},
    serde_json::{Value, json},
    std::{
        io::{BufRead, BufReader, Lines, Write},
        net::TcpStream,
        time::Duration,
    },
};

/// The last step.
const STEPS: f64 = 4.0;

/// An answer that is read message by message, while it is being made.
struct Stream(Lines<BufReader<TcpStream>>);

impl Stream {
    /// Has `tool` done, and told of under the token 3.
    fn of(estate: &Estate, agent: &Agent, era: Era, tool: &str, arguments: &Value) -> Self {
        let model = Mcp::of(estate, &agent.key, era);
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": 3}});
        let body = model.message("tools/call", params.clone()).to_string();
        let host = estate.house.url().strip_prefix("http://").unwrap();
        let mut head = format!(
            "POST /mcp HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n",
            agent.key
        );
        head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in model.headers("tools/call", &params) {
            head += &format!("{name}: {value}\r\n");
        }
        let mut connection = TcpStream::connect(host).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        connection.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(connection).lines());
        let head: Vec<String> = stream
            .0
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .collect();
        assert!(head[0].ends_with(" 200 OK"), "{head:?}");
        assert!(head.contains(&"content-type: text/event-stream".to_owned()), "{head:?}");
        stream
    }

    /// The next message, once it is there.
    #[track_caller]
    fn next(&mut self) -> Value {
        let mut data = self.0.by_ref().map(Result::unwrap);
        let data =
            data.find_map(|line| Some(line.strip_prefix("data:")?.trim().to_owned()).filter(|data| !data.is_empty()));
        serde_json::from_str(&data.unwrap()).unwrap()
    }

    /// The step that is told next.
    #[track_caller]
    fn step(&mut self) -> f64 {
        let message = self.next();
        assert_eq!(
            (&message["method"], &message["params"]["progressToken"]),
            (&json!("notifications/progress"), &json!(3)),
            "{message}"
        );
        assert_eq!(message["params"]["total"], STEPS, "{message}");
        message["params"]["progress"].as_f64().unwrap()
    }
}

#[test]
fn who_asked_to_be_told_sees_the_payment_move_while_it_confirms() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let chain = &estate.house.chain;
    for era in ERAS {
        // From here on nothing lands: what is read now was told before there is anything to answer.
        chain.call("localnet_setFault", &json!(["hold", {}]));
        let order = json!({"to": estate.house.somebody(), "amount": "2000000", "wait_seconds": 60});
        let mut stream = Stream::of(&estate, &agent, era, "execute_transaction", &order);
        let mut steps = vec![stream.step()];
        // It is signed and sent, and more cannot be.
        while steps.last() != Some(&(STEPS - 1.0)) {
            steps.push(stream.step());
        }
        let paid = Mcp::of(&estate, &agent.key, era).done("list_transactions", &json!({}))["items"][0].clone();
        assert_eq!(paid["status"], "SUBMITTED", "{paid}");
        chain.call("localnet_clearFaults", &json!(["hold"]));
        chain.call("localnet_releaseHeld", &json!([]));
        steps.push(stream.step());
        assert!(steps.is_sorted_by(|one, next| one < next), "each once: {steps:?}");
        assert_eq!(steps.last(), Some(&STEPS));
        let last = stream.next();
        let transaction = &last["result"]["structuredContent"]["transaction"];
        assert_eq!(
            (&last["id"], &transaction["status"]),
            (&json!(7), &json!("CONFIRMED")),
            "{last}"
        );
        assert_eq!(transaction["id"], paid["id"]);
        let rest: Vec<String> = stream
            .0
            .map(Result::unwrap)
            .filter(|line| line.starts_with("data:"))
            .collect();
        assert_eq!(rest, [""; 0]);
    }
}
