package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// pointsPath is the file that demo/bench writes.
var pointsPath = filepath.Join("docs", "performance.csv")

// panel has a curve for each series, on one scale.
type panel struct {
	name   string
	series []series
}

type series struct {
	name   string
	points []point
}

type point struct{ x, value float64 }

// readPoints reads each plot's panels, in the order in which they stand there.
func readPoints(path string) (map[string][]panel, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if columns := []string{"plot", "panel", "series", "x", "value"}; len(rows) == 0 || !slices.Equal(rows[0], columns) {
		return nil, fmt.Errorf("%s: want columns %v", path, columns)
	}
	plots := map[string][]panel{}
	for i, row := range rows[1:] {
		x, err := strconv.ParseFloat(row[3], 64)
		if err != nil || !(x >= 1) {
			return nil, fmt.Errorf("%s: row %d: x %q: want a number from 1", path, i+2, row[3])
		}
		value, err := strconv.ParseFloat(row[4], 64)
		if err != nil || !(value > 0) {
			return nil, fmt.Errorf("%s: row %d: value %q: want a number above 0", path, i+2, row[4])
		}
		plots[row[0]] = with(plots[row[0]], row[1], row[2], point{x, value})
	}
	return plots, nil
}

// with adds a point to the panels.
func with(panels []panel, name, of string, p point) []panel {
	at := slices.IndexFunc(panels, func(p panel) bool { return p.name == name })
	if at < 0 {
		at, panels = len(panels), append(panels, panel{name: name})
	}
	all := &panels[at].series
	found := slices.IndexFunc(*all, func(s series) bool { return s.name == of })
	if found < 0 {
		found = len(*all)
		*all = append(*all, series{name: of})
	}
	(*all)[found].points = append((*all)[found].points, p)
	return panels
}
