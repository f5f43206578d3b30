// Package kiln makes a Go program a function on polykiln: it speaks frames (docs/frames.md) with the platform that started it.
//
//	func main() {
//		kiln.Serve(func(ctx context.Context, in io.Reader, out io.Writer) error {
//			_, err := io.Copy(out, in)
//			return err
//		})
//	}
//
// The request is read while it arrives and the answer is sent while it is written. Who reads slowly makes the caller wait, and the
// other way round: both ends keep only a window of a body. It needs Go 1.19 and nothing else.
package kiln

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sort"
	"strings"
)

// Handler answers one call. The context ends when nobody waits for the answer any more, and shortly before the deadline; From gives
// what else there is to know of the call. What is written leaves when it is much, after a millisecond, with Flush, and at the end. Closing
// in, which is an io.Closer, tells the caller to stop. An error fails the call, unless it is an *Error and nothing has left yet.
type Handler func(ctx context.Context, in io.Reader, out io.Writer) error

// Flusher is what the out of a Handler is besides an io.Writer.
type Flusher interface {
	// Flush sends what was written so far; it waits while the caller is behind.
	Flush() error
}

// Error is an answer: its status from 400 to 599, and the other fields as JSON.
type Error struct {
	Status  int
	Code    string
	Message string
	Details any
	Headers map[string]string
}

func (e *Error) Error() string { return e.Message }

// Serve runs calls for as long as there is a platform, and never returns.
func Serve(handler Handler) {
	serve(func(string) (Handler, error) { return handler, nil })
}

// ServeAll does the same for a program that is several functions: the function's handler setting is the name of one of them.
func ServeAll(handlers map[string]Handler) {
	serve(func(name string) (Handler, error) {
		if handler, ok := handlers[name]; ok {
			return handler, nil
		}
		names := make([]string, 0, len(handlers))
		for each := range handlers {
			names = append(names, each)
		}
		sort.Strings(names)
		return nil, fmt.Errorf("the program has no handler %q; it has: %s", name, strings.Join(names, ", "))
	})
}

// serve is the life of the process: hello, init, ready, calls, the end.
func serve(find func(name string) (Handler, error)) {
	path := os.Getenv("KILN_SOCKET")
	if path == "" {
		fmt.Fprintln(os.Stderr, "KILN_SOCKET is not set: this program is started by the platform, see docs/frames.md")
		os.Exit(2)
	}
	connection, err := connect(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "The connection to the platform failed:", err)
		os.Exit(1)
	}
	connection.sendJSON(typeHello, 0, map[string]any{"protocol": 1, "runtime": "go", "version": goVersion(), "window": requestWindowBytes})
	settings := connection.awaitInit()
	handler, err := find(settings.Handler)
	if err != nil {
		connection.sendJSON(typeFailed, 0, failure{Type: "HandlerNotFound", Message: err.Error()})
		os.Exit(1)
	}
	calls := &calls{connection: connection, handler: handler, window: settings.Window, open: map[uint32]*call{}}
	if settings.Concurrency == 1 {
		calls.output = captureOutput(calls)
		log.SetOutput(attributed{calls, streamStderr})
	}
	connection.sendJSON(typeReady, 0, struct{}{})
	connection.read(calls.hear)
}

// Call is what a function knows of its call.
type Call struct{ call *call }

// From gives the call that a context belongs to, nil for the context of none.
func From(ctx context.Context) *Call {
	if found, ok := ctx.Value(callKey{}).(*call); ok {
		return &Call{found}
	}
	return nil
}

// ID is the activation's.
func (c *Call) ID() string { return c.call.field(":call") }

// Method is that of the HTTP request behind a route or an HTTP function; empty for a direct call, as URL and Target are.
func (c *Call) Method() string { return c.call.field(":method") }

// URL is absolute, with query.
func (c *Call) URL() string { return c.call.field(":url") }

// Target is the path below the route, with query.
func (c *Call) Target() string { return c.call.field(":target") }

// Header gives a header of the request; values of a repeated one are joined with a comma.
func (c *Call) Header(name string) string { return c.call.field(strings.ToLower(name)) }

// SetStatus sets the HTTP status of the answer, 200 to 599. It fails once something was written.
func (c *Call) SetStatus(status int) error { return c.call.setStatus(status) }

// SetHeader sets a header of the answer, to several values if there are. It fails once something was written.
func (c *Call) SetHeader(name string, values ...string) error { return c.call.setHeader(name, values) }

// Stdout takes lines of the call's log, from any goroutine. Where a sandbox runs one call at a time, what is printed to os.Stdout
// and os.Stderr is the call's as well, but for what is printed right before os.Exit.
func (c *Call) Stdout() io.Writer { return printer{c.call, streamStdout} }

// Stderr is the same for the other stream; the log package writes there where a sandbox runs one call at a time.
func (c *Call) Stderr() io.Writer { return printer{c.call, streamStderr} }
