package storetest

import (
	"math/big"

	"github.com/weirproxy/weir/core"
)

// Model says whether a hit is due, slowly and without rounding.
type Model interface {
	// Room is how many more units the limit has at now, in parts of a unit, and
	// how much of one its arithmetic may be off.
	Room(now int64) (room, slack *big.Rat)
	// Charge takes the cost of a hit that was allowed.
	Charge(now, cost int64)
}

// windowModel counts from the first hit.
type windowModel struct{ count, length, start, used int64 }

func (m *windowModel) Room(now int64) (*big.Rat, *big.Rat) {
	if m.used == 0 || now >= m.start+m.length {
		m.start, m.used = now, 0
	}
	return big.NewRat(m.count-m.used, 1), new(big.Rat)
}

func (m *windowModel) Charge(_, cost int64) { m.used += cost }

// weightedModel is the window's count and what still overlaps of the one before.
type weightedModel struct {
	count, length int64
	windows       map[int64]int64 // units by the number of the window
	start         int64
}

func (m *weightedModel) number(now int64) int64 { return (now - m.start) / m.length }

func (m *weightedModel) Room(now int64) (*big.Rat, *big.Rat) {
	n := m.number(now)
	if m.windows[n] == 0 && m.windows[n-1] == 0 {
		m.windows, m.start, n = map[int64]int64{}, now, 0
	}
	overlap := big.NewRat(m.length-(now-m.start)%m.length, m.length)
	used := overlap.Mul(overlap, big.NewRat(m.windows[n-1], 1))
	used.Add(used, big.NewRat(m.windows[n], 1))
	// A float has no room for a billion times a year in microseconds.
	slack := new(big.Rat)
	if m.count > 1<<53/m.length {
		slack.SetFrac64(1, 1_000_000)
	}
	return used.Sub(big.NewRat(m.count, 1), used), slack
}

func (m *weightedModel) Charge(now, cost int64) { m.windows[m.number(now)] += cost }

// listModel has the time of every unit that ever passed.
type listModel struct {
	count, length int64
	times         []int64
}

func (m *listModel) Room(now int64) (*big.Rat, *big.Rat) {
	n := m.count
	for _, t := range m.times {
		if now-t < m.length {
			n--
		}
	}
	return big.NewRat(n, 1), new(big.Rat)
}

func (m *listModel) Charge(now, cost int64) {
	for ; cost > 0; cost-- {
		m.times = append(m.times, now)
	}
}

// bucketModel fills at the rate, up to its size; so many more units may wait.
type bucketModel struct {
	size, waiting *big.Rat
	perMicro      *big.Rat
	level         *big.Rat // less than 0 where some wait
	at            int64
}

func (m *bucketModel) Room(now int64) (*big.Rat, *big.Rat) {
	m.level.Add(m.level, new(big.Rat).Mul(m.perMicro, big.NewRat(now-m.at, 1)))
	m.at = now
	if m.level.Cmp(m.size) > 0 {
		m.level.Set(m.size)
	}
	// The microsecond that a bucket forgives, or a thousandth of a unit.
	slack := new(big.Rat).Set(m.perMicro)
	if most := big.NewRat(1, 1000); slack.Cmp(most) > 0 {
		slack = most
	}
	// And the nanosecond that a longest wait is rounded to.
	slack.Add(slack, new(big.Rat).Mul(m.perMicro, big.NewRat(1, 1000)))
	slack.Add(slack, big.NewRat(1, 1_000_000))
	return new(big.Rat).Add(m.level, m.waiting), slack
}

func (m *bucketModel) Charge(_, cost int64) { m.level.Sub(m.level, big.NewRat(cost, 1)) }

// NewModel is the model of a limit that nobody has asked yet. Times are in
// microseconds and do not step back.
func NewModel(l *core.Limit) Model {
	count, length := l.Rate.Count, l.Rate.Window.Microseconds()
	perMicro := big.NewRat(count, length)
	waiting := new(big.Rat).Mul(perMicro, big.NewRat(l.MaxWait.Nanoseconds(), 1000))
	switch l.Algorithm {
	case core.FixedWindow:
		return &windowModel{count: count, length: length}
	case core.SlidingWindow:
		return &weightedModel{count: count, length: length, windows: map[int64]int64{}}
	case core.SlidingLog:
		return &listModel{count: count, length: length}
	case core.TokenBucket:
		size := big.NewRat(l.Burst, 1)
		return &bucketModel{size: size, waiting: waiting, perMicro: perMicro, level: new(big.Rat).Set(size)}
	}
	return &bucketModel{size: big.NewRat(1, 1), waiting: waiting, perMicro: perMicro, level: big.NewRat(1, 1)}
}
