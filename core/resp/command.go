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
	return numbered("\r\n$7\r\nEVALSHA\r\n$40\r\n"+script.SHA, keys, args)
}

// eval is the command that runs a script and makes it known.
func eval(script *redis.Script, keys, args []string) string {
	source := strconv.Itoa(len(script.Source))
	return numbered("\r\n$4\r\nEVAL\r\n$"+source+"\r\n"+script.Source, keys, args)
}

// numbered completes a command of two arguments with the number of keys, the
// keys and the args.
func numbered(command string, keys, args []string) string {
	n := len(keys) + len(args) + 3
	if n >= tabled {
		return numberedLong(n, command, keys, args)
	}
	count := numbers[len(keys)]
	s := "*" + numbers[n] + command + lengths[len(count)] + count
	for _, k := range keys {
		if len(k) >= tabled {
			return numberedLong(n, command, keys, args)
		}
		s += lengths[len(k)] + k
	}
	for _, a := range args {
		if len(a) >= tabled {
			return numberedLong(n, command, keys, args)
		}
		s += lengths[len(a)] + a
	}
	return s + "\r\n"
}

// numberedLong is numbered for what no table holds.
func numberedLong(n int, command string, keys, args []string) string {
	parts := []string{"*", strconv.Itoa(n), command}
	add := func(arg string) {
		parts = append(parts, "\r\n$", strconv.Itoa(len(arg)), "\r\n", arg)
	}
	add(strconv.Itoa(len(keys)))
	for _, k := range keys {
		add(k)
	}
	for _, a := range args {
		add(a)
	}
	return strings.Join(append(parts, "\r\n"), "")
}

// command encodes any command.
func command(args ...string) string {
	parts := []string{"*" + strconv.Itoa(len(args)) + "\r\n"}
	for _, a := range args {
		parts = append(parts, "$", strconv.Itoa(len(a)), "\r\n", a, "\r\n")
	}
	return strings.Join(parts, "")
}
