// Lists the answers, the newest first, each with its headers to unfold.

import { title } from './api.js';

const shownAtMost = 40;
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });

function span(kind, text) {
	const element = document.createElement('span');
	element.className = kind;
	element.textContent = text;
	return element;
}

export function add(list, answer) {
	const item = document.createElement('li');
	item.dataset.status = answer.status ?? 'none';
	item.dataset.proxy = answer.proxy;
	const waited = (answer.answered - answer.sent) / 1000;
	const summary = document.createElement('summary');
	summary.append(
		span(`badge ${answer.outcome}`, answer.status ?? 'none'),
		span('what', answer.quota && answer.outcome === 'allowed' ? `${answer.text} ${answer.quota.left} left.` : answer.text),
		span('where', `${answer.algorithm} · ${title(answer.proxy)}`),
		span('when', waited > 0.7 ? `after ${waited.toFixed(1)} s` : time.format(answer.answered)),
	);
	const headers = document.createElement('pre');
	headers.tabIndex = 0;
	headers.textContent = answer.headers.map(([name, value]) => `${name}: ${value}`).join('\n') || 'There are no headers: there was no answer.';
	const details = document.createElement('details');
	details.append(summary, headers);
	item.append(details);
	list.prepend(item);
	while (list.children.length > shownAtMost) list.lastElementChild.remove();
}
