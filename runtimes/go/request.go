package kiln

import "io"

// requestBody is the in of a handler.
type requestBody call

func (b *requestBody) Read(into []byte) (int, error) {
	c := (*call)(b)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for len(c.pieces) == 0 && !c.whole && !c.closed && c.over == nil {
		c.changed.Wait()
	}
	switch {
	case c.closed:
		return 0, io.ErrClosedPipe
	case len(c.pieces) > 0:
		return c.takePiece(into), nil
	case c.whole:
		return 0, io.EOF
	default:
		return 0, c.over
	}
}

func (c *call) takePiece(into []byte) int {
	n := copy(into, c.pieces[0])
	c.pieces[0] = c.pieces[0][n:]
	if len(c.pieces[0]) == 0 {
		c.pieces = c.pieces[1:]
	}
	c.unpaid += n
	if !c.whole && !c.ended && c.unpaid >= requestWindowBytes/2 {
		c.calls.connection.credit(c.id, c.unpaid)
		c.unpaid = 0
	}
	return n
}

// Close tells the caller to stop.
func (b *requestBody) Close() error {
	c := (*call)(b)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.closed && !c.whole && !c.ended {
		c.calls.connection.send(typeCancel, c.id, 0, nil, nil)
	}
	c.closed = true
	c.pieces = nil
	return nil
}
