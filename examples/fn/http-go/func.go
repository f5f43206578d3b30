// One process for many calls: HTTP requests on STDIN, an answer for each on STDOUT.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		fmt.Fprintln(os.Stderr, "call", request.Header["Fn_call_id"])
		said := fmt.Sprintf("Hello %s by %s\n", strings.TrimSpace(string(body)), request.Method)
		fmt.Printf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(said), said)
	}
}
