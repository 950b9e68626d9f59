package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	windowBytes   = 256 << 10 // what the router may have on the way to us, on one exchange
	maxFrameBytes = 64 << 10
	leastMaxFrame = 4096 // that an end takes
	maxMeta       = 400  // bytes of the name or id of an event
	frameCost     = 64   // what a frame costs of the credit beside its payload
	leastPiece    = 4096 // less is not worth a frame: the router grants more when half of a window is used up

	pingAfter   = 10 * time.Second // of silence
	deadAfter   = 30 * time.Second // of silence
	blockedPing = time.Second      // of waiting for credit
	returnPing  = time.Second      // until the router is heard again, when NATS was away;
	returnAfter = 10 * time.Second // and for so long it may take longer to return than we did
)

// link is the way to the router: NATS may be away, or back while the router has not been heard yet. Only when it is up
// may anything leave that has a number, since nobody may be there to get it.
type link int

const (
	up link = iota
	down
	returning
)

type incoming struct {
	payload []byte
	cost    int64 // of the credit; nothing for the payload of OPEN
}

type outgoing struct {
	head    []interface{} // not nil: a head with these fields, else data
	payload []byte
	kind    string // text or binary, of a message
}

// Exchange is the backend's end of an exchange. It does no I/O and locks nothing: publish, now and changed come from
// outside, and so does the caller's lock.
//
// Each direction is open, then ended. It is closed when both are, or at once by a reset of either end, a gap, an overrun,
// a broken frame, a 503 or silence; err then says why.
type Exchange struct {
	publish func(header nats.Header, payload []byte, asksReply bool)
	now     func() time.Time
	changed func() // whoever waits should look again

	err        error // what the handler has to hear
	closed     bool
	link       link
	returnedAt time.Time

	// What comes: numbers, credit, and what the handler has not read.
	window, granted                int64
	inSeq, inBytes, inCost, inUsed int64
	inbox                          []incoming
	inEnded                        bool

	// What goes, and what waits for credit.
	credit, maxFrame           int64
	outSeq, outBytes, outCost  int64
	toldSeq                    int64 // the last frame that a ping or pong has told of
	dataFrames                 int
	outbox                     []outgoing
	endWanted, outEnded        bool
	heardAt, pingedAt, blockAt time.Time
}

// open reads an OPEN. The caller sets publish and changed, and accepts or resets.
func open(fields Fields, payload []byte, window int64, now func() time.Time) (*Exchange, error) {
	kind, version, err := fields.frame()
	if err != nil || kind != "open" || version < 1 {
		return nil, errBroken
	}
	credit, err := fields.number("sx-credit", 0)
	if err != nil {
		return nil, err
	}
	maxFrame, err := fields.number("sx-max", maxFrameBytes)
	if err != nil || maxFrame < leastMaxFrame {
		return nil, errBroken
	}
	if _, err := fields.number("sx-deadline", 0); err != nil {
		return nil, err
	}
	if maxFrame > maxFrameBytes {
		maxFrame = maxFrameBytes
	}
	x := &Exchange{now: now, window: window, granted: window, credit: credit, maxFrame: maxFrame}
	x.inEnded = fields["sx-more"] != "1"
	if len(payload) > 0 {
		x.inbox = append(x.inbox, incoming{payload: payload})
	}
	x.heardAt, x.pingedAt = now(), now()
	return x, nil
}

// The handler speaks.

func (x *Exchange) accept() {
	x.send(encode("accept 1", "Sx-Credit", x.granted, "Sx-Max", maxFrameBytes), nil, true)
}

// head queues the head of the response: names and values of its headers by turns.
func (x *Exchange) head(status int, headers ...interface{}) {
	fields := []interface{}{"Sx-Status", status}
	for i := 0; i+1 < len(headers); i += 2 {
		name := strings.ToLower(fmt.Sprint(headers[i]))
		own := name == "sx" || strings.HasPrefix(name, "sx-") || strings.HasPrefix(name, "nats-")
		if !own && !hopByHop.MatchString(name) {
			fields = append(fields, name, headers[i+1])
		}
	}
	x.push(outgoing{head: fields})
}

// data queues a chunk and sends what credit covers. Wait while blocked.
func (x *Exchange) data(payload []byte, kind string) {
	x.push(outgoing{payload: payload, kind: kind})
}

func (x *Exchange) end() {
	x.endWanted = true
	x.pump(leastPiece)
}

func (x *Exchange) reset(code Reset) {
	if !x.closed {
		x.send(encode("reset -", "Sx-Code", string(code)), nil, false)
		x.close(nil)
	}
}

// take gives the next chunk, or nil if there is none now. Reading is what grants the router more.
func (x *Exchange) take() []byte {
	if len(x.inbox) == 0 {
		return nil
	}
	next := x.inbox[0]
	x.inbox = x.inbox[1:]
	x.inUsed += next.cost
	if granted := x.inUsed + x.window; granted-x.granted >= x.window/2 {
		x.granted = granted
		if !x.closed && !x.inEnded {
			x.send(encode("credit -", "Sx-Credit", x.granted), nil, false)
		}
	}
	return next.payload
}

func (x *Exchange) blocked() bool { return len(x.outbox) > 0 }

// The router speaks.

func (x *Exchange) onMessage(status string, fields Fields, payload []byte) {
	if x.inEnded && x.outEnded && strings.HasPrefix(fields["sx"], "ping ") {
		x.sendPosition("pong", false) // a router that asks has missed our end
	}
	if x.closed {
		return
	}
	if status == "503" {
		if x.link == up || x.link == returning && x.now().Sub(x.returnedAt) >= returnAfter {
			x.close(Reset("client_gone"))
		}
		return
	}
	x.heardAt = x.now()
	hasReturned := x.link == returning
	if hasReturned {
		x.link = up
	}
	if err := x.onFrame(fields, payload); err != nil {
		x.fail(err)
	} else if hasReturned {
		x.pump(leastPiece)
	}
	x.changed()
}

func (x *Exchange) onFrame(fields Fields, payload []byte) error {
	kind, n, err := fields.frame()
	if err != nil {
		return err
	}
	switch kind {
	case "data":
		if len(fields["sx-event"]) > maxMeta || len(fields["sx-id"]) > maxMeta {
			return errBroken
		}
		if next, err := x.arrive(n); !next {
			return err
		}
		x.inBytes += int64(len(payload))
		x.inCost += int64(len(payload)) + frameCost
		if x.inCost > x.granted {
			return errBroken // more than the credit covers
		}
		x.inbox = append(x.inbox, incoming{payload: payload, cost: int64(len(payload)) + frameCost})
	case "end":
		total, err := fields.number("sx-bytes", -1)
		if err != nil {
			return err
		}
		if next, err := x.arrive(n); !next {
			return err
		}
		if total != x.inBytes {
			return Reset("gap")
		}
		x.inEnded = true
		x.closeIfEnded()
	case "reset":
		code := fields["sx-code"]
		if code == "" {
			code = "backend_error"
		}
		x.close(Reset(code))
	case "credit":
		credit, err := fields.number("sx-credit", -1)
		if err != nil {
			return err
		}
		x.grant(credit)
	case "ping", "pong":
		sent, err := fields.number("sx-bytes", -1)
		if err != nil || n < 0 {
			return errBroken
		}
		credit, err := fields.number("sx-credit", 0)
		if err != nil {
			return err
		}
		if n > x.inSeq || n == x.inSeq && sent != x.inBytes {
			return Reset("gap")
		}
		if kind == "ping" {
			x.sendPosition("pong", false)
		}
		x.grant(credit)
	case "accept", "head":
		return errBroken // a router sends none
	default:
		if n >= 0 {
			return errBroken // a part of the stream that we cannot read
		}
	}
	return nil
}

// arrive takes the number of a frame of the stream; false for one that was seen before, or with an error.
func (x *Exchange) arrive(n int64) (next bool, err error) {
	switch {
	case n < 1:
		return false, errBroken
	case n <= x.inSeq:
		return false, nil
	case n != x.inSeq+1:
		return false, Reset("gap")
	case x.inEnded:
		return false, errBroken
	}
	x.inSeq = n
	return true, nil
}

// tick is to be called once a second or so.
func (x *Exchange) tick() {
	if x.closed || x.link == down {
		return
	}
	now := x.now()
	if now.Sub(x.heardAt) >= deadAfter {
		x.close(Reset("client_gone"))
		return
	}
	every, quietSince := pingAfter, x.heardAt
	if x.link == returning {
		every, quietSince = returnPing, x.pingedAt
	} else if x.blocked() {
		every, quietSince = blockedPing, x.blockAt
	} else if x.outSeq > x.toldSeq {
		quietSince = x.pingedAt // a last frame that was lost shows in no other way while the router goes on
	}
	if now.Sub(quietSince) >= every && now.Sub(x.pingedAt) >= every {
		x.pump(1) // a router that never grants more at once still gets a frame a second
		x.ping()
	}
}

func (x *Exchange) ping() {
	x.pingedAt = x.now()
	x.sendPosition("ping", true)
}

// lose stops the exchange where it is: NATS is gone.
func (x *Exchange) lose() { x.link = down }

// resume asks the router what it has, now that NATS is back. What was lost meanwhile is a gap; nothing else is sent
// before the router is heard.
func (x *Exchange) resume() {
	if x.closed || x.link != down {
		return
	}
	x.link = returning
	x.heardAt, x.returnedAt = x.now(), x.now()
	x.ping()
}

func (x *Exchange) push(next outgoing) {
	if x.closed || x.endWanted {
		return
	}
	if !x.blocked() {
		x.blockAt = x.now()
	}
	x.outbox = append(x.outbox, next)
	x.pump(leastPiece)
}

func (x *Exchange) grant(credit int64) {
	if credit > x.credit {
		x.credit = credit
	}
	x.pump(leastPiece)
}

// pump sends what credit covers, in pieces of at least so many bytes, and at last says that it was all.
func (x *Exchange) pump(least int64) {
	for len(x.outbox) > 0 && !x.closed && x.link == up {
		next := &x.outbox[0]
		if next.head != nil {
			x.outCost += frameCost
			x.outSeq++
			fields := append([]interface{}{"Sx-Credit", x.granted, "Sx-Max", maxFrameBytes}, next.head...)
			x.send(encode(fmt.Sprint("head ", x.outSeq), fields...), nil, true)
			x.outbox = x.outbox[1:]
			continue
		}
		room := x.credit - x.outCost - frameCost
		if room > x.maxFrame {
			room = x.maxFrame
		}
		all := int64(len(next.payload))
		if room < 0 || room < all && room < least {
			return
		}
		piece := next.payload
		if room < all {
			piece, next.payload = next.payload[:room], next.payload[room:]
		} else {
			x.outbox = x.outbox[1:]
		}
		x.outSeq++
		x.outBytes += int64(len(piece))
		x.outCost += int64(len(piece)) + frameCost
		x.blockAt = x.now()
		header := encode(fmt.Sprint("data ", x.outSeq))
		if next.kind != "" {
			header.Set("Sx-Type", next.kind)
			if room < all {
				header.Set("Sx-Fin", "0")
			}
		}
		x.send(header, piece, x.dataFrames%16 == 0)
		x.dataFrames++
	}
	if x.endWanted && !x.outEnded && !x.closed && x.link == up && !x.blocked() {
		x.outEnded = true
		x.outSeq++
		x.send(encode(fmt.Sprint("end ", x.outSeq), "Sx-Bytes", x.outBytes), nil, true)
		x.closeIfEnded()
	}
}

func (x *Exchange) sendPosition(kind string, asksReply bool) {
	x.toldSeq = x.outSeq
	header := encode(fmt.Sprint(kind, " ", x.outSeq), "Sx-Credit", x.granted, "Sx-Bytes", x.outBytes)
	x.send(header, nil, asksReply)
}

// send publishes; for credit that is lost while NATS is away the ping of resume makes up.
func (x *Exchange) send(header nats.Header, payload []byte, asksReply bool) {
	if x.link != down {
		x.publish(header, payload, asksReply)
	}
}

// fail tells the router and the handler.
func (x *Exchange) fail(err error) {
	var code Reset
	if !errors.As(err, &code) {
		code = "internal"
	}
	x.reset(code)
	x.err = code
	x.changed()
}

func (x *Exchange) closeIfEnded() {
	if x.inEnded && x.outEnded {
		x.close(nil)
	}
}

func (x *Exchange) close(err error) {
	x.closed = true
	x.err = err
	x.outbox = nil
	if err != nil {
		x.inbox = nil
	}
	x.changed()
}
