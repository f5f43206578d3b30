// Speaks Fn's old hot formats with Go's own readers of HTTP and JSON, as kits for Go did.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

type protocol struct {
	Method     string              `json:"method,omitempty"`
	StatusCode int                 `json:"status_code,omitempty"`
	Headers    map[string][]string `json:"headers"`
}

type event struct {
	Version     string          `json:"cloudEventsVersion"`
	ContentType string          `json:"contentType"`
	Data        json.RawMessage `json:"data"`
	Extensions  struct {
		Protocol protocol `json:"protocol"`
	} `json:"extensions"`
}

type object struct {
	CallID      string   `json:"call_id,omitempty"`
	Body        string   `json:"body"`
	ContentType string   `json:"content_type"`
	Protocol    protocol `json:"protocol"`
}

func main() {
	serve := map[string]func() error{"http": serveHTTP(), "json": serveJSON(), "cloudevent": serveEvents()}[os.Getenv("FN_FORMAT")]
	for serve() == nil {
		fmt.Fprintln(os.Stderr, "served")
	}
}

func greet(in []byte) string {
	ask := struct{ Name string }{"World"}
	_ = json.Unmarshal(in, &ask)
	return "Hello " + ask.Name
}

func serveHTTP() func() error {
	in := bufio.NewReader(os.Stdin)
	return func() error {
		request, err := http.ReadRequest(in)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			log.Fatal(err)
		}
		said := []byte(greet(body) + " by " + request.Method + "\n")
		answer := http.Response{
			ProtoMajor: 1, ProtoMinor: 1, StatusCode: 201, Header: http.Header{"Content-Type": {"text/plain"}},
			Body: io.NopCloser(bytes.NewReader(said)), ContentLength: int64(len(said)),
		}
		return answer.Write(os.Stdout)
	}
}

func serveJSON() func() error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	return func() error {
		var ask object
		if err := in.Decode(&ask); err != nil {
			return err
		}
		said := greet([]byte(ask.Body)) + " by " + ask.Protocol.Method + "\n"
		return out.Encode(object{Body: said, ContentType: "text/plain", Protocol: protocol{StatusCode: 201}})
	}
}

func serveEvents() func() error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	return func() error {
		var ask event
		if err := in.Decode(&ask); err != nil {
			return err
		}
		said, _ := json.Marshal(greet(ask.Data) + " by " + ask.Extensions.Protocol.Method + "\n")
		answer := event{Version: "0.1", ContentType: "text/plain", Data: said}
		answer.Extensions.Protocol.StatusCode = 201
		return out.Encode(answer)
	}
}
