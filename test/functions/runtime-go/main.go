// What the suite of all runtimes asks of a function, and what is Go's own.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"polykiln/kiln"
)

func main() {
	log.SetFlags(0)
	kiln.ServeAll(map[string]kiln.Handler{
		"echo":            echo,
		"bytes":           answerBytes,
		"stream":          stream,
		"brokenStream":    brokenStream,
		"print":           printAndWait,
		"exit":            exit,
		"waits":           waits,
		"loggedElsewhere": loggedElsewhere,
		"thrower":         thrower,
		"prints":          prints,
		"panics":          panics,
		"inTime":          inTime,
		"heads":           heads,
	})
}

// echo answers a JSON string with its text, as other languages do.
func echo(_ context.Context, in io.Reader, out io.Writer) error {
	event, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	_, err = out.Write(bytes.Trim(event, `"`))
	return err
}

func answerBytes(_ context.Context, in io.Reader, out io.Writer) error {
	var count int
	if err := json.NewDecoder(in).Decode(&count); err != nil {
		return err
	}
	_, err := out.Write(bytes.Repeat([]byte("a"), count))
	return err
}

func stream(ctx context.Context, _ io.Reader, out io.Writer) error {
	for i := 0; i < 200; i++ {
		if _, err := out.Write(make([]byte, 65536)); err != nil {
			fmt.Fprintln(kiln.From(ctx).Stdout(), "closed")
			return err
		}
	}
	return nil
}

func brokenStream(_ context.Context, _ io.Reader, out io.Writer) error {
	fmt.Fprint(out, "one")
	if err := out.(kiln.Flusher).Flush(); err != nil {
		return err
	}
	return errors.New("later")
}

func printAndWait(ctx context.Context, in io.Reader, _ io.Writer) error {
	var event struct {
		Text string
		Ms   int
	}
	if err := json.NewDecoder(in).Decode(&event); err != nil {
		return err
	}
	call := kiln.From(ctx)
	fmt.Fprintln(call.Stdout(), event.Text)
	time.Sleep(time.Duration(event.Ms) * time.Millisecond)
	fmt.Fprint(call.Stderr(), "end")
	return nil
}

func exit(ctx context.Context, _ io.Reader, _ io.Writer) error {
	fmt.Fprintln(kiln.From(ctx).Stdout(), "last words")
	os.Exit(3)
	return nil
}

func waits(ctx context.Context, _ io.Reader, _ io.Writer) error {
	fmt.Fprintln(kiln.From(ctx).Stdout(), "waiting")
	<-ctx.Done()
	if errors.Is(ctx.Err(), context.Canceled) {
		fmt.Fprintln(kiln.From(ctx).Stdout(), "AbortError")
	}
	return ctx.Err()
}

func loggedElsewhere(ctx context.Context, in io.Reader, _ io.Writer) error {
	text, err := io.ReadAll(in)
	done := make(chan struct{})
	go func() {
		fmt.Fprintf(kiln.From(ctx).Stdout(), "INFO %s\n", bytes.Trim(text, `"`))
		close(done)
	}()
	<-done
	return err
}

func thrower(_ context.Context, in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if string(text) == "throw" {
		return errors.New("no")
	}
	_, err = out.Write(bytes.Trim(text, `"`))
	return err
}

func prints(context.Context, io.Reader, io.Writer) error {
	fmt.Println("printed")
	fmt.Fprintln(os.Stderr, "printed")
	log.Print("logged")
	return nil
}

func panics(context.Context, io.Reader, io.Writer) error { panic("too far") }

func inTime(ctx context.Context, _ io.Reader, out io.Writer) error {
	<-ctx.Done()
	_, err := fmt.Fprint(out, ctx.Err())
	return err
}

func heads(ctx context.Context, _ io.Reader, out io.Writer) error {
	call := kiln.From(ctx)
	refused := []error{call.SetHeader("a b", "c"), call.SetHeader("a", "b\n"), call.SetStatus(700)}
	for _, err := range []error{
		call.SetStatus(201),
		call.SetHeader("Content-Type", "text/plain"),
		call.SetHeader("X-Many", "0"),
		call.SetHeader("x-many", "1", "2"),
	} {
		if err != nil {
			return err
		}
	}
	for _, err := range refused {
		fmt.Fprintln(out, err)
	}
	_, err := fmt.Fprintf(out, "%v\n%v", call.SetStatus(202), call.SetHeader("x", "y"))
	return err
}
