// Calls an action's function for each line on STDIN, and writes what it gives to descriptor 3 (docs/frames.md, Parameters). It is compiled
// with the action's own sources, with the function's name for Main.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
)

var polykilnAction = reflect.ValueOf(Main)

func main() {
	if problem := polykilnProblem(polykilnAction.Type()); problem != "" {
		fmt.Fprintln(os.Stderr, problem)
		os.Exit(1)
	}
	lines := bufio.NewReader(os.Stdin)
	answers := os.NewFile(3, "answers")
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		answer, err := polykilnCall(line)
		if err != nil {
			answer, _ = json.Marshal(map[string]string{"error": err.Error()})
		}
		fmt.Fprintf(answers, "%s\n", answer)
	}
}

// What is wrong with a function that is to be called; nothing is the empty string.
func polykilnProblem(action reflect.Type) string {
	gives := "(map[string]interface{}) map[string]interface{}"
	if action.NumIn() != 1 || action.NumOut() < 1 || action.NumOut() > 2 {
		return fmt.Sprintf("Main is a %s; it takes one value and gives one, and an error if it likes, as func Main%s does", action, gives)
	}
	if action.NumOut() == 2 && !action.Out(1).Implements(reflect.TypeOf((*error)(nil)).Elem()) {
		return fmt.Sprintf("Main is a %s; the second value that it gives has to be an error", action)
	}
	return ""
}

func polykilnCall(line []byte) ([]byte, error) {
	var request map[string]json.RawMessage
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	for name, value := range request {
		var text string
		if name != "value" && json.Unmarshal(value, &text) == nil {
			os.Setenv("__OW_"+strings.ToUpper(name), text)
		}
	}
	taken := reflect.New(polykilnAction.Type().In(0))
	if err := json.Unmarshal(request["value"], taken.Interface()); err != nil {
		return nil, err
	}
	given := polykilnAction.Call([]reflect.Value{taken.Elem()})
	if len(given) == 2 && !given[1].IsNil() {
		return nil, given[1].Interface().(error)
	}
	return json.Marshal(given[0].Interface())
}
