package kiln

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
)

const (
	typeHello  = 1
	typeInit   = 2
	typeReady  = 3
	typeFailed = 4
	typeCall   = 16
	typeBody   = 17
	typeResult = 18
	typeError  = 19
	typeCancel = 20
	typeCredit = 21
	typeLog    = 22

	flagEnd = 1

	headBytes       = 10
	payloadBytesMax = 16 << 20
	// pieceBytesMax cuts bodies, so that calls take turns on the connection.
	pieceBytesMax = 64 << 10
	// requestWindowBytes is what a caller may send of a request before it gets credit.
	requestWindowBytes = 256 << 10
	// backlogBytesMax is what may wait behind a write before senders wait too.
	backlogBytesMax = 256 << 10
)

// connection is the one to the platform. Whoever sends while nobody writes, writes: frames of goroutines that send at once leave together.
type connection struct {
	socket net.Conn

	mutex   sync.Mutex
	changed *sync.Cond
	waiting []byte
	spare   []byte
	writing bool
	// Bytes ever taken and ever written.
	taken, written uint64
}

func connect(path string) (*connection, error) {
	socket, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	c := &connection{socket: socket}
	c.changed = sync.NewCond(&c.mutex)
	return c, nil
}

func (c *connection) send(kind byte, id uint32, flags byte, first, second []byte) {
	c.mutex.Lock()
	c.take(kind, id, flags, first, second)
	c.mutex.Unlock()
}

// sendNow returns when the frame has left: what was printed survives whatever the code does next.
func (c *connection) sendNow(kind byte, id uint32, flags byte, first, second []byte) {
	c.mutex.Lock()
	c.take(kind, id, flags, first, second)
	for until := c.taken; c.written < until; {
		c.changed.Wait()
	}
	c.mutex.Unlock()
}

func (c *connection) take(kind byte, id uint32, flags byte, first, second []byte) {
	for c.writing && len(c.waiting) > backlogBytesMax {
		c.changed.Wait()
	}
	before := len(c.waiting)
	c.waiting = binary.BigEndian.AppendUint32(c.waiting, uint32(len(first)+len(second)))
	c.waiting = binary.BigEndian.AppendUint32(c.waiting, id)
	c.waiting = append(c.waiting, kind, flags)
	c.waiting = append(c.waiting, first...)
	c.waiting = append(c.waiting, second...)
	c.taken += uint64(len(c.waiting) - before)
	if !c.writing {
		c.write()
	}
}

func (c *connection) write() {
	c.writing = true
	for len(c.waiting) > 0 {
		data := c.waiting
		c.waiting = c.spare[:0]
		c.mutex.Unlock()
		_, err := c.socket.Write(data)
		if err != nil {
			// Without the platform there is nobody to work for.
			os.Exit(0)
		}
		c.mutex.Lock()
		c.spare = data[:0]
		c.written += uint64(len(data))
		c.changed.Broadcast()
	}
	c.writing = false
}

func (c *connection) sendJSON(kind byte, id uint32, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	c.sendNow(kind, id, 0, text, nil)
}

func (c *connection) credit(id uint32, bytes int) {
	var payload [4]byte
	binary.BigEndian.PutUint32(payload[:], uint32(bytes))
	c.send(typeCredit, id, 0, payload[:], nil)
}

// settings is the payload of init.
type settings struct {
	Handler     string `json:"handler"`
	Concurrency int    `json:"concurrency"`
	Window      int    `json:"window"`
}

// failure is the payload of error and failed.
type failure struct {
	Type    string  `json:"type"`
	Message string  `json:"message"`
	Stack   *string `json:"stack"`
}

func (c *connection) awaitInit() settings {
	for {
		kind, _, _, payload := c.next(c.socket)
		if kind != typeInit {
			continue
		}
		given := settings{Concurrency: 1, Window: pieceBytesMax}
		if err := json.Unmarshal(payload, &given); err != nil {
			breach("an init that is no JSON: " + err.Error())
		}
		return given
	}
}

// read hears frames until the connection ends, and the process with it.
func (c *connection) read(hear func(kind byte, id uint32, flags byte, payload []byte)) {
	reader := bufio.NewReaderSize(c.socket, pieceBytesMax)
	for {
		hear(c.next(reader))
	}
}

// next gives a frame; its payload belongs to the caller.
func (c *connection) next(reader io.Reader) (kind byte, id uint32, flags byte, payload []byte) {
	var head [headBytes]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		os.Exit(0)
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > payloadBytesMax {
		breach("a frame over the limit")
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(reader, payload); err != nil {
		os.Exit(0)
	}
	return head[8], binary.BigEndian.Uint32(head[4:]), head[9], payload
}

// breach ends the process: what comes after something that is no frame is none either.
func breach(what string) {
	os.Stderr.WriteString("The platform broke the contract (docs/frames.md): it sent " + what + "\n")
	os.Exit(1)
}

func goVersion() string { return strings.TrimPrefix(runtime.Version(), "go") }
