// One handler, on the platform, and with the path of a unix socket as an argument as a plain process that answers there.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"

	"polykiln/kiln"
)

func hello(_ context.Context, in io.Reader, out io.Writer) error {
	event := struct{ Name string }{Name: "world"}
	if err := json.NewDecoder(in).Decode(&event); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(map[string]string{"message": "Hello " + event.Name})
}

func main() {
	if len(os.Args) < 2 {
		kiln.Serve(hello)
	}
	connection, err := net.Dial("unix", os.Args[1])
	if err != nil {
		panic(err)
	}
	lines := bufio.NewReader(connection)
	for {
		if err := hello(context.Background(), lines, connection); err != nil {
			return
		}
	}
}
