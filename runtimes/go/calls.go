package kiln

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
)

// calls are those of this process.
type calls struct {
	connection *connection
	handler    Handler
	// window is what may be sent of an answer before there is credit.
	window int
	output *output

	mutex sync.Mutex
	open  map[uint32]*call
}

// hear takes a frame. What is about calls that ended, or of unknown types, is ignored.
func (c *calls) hear(kind byte, id uint32, flags byte, payload []byte) {
	if kind == typeCall {
		c.begin(id, flags, payload)
		return
	}
	if kind != typeBody && kind != typeCancel && kind != typeCredit {
		return
	}
	c.mutex.Lock()
	found := c.open[id]
	c.mutex.Unlock()
	switch {
	case found == nil:
	case kind == typeBody:
		found.arrived(payload, flags&flagEnd != 0)
	case kind == typeCancel:
		found.cancel()
	case len(payload) == 4:
		found.granted(int(binary.BigEndian.Uint32(payload)))
	default:
		breach("credit that is no number")
	}
}

func (c *calls) begin(id uint32, flags byte, payload []byte) {
	if len(payload) < 4 || uint64(len(payload)-4) < uint64(binary.BigEndian.Uint32(payload)) {
		breach("a head that is longer than its frame")
	}
	end := 4 + binary.BigEndian.Uint32(payload)
	began := newCall(c, id, string(payload[4:end]))
	began.arrived(payload[end:], flags&flagEnd != 0)
	c.mutex.Lock()
	c.open[id] = began
	c.mutex.Unlock()
	go began.run()
}

// only gives the id of the call that runs, where there is never more than one; 0 for none.
func (c *calls) only() uint32 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for id := range c.open {
		return id
	}
	return 0
}

func (c *call) run() {
	var err error
	stack := ""
	func() {
		defer func() {
			if reason := recover(); reason != nil {
				err = panicked{reason}
				stack = string(debug.Stack())
			}
		}()
		err = c.calls.handler(c, (*requestBody)(c), (*answerWriter)(c))
	}()
	if c.calls.output != nil {
		c.calls.output.drain()
	}
	c.finish(err, stack)
}

type panicked struct{ reason any }

func (p panicked) Error() string { return fmt.Sprint(p.reason) }

// finish sends the last frame.
func (c *call) finish(err error, stack string) {
	var deliberate *Error
	switch {
	case err == nil:
		_ = c.flush(true)
	case stack == "" && c.isTimeUp(err):
		// Nothing is said: the platform ends the call as a timeout in a moment, which is what it is.
		c.mutex.Lock()
		c.end(err)
		c.mutex.Unlock()
	case errors.As(err, &deliberate) && c.answer(deliberate):
	default:
		c.fail(err, stack)
	}
}

// answer sends an error that is meant as an answer; false when it is none, or comes too late.
func (c *call) answer(deliberate *Error) bool {
	if deliberate.Status < 400 || deliberate.Status > 599 {
		return false
	}
	body := struct {
		Code    string `json:"code,omitempty"`
		Message string `json:"message"`
		Details any    `json:"details,omitempty"`
	}{deliberate.Code, deliberate.Message, deliberate.Details}
	text, err := json.Marshal(body)
	if err != nil || !c.restart() {
		return false
	}
	_ = c.setStatus(deliberate.Status)
	for name, value := range deliberate.Headers {
		if c.setHeader(name, []string{value}) != nil {
			return false
		}
	}
	_ = c.setHeader("content-type", []string{"application/json"})
	if deliberate.Status >= 500 {
		fmt.Fprintf(printer{c, streamStderr}, "%v\n", deliberate)
	}
	_, _ = (*answerWriter)(c).Write(text)
	_ = c.flush(true)
	return true
}

func (c *call) fail(err error, stack string) {
	described := failure{Type: strings.TrimPrefix(fmt.Sprintf("%T", err), "*"), Message: err.Error()}
	if reason, ok := err.(panicked); ok {
		described.Type = fmt.Sprintf("panic: %T", reason.reason)
		described.Stack = &stack
	}
	if !c.isCancelled() {
		fmt.Fprintf(printer{c, streamStderr}, "%s: %s\n%s", described.Type, described.Message, stack)
	}
	c.mutex.Lock()
	c.end(err)
	c.mutex.Unlock()
	c.calls.connection.sendJSON(typeError, c.id, described)
}
