// What the functions of the other kits do, with Fn's kit for Go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	fdk "github.com/fnproject/fdk-go"
)

func main() {
	fdk.Handle(fdk.HandlerFunc(handle))
}

type ask struct {
	Name, Print string
}

func handle(ctx context.Context, in io.Reader, out io.Writer) {
	asked := ask{Name: "World"}
	_ = json.NewDecoder(in).Decode(&asked)
	known := fdk.GetContext(ctx)
	if asked.Print != "" {
		fmt.Println(asked.Print)
		fmt.Fprintln(os.Stderr, "error "+asked.Print)
	}
	said := map[string]any{
		"message": "Hello " + asked.Name, "callId": known.CallID(), "config": known.Config()["GREETING"],
		"app": known.AppID(), "trace": known.Header().Get("x-trace"),
	}
	if http, ok := known.(fdk.HTTPContext); ok {
		said["method"], said["url"], said["custom"] = http.RequestMethod(), http.RequestURL(), http.Header().Get("X-Custom")
		fdk.SetHeader(out, "Location", "/made")
		fdk.WriteStatus(out, 201)
	}
	fdk.SetHeader(out, "Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(said)
}
