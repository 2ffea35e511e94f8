// Draws the last minute of a lane: a column for each second, one mark a call.
// The first proxy's stand above the line, the second's hang below it.

const namespace = 'http://www.w3.org/2000/svg';
const minute = 60_000;
const height = 80;
const middle = height / 2;
const noticeable = 700; // a wait in milliseconds that is worth a line

function shape(name, attributes) {
	const element = document.createElementNS(namespace, name);
	for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
	return element;
}

export function draw(svg, lane, proxies, now) {
	const width = svg.clientWidth;
	if (width === 0) return;
	svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
	svg.setAttribute('aria-label', describe(lane));
	const at = (time) => width - ((now - time) / minute) * width;
	const size = Math.min(9, Math.max(4, width / 60 - 1.5));
	const parts = [];
	for (let second = 0; second <= 60; second += 10) {
		const x = Math.min(width - 0.5, Math.max(0.5, (second / 60) * width));
		parts.push(shape('line', { class: 'grid', x1: x, x2: x, y1: 0, y2: height }));
	}
	parts.push(shape('line', { class: 'axis', x1: 0, x2: width, y1: middle, y2: middle }));

	for (const { sent, answered } of lane.answers) {
		if (answered - sent > noticeable) parts.push(held(at(sent), at(answered)));
	}
	for (const { sent } of lane.pending) parts.push(held(at(sent), width));

	for (const column of columns(lane.answers)) {
		const step = Math.min(size + 1, (middle - 3) / column.length);
		column.forEach((answer, i) => {
			const below = proxies[0] && answer.proxy !== proxies[0].name;
			const y = below ? middle + 2 + i * step : middle - 2 - (i + 1) * step + 1;
			const x = Math.min(width - size, at(Math.floor(answer.answered / 1000) * 1000));
			parts.push(mark(answer.outcome, x, y, size, step - 1));
		});
	}
	svg.replaceChildren(...parts);
}

function held(from, to) {
	return shape('line', { class: 'held', x1: Math.max(0, from), x2: to, y1: middle, y2: middle });
}

// columns gathers the answers of one second through one proxy.
function columns(answers) {
	const found = new Map();
	for (const answer of answers) {
		const key = `${answer.proxy} ${Math.floor(answer.answered / 1000)}`;
		if (!found.has(key)) found.set(key, []);
		found.get(key).push(answer);
	}
	return found.values();
}

// mark differs by more than its colour: filled, hollow, or crossed.
function mark(outcome, x, y, width, height) {
	if (outcome === 'failed') {
		const cross = `M${x} ${y}l${width} ${height}m0 ${-height}l${-width} ${height}`;
		return shape('path', { class: 'failed', d: cross });
	}
	const inset = outcome === 'denied' ? 0.75 : 0;
	return shape('rect', {
		class: outcome, rx: 1.5, x: x + inset, y: y + inset,
		width: Math.max(1, width - 2 * inset), height: Math.max(1, height - 2 * inset),
	});
}

function describe(lane) {
	const counts = ['allowed', 'denied', 'failed']
		.map((outcome) => [lane.count(outcome), outcome])
		.filter(([count]) => count > 0)
		.map(([count, outcome]) => `${count} ${outcome}`);
	return `${lane.algorithm}, last minute: ${counts.join(', ') || 'no calls'}`;
}
