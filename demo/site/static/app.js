// Ties the page together: buttons to calls, answers to lanes, time to pictures.

import { call, proxies as known, title } from './api.js';
import { show } from './gauge.js';
import { Lane } from './lane.js';
import { add } from './log.js';
import { draw } from './timeline.js';

const element = (id) => document.getElementById(id);
const between = 60; // milliseconds from one call of a burst to the next

const lanes = new Map();
for (const item of document.querySelectorAll('#lanes > li')) {
	const box = item.querySelector('input');
	lanes.set(box.value, {
		lane: new Lane(box.value), box,
		svg: item.querySelector('svg'), state: item.querySelector('.state'),
	});
	box.addEventListener('change', () => {
		// There is always something to call.
		if (chosen().length === 0) box.checked = true;
		if (box.checked) current = lanes.get(box.value).lane;
	});
}

let current = chosen()[0];
let proxies = [];
let waiting = false; // whether somebody has been told to wait

function chosen() {
	return [...lanes.values()].filter(({ box }) => box.checked).map(({ lane }) => lane);
}

function proxy() {
	const { value } = document.querySelector('input[name=proxy]:checked');
	return proxies.find(({ name }) => name === value);
}

function tell(text) {
	element('status').textContent = text;
}

function warn(text) {
	element('problem').textContent = text;
	element('problem').hidden = text === '';
}

async function one(lane, through) {
	const pending = { sent: Date.now() };
	lane.pending.add(pending);
	const answer = await call(through, lane.algorithm);
	lane.pending.delete(pending);
	lane.add(answer);
	add(element('answers'), answer);
	element('none').hidden = true;
	refresh();
	return answer;
}

async function send(times) {
	const through = proxy();
	const called = chosen();
	current = called.includes(current) ? current : called[0];
	const answers = [];
	waiting = false;
	tell(`Calling through ${title(through.name)} …`);
	for (let i = 0; i < times; i++) {
		if (i > 0) await new Promise((resolve) => setTimeout(resolve, between));
		for (const lane of called) answers.push(one(lane, through));
	}
	report(await Promise.all(answers), through);
}

// report says once for all calls of a click what a screen reader should hear.
function report(answers, through) {
	const count = (outcome) => answers.filter((answer) => answer.outcome === outcome).length;
	const parts = ['allowed', 'denied', 'failed'].filter(count).map((outcome) => `${count(outcome)} ${outcome}`);
	const wait = Math.ceil(current.wait(Date.now()) / 1000);
	waiting = wait > 0;
	const next = wait === Infinity ? 'No call is ever allowed.' : wait > 0 ? `The next call is allowed in ${wait} s.` : '';
	tell(`Through ${title(through.name)}: ${parts.join(', ')}. ${next}`);
	const failure = answers.find(({ outcome }) => outcome === 'failed');
	warn(failure ? failure.text : '');
}

function refresh() {
	const now = Date.now();
	for (const { lane, svg, state } of lanes.values()) {
		lane.forget(now);
		draw(svg, lane, proxies, now);
		const text = lane.state(now);
		if (state.textContent !== text) state.textContent = text;
	}
	show(current, now);
	if (waiting && current.wait(now) === 0) {
		waiting = false;
		tell('Calls are allowed again.');
	}
}

function offer(list) {
	proxies = list;
	element('proxies').replaceChildren(...list.map(({ name, here }, i) => {
		const label = document.createElement('label');
		const radio = document.createElement('input');
		Object.assign(radio, { type: 'radio', name: 'proxy', value: name, checked: here ?? (i === 0 && !list.some((p) => p.here)) });
		const text = document.createElement('span');
		text.textContent = title(name);
		label.append(radio, text);
		return label;
	}));
	const [above, ...below] = list.map(({ name }) => title(name));
	element('above').textContent = above;
	element('below').textContent = below.join(', ');
	element('sides').hidden = list.length < 2;
	for (const button of document.querySelectorAll('button')) button.disabled = false;
}

for (const button of document.querySelectorAll('button[data-calls]')) {
	button.addEventListener('click', () => send(Number(button.dataset.calls)));
}
element('curl').textContent = `curl -i ${location.origin}/api/hello`;

try {
	offer(await known());
} catch {
	offer([{ name: 'this proxy', url: location.origin, here: true }]);
	warn('The site did not say which proxies there are: only this one can be called.');
}
refresh();
setInterval(refresh, 200);
