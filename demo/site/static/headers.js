// Reads what a limiter says of itself in the headers of an answer.

// items reads a structured field that is a list of strings with integers as
// parameters: `"a";q=3;w=10, "b";q=5` is [{name: 'a', q: 3, w: 10}, …].
export function items(text) {
	const found = [];
	for (const [, name, parameters] of (text ?? '').matchAll(/"((?:[^"\\]|\\.)*)"([^,"]*)/g)) {
		const item = { name: name.replace(/\\(.)/g, '$1') };
		for (const [, key, value] of parameters.matchAll(/;\s*([a-z*][a-z0-9_.*-]*)=(-?\d+)/g)) {
			item[key] = Number(value);
		}
		found.push(item);
	}
	return found;
}

// quota is what is left of the limit closest to exhaustion, for how many
// seconds that holds, and of how much in which window; null if no limit spoke.
export function quota(headers) {
	const [left] = items(headers.get('RateLimit'));
	if (!left) return null;
	const policy = items(headers.get('RateLimit-Policy')).find(({ name }) => name === left.name);
	return { name: left.name, left: left.r, holds: left.t, of: policy?.q, window: policy?.w };
}

// retryAfter is in seconds, whether it is sent so or as a date; null without.
export function retryAfter(headers) {
	const text = headers.get('Retry-After');
	if (!text) return null;
	const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
	return seconds > 0 ? seconds : null;
}
