// Shows what is left of one lane's limit, and when the next call is allowed.

const element = (id) => document.getElementById(id);
const seconds = (n) => (n === 1 ? '1 second' : `${n} seconds`);

export function show(lane, now) {
	const { quota } = lane;
	const wait = lane.wait(now);
	const left = lane.left(now);
	element('gauge').dataset.state = !quota ? 'unknown' : wait > 0 ? 'empty' : 'free';
	element('limit').textContent = quota ? policy(quota) : `Call ${lane.algorithm} to see its limit.`;
	element('left').textContent = left;
	element('of').textContent = quota?.of === undefined ? 'left' : `of ${quota.of} left`;
	element('ring').style.strokeDashoffset = quota?.of ? 100 - (100 * Number.parseInt(left, 10)) / quota.of : 100;

	const whole = Math.ceil(wait / 1000);
	element('countdown').textContent = !quota ? '–' : wait === Infinity ? 'never' : wait > 0 ? `${whole} s` : 'now';
	const all = lane.freeAt - lane.waitFrom;
	element('waited').value = !quota || wait === Infinity ? 0 : wait > 0 ? 1 - wait / all : 1;
}

function policy({ name, of, window }) {
	if (of === undefined) return name;
	return `${name}: ${of} in ${window === undefined ? 'all' : seconds(window)}`;
}
