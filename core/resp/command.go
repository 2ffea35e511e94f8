package resp

import (
	"strconv"
	"strings"

	"github.com/weirproxy/weir/core/redis"
)

// tabled is how many numbers have their text in a table.
const tabled = 1024

var (
	// numbers[n] is n in decimal.
	numbers = makeTable("", "")
	// lengths[n] ends one argument and announces the next, of n bytes.
	lengths = makeTable("\r\n$", "\r\n")
)

func makeTable(before, after string) []string {
	table := make([]string, tabled)
	for n := range table {
		table[n] = before + strconv.Itoa(n) + after
	}
	return table
}

// evalsha is the command that runs a script the server knows.
func evalsha(script *redis.Script, keys, args []string) string {
	return numbered(len(keys)+len(args), "\r\n$7\r\nEVALSHA\r\n$40\r\n"+script.SHA, keys, args)
}

// eval is the command that runs a script and makes it known.
func eval(script *redis.Script, keys, args []string) string {
	source := strconv.Itoa(len(script.Source))
	return numbered(len(keys)+len(args), "\r\n$4\r\nEVAL\r\n$"+source+"\r\n"+script.Source, keys, args)
}

// numbered completes a command of two arguments with the number of keys, the
// keys and the args.
func numbered(n int, command string, keys, args []string) string {
	count := number(len(keys))
	s := "*" + number(n+3) + command + lengths[len(count)] + count
	for _, k := range keys {
		if len(k) < tabled {
			s += lengths[len(k)] + k
		} else {
			s += "\r\n$" + strconv.Itoa(len(k)) + "\r\n" + k
		}
	}
	for _, a := range args {
		if len(a) < tabled {
			s += lengths[len(a)] + a
		} else {
			s += "\r\n$" + strconv.Itoa(len(a)) + "\r\n" + a
		}
	}
	return s + "\r\n"
}

func number(n int) string {
	if n < tabled {
		return numbers[n]
	}
	return strconv.Itoa(n)
}

// command encodes any command.
func command(args ...string) string {
	parts := []string{"*" + strconv.Itoa(len(args)) + "\r\n"}
	for _, a := range args {
		parts = append(parts, "$", strconv.Itoa(len(a)), "\r\n", a, "\r\n")
	}
	return strings.Join(parts, "")
}
