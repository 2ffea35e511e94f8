'use strict';

const answers = document.getElementById('answers');
const wait = document.getElementById('wait');
const shownAtMost = 20;

// remaining reads r of the first item in a RateLimit header: "demo-api";r=2;t=10
function remaining(response) {
	const found = /;\s*r=(\d+)/.exec(response.headers.get('RateLimit') ?? '');
	return found ? found[1] : '–';
}

function show(status, proxy, left) {
	const row = document.createElement('tr');
	row.className = status === 200 ? 'allowed' : 'denied';
	for (const text of [new Date().toLocaleTimeString(), status, proxy, left]) {
		row.insertCell().textContent = text;
	}
	answers.prepend(row);
	while (answers.rows.length > shownAtMost) answers.deleteRow(-1);
}

async function call() {
	let response;
	try {
		response = await fetch('/api/hello', { cache: 'no-store' });
	} catch {
		show('no answer', '–', '–');
		return;
	}
	const proxy = response.ok ? (await response.json()).proxy : '–';
	show(response.status, proxy, remaining(response));
	if (response.status === 429) countDown(Number(response.headers.get('Retry-After')));
}

let timer;

function countDown(seconds) {
	clearTimeout(timer);
	wait.textContent = seconds > 0 ? `Too many. The next call succeeds in ${seconds} s.` : '';
	if (seconds > 0) timer = setTimeout(() => countDown(seconds - 1), 1000);
}

for (const button of document.querySelectorAll('button')) {
	button.addEventListener('click', async () => {
		for (let i = 0; i < Number(button.dataset.calls); i++) await call();
	});
}
