package reliability

import (
	"fmt"
	"strings"
	"testing"
)

// table is figures as docs/reliability.md shows them.
type table struct{ lines []string }

func newTable(heads ...string) *table {
	t := &table{}
	t.add(heads)
	t.lines = append(t.lines, strings.Repeat("|---", len(heads))+"|")
	return t
}

func (t *table) row(cells ...any) {
	var texts []string
	for _, cell := range cells {
		texts = append(texts, fmt.Sprint(cell))
	}
	t.add(texts)
}

func (t *table) add(cells []string) {
	t.lines = append(t.lines, "| "+strings.Join(cells, " | ")+" |")
}

func (t *table) print(tb testing.TB) {
	tb.Helper()
	tb.Log("\n" + strings.Join(t.lines, "\n"))
}
