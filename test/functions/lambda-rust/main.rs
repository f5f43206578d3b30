//! What the functions of Lambda's other clients do, with the one for Rust.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lambda_runtime::streaming::{channel, Body, Response as Streamed};
use lambda_runtime::{run, service_fn, Error, FunctionResponse, LambdaEvent};
use serde::Deserialize;
use serde_json::{json, Value};
use tokio::time::sleep;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Ask {
    n: i64,
    r#do: String,
    wait_ms: u64,
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var("FAIL_INIT").is_ok() {
        std::process::exit(7);
    }
    run(service_fn(handle)).await
}

type Answer = FunctionResponse<Value, Body>;

async fn handle(event: LambdaEvent<Ask>) -> Result<Answer, Error> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let (asked, context) = event.into_parts();
    println!("printed {}", asked.n);
    sleep(Duration::from_millis(asked.wait_ms)).await;
    match asked.r#do.as_str() {
        "fail" => return Err("no good".into()),
        "panic" => panic!("very bad"),
        "exit" => std::process::exit(asked.n as i32),
        "large" => return Ok(FunctionResponse::BufferedResponse(Value::String("x".repeat(asked.n as usize)))),
        "stream" => return Ok(pieces(asked.n as u64, false)),
        "break" => return Ok(pieces(asked.n as u64, true)),
        _ => {}
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let config = &context.env_config;
    Ok(FunctionResponse::BufferedResponse(json!({
        "n": asked.n, "first": calls == 1, "id": context.request_id, "arn": context.invoked_function_arn,
        "leftMs": context.deadline.saturating_sub(now), "name": config.function_name, "memory": config.memory,
        "stream": config.log_stream,
    })))
}

/// A body in two pieces, with time between them.
fn pieces(wait_ms: u64, fails: bool) -> Answer {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        let _ = sender.send_data(Bytes::from("first")).await;
        sleep(Duration::from_millis(wait_ms)).await;
        if fails {
            sender.abort();
        } else {
            let _ = sender.send_data(Bytes::from("last")).await;
        }
    });
    FunctionResponse::StreamingResponse(Streamed::from(body))
}
