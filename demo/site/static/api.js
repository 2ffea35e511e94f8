// Calls the API and says in words what came of it.

import { quota, retryAfter } from './headers.js';

// A call that waits its turn in a queue takes long; one that hangs takes longer.
const patience = 60_000;

export const title = (name) => name.charAt(0).toUpperCase() + name.slice(1);

// proxies are those that serve the site, this page's own first to be chosen.
export async function proxies() {
	const answer = await fetch('proxies.json', { cache: 'no-store' });
	if (!answer.ok) throw new Error(`proxies.json: ${answer.status}`);
	const { here, proxies } = await answer.json();
	return proxies.map(({ name, url }) => (name === here ? { name, url: location.origin, here: true } : { name, url }));
}

// call never throws: a failure is an answer too.
export async function call(proxy, algorithm) {
	const sent = Date.now();
	const answer = (fields) => ({ proxy: proxy.name, algorithm, sent, answered: Date.now(), headers: [], ...fields });
	let response;
	try {
		response = await fetch(`${proxy.url}/api/try/${algorithm}`, {
			cache: 'no-store',
			signal: AbortSignal.timeout(patience),
		});
	} catch (error) {
		const text = error.name === 'TimeoutError'
			? `${title(proxy.name)} did not answer within ${patience / 1000} seconds.`
			: `${title(proxy.name)} does not answer at ${proxy.url}. Is it running?`;
		return answer({ outcome: 'failed', text });
	}
	const fields = {
		status: response.status,
		headers: [...response.headers],
		quota: quota(response.headers),
		retry: retryAfter(response.headers),
	};
	const body = await response.json().catch(() => ({}));
	return answer({ ...fields, ...meaning(response.status, body, proxy) });
}

function meaning(status, body, proxy) {
	if (status >= 200 && status < 300) return { outcome: 'allowed', text: body.message ?? 'Allowed.' };
	if (status === 429) return { outcome: 'denied', text: body.detail ?? 'Too many requests.' };
	const name = title(proxy.name);
	if (status === 502 || status === 504) return { outcome: 'failed', text: `${name} is there; the API behind it is not.` };
	if (status === 503 && String(body.type).endsWith('#temporary-reduced-capacity')) {
		return { outcome: 'failed', text: `${name} cannot reach its Redis, and is told to let nobody through meanwhile.` };
	}
	return { outcome: 'failed', text: `${name} answered ${status}, which this page did not expect.` };
}
