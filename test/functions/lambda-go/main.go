// What the functions of Lambda's other clients do, with the one for Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type ask struct {
	N      int    `json:"n"`
	Do     string `json:"do"`
	WaitMs int    `json:"waitMs"`
}

var calls = 0

func main() {
	if os.Getenv("FAIL_INIT") != "" {
		os.Exit(7)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, asked ask) (any, error) {
	calls++
	fmt.Println("printed", asked.N)
	time.Sleep(time.Duration(asked.WaitMs) * time.Millisecond)
	switch asked.Do {
	case "fail":
		return nil, errors.New("no good")
	case "panic":
		panic("very bad")
	case "exit":
		os.Exit(asked.N)
	case "large":
		return strings.Repeat("x", asked.N), nil
	case "stream":
		return &pieces{waitMs: asked.N}, nil
	case "break":
		return &pieces{waitMs: asked.N, fails: true}, nil
	}
	known, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"n": asked.N, "first": calls == 1, "id": known.AwsRequestID, "arn": known.InvokedFunctionArn, "leftMs": time.Until(deadline).Milliseconds(),
		"name": lambdacontext.FunctionName, "memory": lambdacontext.MemoryLimitInMB, "stream": lambdacontext.LogStreamName,
	}, nil
}

// A body in two pieces, with time between them.
type pieces struct {
	waitMs, read int
	fails        bool
}

func (p *pieces) Read(into []byte) (int, error) {
	p.read++
	switch {
	case p.read == 1:
		return copy(into, "first"), nil
	case p.read == 2:
		time.Sleep(time.Duration(p.waitMs) * time.Millisecond)
		if p.fails {
			return 0, errors.New("in the middle")
		}
		return copy(into, "last"), nil
	default:
		return 0, io.EOF
	}
}
