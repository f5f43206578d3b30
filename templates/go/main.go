// Reads the body on standard input and answers on standard output; what goes to standard error is its log.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type event struct {
	Name string `json:"name"`
}

func main() {
	asked := event{Name: "world"}
	// An empty body leaves the default.
	_ = json.NewDecoder(os.Stdin).Decode(&asked)
	fmt.Fprintf(os.Stderr, "greeting %s\n", asked.Name)
	json.NewEncoder(os.Stdout).Encode(map[string]string{"message": "Hello " + asked.Name})
}
