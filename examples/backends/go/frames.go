package main

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// Reset is why an exchange is over before its end: a code of the table in docs/protocol.md.
type Reset string

func (code Reset) Error() string { return "the exchange was reset: " + string(code) }

// errBroken is a message that breaks the protocol.
const errBroken = Reset("protocol_error")

var (
	framePattern  = regexp.MustCompile(`^([a-z]+) (-|[0-9]{1,15})$`)
	numberPattern = regexp.MustCompile(`^[0-9]{1,15}$`)
	namePattern   = regexp.MustCompile(`^[!-9;-~]+$`)
	valuePattern  = regexp.MustCompile(`^[ -~]*$`)
)

// hopByHop fields speak of one connection (RFC 9110, 7.6.1): no response may send them on.
var hopByHop = regexp.MustCompile(`^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$`)

// Fields are the headers of a message: names in lower case, of a field given twice the first one.
type Fields map[string]string

func fieldsOf(header nats.Header) Fields {
	// nats.go does not tell which of two spellings of a name came first: the usual one, in upper case, counts.
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	sort.Strings(names)
	fields := make(Fields, len(header))
	for _, name := range names {
		lower := strings.ToLower(name)
		if _, given := fields[lower]; !given && len(header[name]) > 0 {
			fields[lower] = strings.TrimSpace(header[name][0])
		}
	}
	return fields
}

// number reads a field; a missing one is `absent`, or broken if that is negative.
func (fields Fields) number(name string, absent int64) (int64, error) {
	text, given := fields[name]
	if !given && absent >= 0 {
		return absent, nil
	}
	if !numberPattern.MatchString(text) {
		return 0, errBroken
	}
	return strconv.ParseInt(text, 10, 64)
}

// frame gives the type and number of a frame; -1 if it has none.
func (fields Fields) frame() (kind string, n int64, err error) {
	match := framePattern.FindStringSubmatch(fields["sx"])
	if match == nil {
		return "", 0, errBroken
	}
	if match[2] == "-" {
		return match[1], -1, nil
	}
	n, err = strconv.ParseInt(match[2], 10, 64)
	return match[1], n, err
}

// encode makes the headers of a frame from names and values by turns. What would not be one line of visible ASCII is
// left out: no value can smuggle in another field.
func encode(sx string, pairs ...interface{}) nats.Header {
	header := nats.Header{"Sx": {sx}}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])
		if namePattern.MatchString(name) && valuePattern.MatchString(value) {
			header[name] = append(header[name], value)
		}
	}
	return header
}
