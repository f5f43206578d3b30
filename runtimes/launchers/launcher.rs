// Calls an action's function for each line on STDIN, and writes what it gives to descriptor 3 (docs/frames.md, Parameters). The action's own
// sources are the crate `actions`.
use serde_json::{json, Value};
use std::io::{BufRead, Write};
use std::os::unix::io::FromRawFd;

fn call(line: &str) -> Result<Value, String> {
    let request: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    for (name, value) in request.as_object().into_iter().flatten() {
        if let (true, Some(text)) = (name != "value", value.as_str()) {
            std::env::set_var(format!("__OW_{}", name.to_uppercase()), text);
        }
    }
    let parameters = serde_json::from_value(request["value"].clone()).map_err(|error| error.to_string())?;
    let result = actions::main(parameters).map_err(|error| error.to_string())?;
    serde_json::to_value(result).map_err(|error| error.to_string())
}

fn main() {
    let mut answers = unsafe { std::fs::File::from_raw_fd(3) };
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let answer = call(&line).unwrap_or_else(|error| json!({ "error": error }));
        let _ = std::io::stdout().flush();
        if writeln!(answers, "{answer}").is_err() {
            return;
        }
    }
}
