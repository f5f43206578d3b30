// Reads standard input to its end and answers on standard output.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	name := strings.TrimSpace(string(body))
	if name == "" {
		name = "World"
	}
	fmt.Fprintln(os.Stderr, "asked")
	fmt.Printf("Hello %s\n", name)
}
