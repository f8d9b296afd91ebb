//! A Solana JSON-RPC endpoint on 127.0.0.1 backed by LiteSVM and the real Squads v4 program.

mod chain;
mod rpc;
mod squads;

use {
    axum::{Json, Router, extract::State, routing::post},
    serde_json::{Value, json},
    std::sync::mpsc,
    tokio::sync::oneshot,
};

type Job = (Value, oneshot::Sender<Value>);

#[tokio::main]
async fn main() {
    let port = std::env::args()
        .skip_while(|a| a != "--port")
        .nth(1)
        .and_then(|p| p.parse().ok())
        .unwrap_or(8899_u16);
    let fee = std::env::var("SQUADS_CREATION_FEE")
        .ok()
        .and_then(|f| f.parse().ok())
        .unwrap_or(0);
    let (jobs, inbox) = mpsc::channel::<Job>();
    // One thread owns the VM. Anchor's unoptimised account parsing wants a deep stack.
    std::thread::Builder::new()
        .name("chain".into())
        .stack_size(
            std::env::var("STACK_KB")
                .ok()
                .and_then(|k| k.parse::<usize>().ok())
                .map_or(64 << 20, |k| k << 10),
        )
        .spawn(move || {
            let mut chain = chain::Chain::new(fee);
            for (request, reply) in inbox {
                let _ = reply.send(rpc::answer(&mut chain, &request));
            }
        })
        .expect("thread");
    let app = Router::new().route("/", post(handle)).with_state(jobs);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    println!("listening on http://{}", listener.local_addr().expect("addr"));
    axum::serve(listener, app).await.expect("serve");
}

async fn handle(State(jobs): State<mpsc::Sender<Job>>, Json(body): Json<Value>) -> Json<Value> {
    let (reply, answer) = oneshot::channel();
    let _ = jobs.send((body, reply));
    Json(answer.await.unwrap_or_else(|_| json!({"error": "chain stopped"})))
}
