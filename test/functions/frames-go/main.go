// One function for each thing that the conformance suite of the frames asks of a runtime; see `frames-node`.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"polykiln/kiln"
)

func main() {
	kiln.ServeAll(map[string]kiln.Handler{
		"functions.echo":       relay,
		"functions.relay":      relay,
		"functions.first":      first,
		"functions.slow":       slow,
		"functions.endless":    endless,
		"functions.large":      large,
		"functions.early":      early,
		"functions.enough":     enough,
		"functions.fails":      fails,
		"functions.panics":     panics,
		"functions.failsLater": failsLater,
		"functions.refuses":    refuses,
		"functions.prints":     prints,
		"functions.facts":      facts,
	})
}

func relay(_ context.Context, in io.Reader, out io.Writer) error {
	_, err := io.Copy(out, in)
	return err
}

func first(_ context.Context, in io.Reader, out io.Writer) error {
	fmt.Fprint(out, "one")
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	_, err := fmt.Fprint(out, "two")
	return err
}

func slow(_ context.Context, in io.Reader, out io.Writer) error {
	if _, err := out.Write(bytes.Repeat([]byte("x"), 1001)); err != nil {
		return err
	}
	if err := out.(kiln.Flusher).Flush(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, in)
	fmt.Fprint(out, n)
	return err
}

func endless(_ context.Context, _ io.Reader, out io.Writer) error {
	for {
		if _, err := out.Write(bytes.Repeat([]byte("x"), 100)); err != nil {
			return err
		}
	}
}

func large(_ context.Context, _ io.Reader, out io.Writer) error {
	_, err := out.Write(bytes.Repeat([]byte("y"), 300_000))
	return err
}

func early(ctx context.Context, _ io.Reader, out io.Writer) error {
	call := kiln.From(ctx)
	if err := call.SetStatus(202); err != nil {
		return err
	}
	if err := call.SetHeader("x-early", "yes"); err != nil {
		return err
	}
	_, err := io.WriteString(out, "early")
	return err
}

func enough(_ context.Context, in io.Reader, out io.Writer) error {
	n, err := in.Read(make([]byte, 100))
	if err == nil {
		err = in.(io.Closer).Close()
	}
	fmt.Fprintf(out, "enough %d", n)
	return err
}

func fails(context.Context, io.Reader, io.Writer) error { return errors.New("no") }

func panics(context.Context, io.Reader, io.Writer) error { panic("no") }

func failsLater(_ context.Context, _ io.Reader, out io.Writer) error {
	fmt.Fprint(out, "one")
	if err := out.(kiln.Flusher).Flush(); err != nil {
		return err
	}
	return errors.New("later")
}

func refuses(context.Context, io.Reader, io.Writer) error {
	return &kiln.Error{Status: 404, Code: "gone", Message: "not here"}
}

func prints(ctx context.Context, _ io.Reader, out io.Writer) error {
	call := kiln.From(ctx)
	fmt.Fprintln(call.Stdout(), "out")
	fmt.Fprintln(call.Stderr(), "err")
	_, err := io.WriteString(out, "printed")
	return err
}

func facts(ctx context.Context, _ io.Reader, out io.Writer) error {
	call := kiln.From(ctx)
	deadline, _ := ctx.Deadline()
	return json.NewEncoder(out).Encode(map[string]any{
		"call":     call.ID(),
		"deadline": deadline.UnixMilli(),
		"method":   call.Method(),
		"url":      call.URL(),
		"target":   call.Target(),
		"header":   call.Header("X-Twice"),
	})
}
