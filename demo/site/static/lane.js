// A lane is one algorithm: what was called, what came of it, what is left.

const minute = 60_000;

export class Lane {
	constructor(algorithm) {
		this.algorithm = algorithm;
		this.answers = [];
		this.pending = new Set();
		this.quota = null;
		this.freeAt = 0; // when a call is allowed, as far as the headers say
		this.staleAt = Infinity; // until when what is left is known
		this.heard = 0;
	}

	add(answer) {
		this.answers.push(answer);
		// Answers of a burst overtake each other; the last one sent knows best.
		if (!answer.quota || answer.sent < this.heard) return;
		this.heard = answer.sent;
		const { left, holds } = this.quota = answer.quota;
		const after = (seconds) => answer.answered + seconds * 1000;
		this.staleAt = answer.outcome === 'denied' ? after(answer.retry ?? Infinity) : after(holds ?? Infinity);
		this.freeAt = left > 0 && answer.outcome === 'allowed' ? 0 : this.staleAt;
		this.waitFrom = answer.answered;
	}

	forget(now) {
		this.answers = this.answers.filter(({ answered }) => now - answered < minute);
	}

	// wait is how many milliseconds are left until a call is allowed.
	wait(now) {
		return Math.max(0, this.freeAt - now);
	}

	// left is what remains, with a + once it may have grown.
	left(now) {
		if (!this.quota) return '–';
		if (now < this.staleAt) return String(this.quota.left);
		return `${Math.max(1, this.quota.left)}+`;
	}

	state(now) {
		if (!this.quota) return 'not called yet';
		const wait = this.wait(now);
		if (wait === Infinity) return 'no call is ever allowed';
		if (wait > 0) return `next in ${Math.ceil(wait / 1000)} s`;
		return this.quota.of === undefined ? `${this.left(now)} left` : `${this.left(now)} of ${this.quota.of} left`;
	}

	count(outcome) {
		return this.answers.filter((answer) => answer.outcome === outcome).length;
	}
}
