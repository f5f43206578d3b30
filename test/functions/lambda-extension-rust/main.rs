//! An extension by AWS's own client for Rust: prints what it hears of calls, of logs and of telemetry.
use lambda_extension::{
    service_fn, Error, Extension, LambdaEvent, LambdaLog, LambdaTelemetry, NextEvent, SharedService,
};

async fn heard(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => println!("observer invoke {} {}", invoke.request_id, invoke.invoked_function_arn),
        NextEvent::Shutdown(shutdown) => println!("observer shutdown {}", shutdown.shutdown_reason),
    }
    Ok(())
}

async fn logged(logs: Vec<LambdaLog>) -> Result<(), Error> {
    for log in logs {
        println!("observer log {:?}", log.record);
    }
    Ok(())
}

async fn told(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for event in events {
        println!("observer telemetry {}", serde_json::to_string(&event.record)?);
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Extension::new()
        .with_events_processor(service_fn(heard))
        .with_logs_processor(SharedService::new(service_fn(logged)))
        .with_telemetry_processor(SharedService::new(service_fn(told)))
        .run()
        .await
}
