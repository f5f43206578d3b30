// Runs the command in its arguments for each call under http-stream, as Fn's hotwrap does: the body on STDIN, the answer from STDOUT.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	listener := strings.TrimPrefix(os.Getenv("FN_LISTENER"), "unix:")
	own := filepath.Join(filepath.Dir(listener), "wrapped.sock")
	socket, err := net.Listen("unix", own)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Chmod(own, 0o666); err != nil {
		log.Fatal(err)
	}
	if err := os.Symlink("wrapped.sock", listener); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(socket, http.HandlerFunc(run)))
}

func run(w http.ResponseWriter, r *http.Request) {
	var said bytes.Buffer
	command := exec.CommandContext(r.Context(), "/bin/sh", "-c", strings.Join(os.Args[1:], " "))
	command.Stdin, command.Stdout, command.Stderr = r.Body, &said, os.Stderr
	command.Env = append(os.Environ(), "FN_CALL_ID="+r.Header.Get("Fn-Call-Id"))
	if method := r.Header.Get("Fn-Http-Method"); method != "" {
		command.Env = append(command.Env, "FN_HTTP_METHOD="+method)
	}
	if err := command.Run(); err != nil {
		// As Fn's own does it: a failed command is an answer, and its status is for those who ask by HTTP.
		w.Header().Set("Fn-Http-Status", "500")
		fmt.Fprintf(&said, "error running the command: %v", err)
	}
	_, _ = io.Copy(w, &said)
}
