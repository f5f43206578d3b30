// An action as OpenWhisk's Go runtime runs it: a line of JSON on STDIN for each call, a line on descriptor 3 for its answer.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type call struct {
	Value        map[string]any `json:"value"`
	ActionName   string         `json:"action_name"`
	ActivationID string         `json:"activation_id"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := os.NewFile(3, "answers")
	for calls := 1; ; calls++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var request call
		if err := json.Unmarshal(line, &request); err != nil {
			panic(err)
		}
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
		if request.Value["exits"] != nil {
			os.Exit(3)
		}
		answer, _ := json.Marshal(answerOf(request, calls))
		fmt.Fprintf(out, "%s\n", answer)
	}
}

func answerOf(request call, calls int) map[string]any {
	if request.Value["fails"] != nil {
		return map[string]any{"error": "told", "more": 1}
	}
	return map[string]any{
		"value": request.Value, "action_name": request.ActionName, "activation_id": request.ActivationID, "calls": calls,
	}
}
