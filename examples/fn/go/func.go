// A function without a kit: all that Fn's contract asks for is an HTTP server on a unix socket.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	listener := strings.TrimPrefix(os.Getenv("FN_LISTENER"), "unix:")
	// Whoever waits for the socket waits for its name: it gets that when everything else is ready.
	own := filepath.Join(filepath.Dir(listener), "func.sock")
	socket, err := net.Listen("unix", own)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Chmod(own, 0o666); err != nil {
		log.Fatal(err)
	}
	if err := os.Symlink("func.sock", listener); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(socket, http.HandlerFunc(hello)))
}

func hello(w http.ResponseWriter, r *http.Request) {
	ask := struct{ Name string }{"World"}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil && r.ContentLength > 0 {
		// 502 says that the function failed; the sandbox lives on.
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\"message\":%q}\n", "Hello "+ask.Name)
}
