package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Where the vectors of the protocol are; its README.md says how to read them.
const vectors = "../../../docs/vectors"

// Payload is text, or {"repeat": "x", "count": 16384}.
type Payload []byte

func (payload *Payload) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*payload = []byte(text)
		return nil
	}
	var long struct {
		Repeat string
		Count  int
	}
	err := json.Unmarshal(data, &long)
	*payload = []byte(strings.Repeat(long.Repeat, long.Count))
	return err
}

type Step struct {
	Receive, Expect, Headers       []string
	ExpectNothing, NoResponders    bool
	AsksReply                      *bool
	Local, Hears, Code, Type, Nats string
	AdvanceMs, Status              int
	Payload                        Payload
}

type published struct {
	header    nats.Header
	payload   []byte
	asksReply bool
}

type heard struct {
	what    string
	payload []byte
	code    Reset
}

// replay is one end of a conversation; the vector is the other, and the application behind this one.
type replay struct {
	*testing.T
	window     int64
	now        time.Time
	exchange   *Exchange
	published  []published
	heard      []heard
	paused     bool
	heardReset bool
	heardEnd   bool
}

func TestConversations(t *testing.T) {
	files, _ := filepath.Glob(vectors + "/conversations/backend/*.json")
	if len(files) == 0 {
		t.Fatal("no vectors in ", vectors)
	}
	for _, file := range files {
		var conversation struct {
			Name   string
			Window int64
			Steps  []Step
		}
		readJSON(t, file, &conversation)
		t.Run(conversation.Name, func(t *testing.T) {
			end := &replay{T: t, window: conversation.Window, now: time.Unix(1, 0)}
			if end.window == 0 {
				end.window = windowBytes
			}
			for i, step := range conversation.Steps {
				end.take(step)
				end.read()
				if t.Failed() {
					t.Fatalf("in step %d", i+1)
				}
			}
			if len(end.published)+len(end.heard) > 0 {
				t.Errorf("left over: %v %v", end.published, end.heard)
			}
		})
	}
}

func (end *replay) take(step Step) {
	x := end.exchange
	switch {
	case step.Receive != nil:
		fields := fieldsOf(headerOf(step.Receive))
		if x != nil {
			x.onMessage("", fields, step.Payload)
			return
		}
		x = open(fields, step.Payload, end.window, func() time.Time { return end.now }, &sync.Mutex{})
		if x == nil {
			end.Fatal("this OPEN was not read")
		}
		end.exchange = x
		x.publish = func(header nats.Header, payload []byte, asksReply bool) {
			end.published = append(end.published, published{header, payload, asksReply})
		}
	case step.Expect != nil:
		end.expect(step)
	case step.ExpectNothing:
		if len(end.published) > 0 {
			end.Error("published: ", end.published[0].header)
		}
	case step.Hears != "":
		end.hears(step)
	case step.AdvanceMs > 0:
		end.now = end.now.Add(time.Duration(step.AdvanceMs) * time.Millisecond)
		x.tick()
	case step.Nats == "lost":
		x.lose()
	case step.Nats == "back":
		x.resume()
	case step.NoResponders:
		x.onMessage("503", Fields{}, nil)
	default:
		end.act(step)
	}
}

func (end *replay) act(step Step) {
	x := end.exchange
	switch step.Local {
	case "pause", "resume":
		end.paused = step.Local == "pause"
	case "accept":
		x.accept()
	case "head":
		headers := make([]any, len(step.Headers))
		for i, text := range step.Headers {
			headers[i] = text
		}
		x.Head(step.Status, headers...)
	case "data":
		frame := outgoing{kind: "data", payload: step.Payload}
		if step.Type != "" {
			frame.fields = []any{"Sx-Type", step.Type}
		}
		x.push(frame)
	case "end":
		x.end()
	case "reset":
		x.fail(Reset(step.Code))
		end.heardReset = true // its own
	default:
		end.Errorf("an unknown step: %+v", step)
	}
}

func (end *replay) expect(step Step) {
	if len(end.published) == 0 {
		end.Fatal("nothing was published, expected ", step.Expect)
	}
	frame := end.published[0]
	end.published = end.published[1:]
	for name, values := range headerOf(step.Expect) {
		if strings.Join(frame.header[name], "\n") != strings.Join(values, "\n") {
			end.Errorf("%v was published, expected %v", frame.header, step.Expect)
		}
	}
	if !bytes.Equal(frame.payload, step.Payload) {
		end.Errorf("another payload, of %d bytes", len(frame.payload))
	}
	if step.AsksReply != nil && *step.AsksReply != frame.asksReply {
		end.Error("reply subject: ", frame.asksReply)
	}
}

func (end *replay) hears(step Step) {
	// What was not read when a reset came is lost with it, or was handed over before.
	for step.Hears == "reset" && len(end.heard) > 0 && end.heard[0].what == "data" {
		end.heard = end.heard[1:]
	}
	if len(end.heard) == 0 {
		end.Fatal(step.Hears, " was not heard")
	}
	next := end.heard[0]
	end.heard = end.heard[1:]
	if next.what != step.Hears || !bytes.Equal(next.payload, step.Payload) || string(next.code) != step.Code {
		end.Errorf("heard %+v, expected %+v", next, step)
	}
}

// read is the application: it reads all there is, unless it pauses.
func (end *replay) read() {
	x := end.exchange
	for !end.paused && len(x.inbox) > 0 {
		end.heard = append(end.heard, heard{what: "data", payload: x.take()})
	}
	var code Reset
	if errors.As(x.err, &code) && !end.heardReset {
		end.heard = append(end.heard, heard{what: "reset", code: code})
		end.heardReset = true
	}
	if x.inEnded && x.err == nil && len(x.inbox) == 0 && !end.heardEnd {
		end.heard = append(end.heard, heard{what: "end"})
		end.heardEnd = true
	}
}

// TestFrames is of what a backend reads of each frame: the type, the number, and whether it is sound.
func TestFrames(t *testing.T) {
	var file struct {
		Decode []struct {
			Name, Reads, Headers string
			Payload              Payload
			Result               json.RawMessage
		}
	}
	readJSON(t, vectors+"/frames.json", &file)
	for _, vector := range file.Decode {
		vector := vector
		t.Run(vector.Name, func(t *testing.T) {
			lines := strings.Split(strings.TrimSuffix(vector.Headers, "\r\n\r\n"), "\r\n")
			fields := fieldsOf(headerOf(lines[1:]))
			var result string
			if json.Unmarshal(vector.Result, &result) != nil {
				checkFrame(t, fields, vector.Payload, vector.Result)
				return
			}
			switch {
			case vector.Reads == "first" && (result == "broken" || result == "not open"):
				if open(fields, vector.Payload, windowBytes, time.Now, &sync.Mutex{}) != nil {
					t.Error("was read")
				}
			case result == "broken" || result == "ignored":
				sent := 0
				x := open(Fields{"sx": "open 1", "sx-more": "1"}, nil, windowBytes, time.Now, &sync.Mutex{})
				x.publish = func(nats.Header, []byte, bool) { sent++ }
				x.onMessage("", fields, vector.Payload)
				if broken := result == "broken"; (x.err == errBroken) != broken || (sent == 1) != broken {
					t.Errorf("%v, and %d frames", x.err, sent)
				}
			default:
				t.Skipf("what is %s is told by nats.go, or by a router", result)
			}
		})
	}
}

func checkFrame(t *testing.T, fields Fields, payload []byte, result json.RawMessage) {
	var expected struct {
		Frame struct {
			Type                           string
			Seq, Version, Credit, MaxBytes *int64
			More                           bool
		}
	}
	if err := json.Unmarshal(result, &expected); err != nil {
		t.Fatal(err)
	}
	frame, number := expected.Frame, int64(-1)
	if frame.Seq != nil {
		number = *frame.Seq
	} else if frame.Version != nil {
		number = *frame.Version
	}
	if kind, n := fields.frame(); kind != frame.Type || n != number {
		t.Errorf("%s %d, expected %s %d", kind, n, frame.Type, number)
	}
	if frame.Type != "open" {
		return
	}
	x := open(fields, payload, windowBytes, time.Now, &sync.Mutex{})
	if x == nil {
		t.Fatal("was not read")
	}
	if x.credit != *frame.Credit || x.inEnded == frame.More {
		t.Errorf("credit %d, ended %v", x.credit, x.inEnded)
	}
	if frame.MaxBytes != nil && x.maxFrame != *frame.MaxBytes {
		t.Errorf("frames of %d bytes", x.maxFrame)
	}
}

// headerOf reads header lines as nats.go does.
func headerOf(lines []string) nats.Header {
	header := nats.Header{}
	for _, line := range lines {
		if colon := strings.IndexByte(line, ':'); colon > 0 {
			name := line[:colon]
			header[name] = append(header[name], strings.TrimLeft(line[colon+1:], " \t"))
		}
	}
	return header
}

func readJSON(t *testing.T, path string, into interface{}) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
